package stakeout.tap;

import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import stakeout.host.Events;

/** Looks around by which an app may know a device, and clocks that are not the device's: each told once. */
public final class Looks {
  private Looks() {}

  private static final int MOST = 200;
  private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();
  /** What only emulators, rooted phones and tools have: it is absent here as on a phone. */
  private static final Pattern SUSPICIOUS = Pattern.compile("qemu|goldfish|ranchu|genyd|genymotion|vbox|virtualbox|bluestacks|bstfolder|bst(folder|shared)|droid4x|ttvm|nox(speedup|d|_|\\.)|[./]nox|\\.andy|microvirt|memud"
      + "|mumu|ldinit|emulator|superuser|supersu|daemonsu|magisk|busybox|xposed|frida|substrate|/su$|/su/|robolectric");

  /** A name that is only asked for to know an emulator or a rooted phone. */
  public static boolean suspicious(String name) {
    return SUSPICIOUS.matcher(name.toLowerCase(Locale.ROOT)).find();
  }

  /** @param asPhone whether the answer is what a phone would give; else the app may know by it that this is none */
  public static void tell(String what, boolean asPhone) {
    if (TOLD.size() < MOST && TOLD.add(what)) Events.fact("looked", "what", what, "as_phone", asPhone);
  }

  /** Something that shows real time, which the scenario's hours do not move. */
  public static void realTime(String what) {
    if (TOLD.size() < MOST && TOLD.add(what)) Events.fact("real_time", "what", what);
  }
}
