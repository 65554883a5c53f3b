package stakeout.app;

import java.util.ArrayList;
import java.util.List;
import stakeout.host.Log;

/** The threads of the app's process. They end with it, as on Android, whatever they are doing. */
public final class AppThreads {
  private AppThreads() {}

  private static final int ROUNDS = 20;

  static List<Thread> all() {
    List<Thread> l = withMain();
    l.removeIf(AppThreads::isMain);
    return l;
  }

  public static boolean isMain(Thread t) {
    return t == Device.main;
  }

  /** The app's threads and the main thread, which all lives share. */
  public static List<Thread> withMain() {
    ThreadGroup g = Thread.currentThread().getThreadGroup();
    while (g.getParent() != null) g = g.getParent();
    Thread[] t = new Thread[g.activeCount() + 32];
    int n = g.enumerate(t);
    List<Thread> l = new ArrayList<>();
    for (int i = 0; i < n; i++) if (isApps(t[i])) l.add(t[i]);
    return l;
  }

  /** The JVM's own threads are in the top group, the host's have a name of ours. */
  private static boolean isApps(Thread t) {
    ThreadGroup g = t.getThreadGroup();
    if (t == Device.main) return true;
    if (t.getName().startsWith("stakeout-") || t.getName().equals("main")) return false;
    return g != null && g.getParent() != null && !g.getName().equals("InnocuousThreadGroup");
  }

  /**
   * Thread.stop is the only way to end a thread that does not cooperate; the JDK's reasons against it (broken invariants of
   * shared objects) do not hold here, as what these threads shared ends with them.
   */
  @SuppressWarnings({"deprecation", "removal"})
  static void stopAll() {
    List<Thread> left = all();
    for (int round = 0; round < ROUNDS && !left.isEmpty(); round++) {
      for (Thread t : left) t.stop();
      for (Thread t : left) join(t);
      left = all();
    }
    for (Thread t : left) Log.event("threads", "`" + t.getName() + "` outlives the process");
  }

  private static void join(Thread t) {
    try {
      t.join(5);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
