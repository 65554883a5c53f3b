package stakeout.app;

import android.util.AndroidRuntimeException;
import java.util.List;
import stakeout.host.Events;

/** Unhandled exceptions of the app: told, shown to the app's own handler, and the end of its process. */
public final class Crashes {
  private Crashes() {}

  private static volatile Thread.UncaughtExceptionHandler apps;

  static void forget() {
    apps = null;
  }

  /** What Thread.setDefaultUncaughtExceptionHandler becomes (escape.txt). */
  public static void setDefaultUncaughtExceptionHandler(Thread.UncaughtExceptionHandler h) {
    apps = h;
  }

  /** Never null, as on Android, where the runtime's handler ends the process: crash reporters call the one that they replace. */
  public static Thread.UncaughtExceptionHandler getDefaultUncaughtExceptionHandler() {
    Thread.UncaughtExceptionHandler h = apps;
    return h != null ? h : (t, e) -> Device.between(AppProcess::crash);
  }

  /** The JVM's handler for every thread, and the main loop's. */
  static void uncaught(Thread t, Throwable e) {
    if (e instanceof ThreadDeath || !AppProcess.alive()) return;
    tell(e);
    Thread.UncaughtExceptionHandler h = apps;
    try {
      if (h != null) h.uncaughtException(t, e);
    } catch (Throwable x) {
      if (!(x instanceof ThreadDeath)) x.printStackTrace();
    }
    Device.between(AppProcess::crash);
  }

  /** Whether the app's code had a part in it: an exception without is a fault of this host. */
  static boolean apps(Throwable e) {
    for (Throwable t = e; t != null; t = t.getCause()) {
      // the framework's own complaints of what an app did, or left out, have no frame of the app's
      if (t instanceof ThreadDeath || t instanceof AndroidRuntimeException || !Events.frames(t.getStackTrace()).isEmpty()) return true;
      if (t.getCause() == t) break;
    }
    return false;
  }

  static void tell(Throwable e) {
    Memory.caught(e);
    Throwable root = e;
    while (root.getCause() != null && root.getCause() != root && Events.frames(root.getStackTrace()).isEmpty()) root = root.getCause();
    List<String> stack = Events.frames(root.getStackTrace());
    Events.fact(stack, "crashed", "message", String.valueOf(root), "stack", stack);
    e.printStackTrace();
  }
}
