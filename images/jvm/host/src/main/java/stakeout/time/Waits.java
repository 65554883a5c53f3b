package stakeout.time;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongPredicate;
import java.util.function.Predicate;

/**
 * Waits that are work in truth: for a child process, for a class that another thread loads, for a lock that the host holds, for
 * anything inside the rooms of this host. Virtual time does not end them, so it must not jump meanwhile.
 */
final class Waits {
  private Waits() {}

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final String[] WORK = {"java.lang.Process", "java.lang.ClassLoader", "java.net.URLClassLoader", "org.robolectric.internal.", "stakeout.host.", "stakeout.camera.",
      "stakeout.audio.", "stakeout.tap.", "stakeout.data.", "stakeout.net."};
  /** From here on down it is a loop's or a pool's idle life, or a wait of the clock's own. */
  private static final String[] IDLE = {"android.os.MessageQueue", "android.os.Looper", "org.robolectric.shadows.ShadowPausedMessageQueue", "org.robolectric.shadows.ShadowPausedLooper",
      "java.util.concurrent.ThreadPoolExecutor", "java.util.concurrent.ForkJoinPool", "stakeout.time."};

  private record Seen(long cpu, boolean works) {}

  private static final Map<Long, Seen> SEEN = new HashMap<>();

  /** @param apps tells a thread of the app by its id; @return whether nobody of the app holds the lock that this thread is blocked on */
  static boolean blockedByOthers(Thread t, LongPredicate apps) {
    ThreadInfo i = THREADS.getThreadInfo(t.getId());
    if (i == null || i.getThreadState() != Thread.State.BLOCKED) return true; // it goes on right now
    return i.getLockOwnerId() < 0 || !apps.test(i.getLockOwnerId());
  }

  /** Whether a waiting thread waits for work. A thread that has used no processor since it was seen is where it was. */
  static boolean works(Thread t, Predicate<String> app) {
    long cpu = THREADS.getThreadCpuTime(t.getId());
    Seen s = SEEN.get(t.getId());
    if (s != null && s.cpu == cpu) return s.works;
    boolean works = works(t.getStackTrace(), app);
    if (SEEN.size() > 10_000) SEEN.clear();
    SEEN.put(t.getId(), new Seen(cpu, works));
    return works;
  }

  /** By the frames above the innermost one of the app. */
  static boolean works(StackTraceElement[] stack, Predicate<String> app) {
    for (StackTraceElement e : stack) {
      String c = e.getClassName();
      if (e.getMethodName().equals("<clinit>") || starts(c, WORK)) return true;
      if (starts(c, IDLE) || app.test(c)) return false;
    }
    return false;
  }

  /** Whether a thread waits in a server socket. Many other methods are called `accept`: a visitor's, a consumer's. */
  static boolean accepts(StackTraceElement[] stack) {
    for (int i = 0; i < Math.min(8, stack.length); i++) {
      String c = stack[i].getClassName();
      if (stack[i].getMethodName().endsWith("ccept") && (c.startsWith("java.net.") || c.startsWith("sun.nio.ch."))) return true;
    }
    return false;
  }

  private static boolean starts(String c, String[] with) {
    for (String w : with) if (c.startsWith(w)) return true;
    return false;
  }
}
