package stakeout.tap;

import java.io.FileNotFoundException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import stakeout.host.Events;

/** Paths that lead out of the app's world into the process that hosts it: refused, and told once each. */
final class Guard {
  private Guard() {}

  private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();
  private static final int MOST_TOLD = 200;

  static void tell(String what) {
    if (TOLD.size() < MOST_TOLD && TOLD.add(what)) Events.fact("escape", "what", what);
  }

  /** @throws FileNotFoundException for descriptors and memory of this process: the pipes to the device are among them */
  static void path(String path) throws FileNotFoundException {
    if (path == null || !leadsOut(path)) return;
    tell(path);
    throw new FileNotFoundException(path + ": open failed: EACCES (Permission denied)");
  }

  static boolean leadsOut(String path) {
    String p;
    try {
      p = java.nio.file.Path.of(path).normalize().toString();
    } catch (java.nio.file.InvalidPathException e) {
      return false; // no such file can be: the JDK's own exception follows
    }
    if (p.startsWith("/dev/fd") || p.startsWith("/dev/std")) return true;
    if (!p.startsWith("/proc/")) return false;
    return p.contains("/fd") || p.endsWith("/mem") || p.endsWith("/maps") || p.endsWith("/environ") || p.contains("/root") || p.contains("/task/");
  }
}
