package stakeout.time;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import stakeout.app.AppThreads;
import stakeout.host.Events;
import stakeout.host.Trial;

/**
 * Which threads hold the clock. One record for each thread seen running: the first that is let go after the cap must not free
 * the others. A thread that spins is let go until it parks; one that waits in a call, until it uses the CPU again. A thread
 * also holds the clock when it waits for work ({@link Waits}).
 */
final class Holds {
  private Holds() {}

  private static final class Hold {
    final long since = System.nanoTime();
    long cpu, blockedSince;
    boolean letGo, spins;

    Hold(long cpu) {
      this.cpu = cpu;
    }
  }

  private static final ThreadMXBean CPU = ManagementFactory.getThreadMXBean();
  private static final long ACCEPT_NANOS = 1_000_000, WORK_NANOS = 1_000_000, PASSING_NANOS = 5_000_000;
  private static final Map<Long, Hold> HOLDS = new HashMap<>();
  /** So often a thread may use up the cap; then it is let go for good, or an app that writes a log without end costs the cap at each jump. */
  private static final int CAPS = 5;
  private static final Map<Long, Integer> CAPPED = new HashMap<>();

  private static long cap() {
    return Trial.holdCapMillis * 1_000_000L;
  }

  /** After work of ours inside an app's call: the app is not charged with it. */
  static void reset() {
    HOLDS.values().removeIf(h -> !h.letGo);
  }

  /** Whether a thread can still do something at this virtual time. */
  static boolean busy() {
    boolean busy = false;
    List<Thread> all = AppThreads.withMain();
    for (Thread t : all) {
      Thread.State state = t.getState();
      if (works(t, state, all)) busy |= holds(t);
      else if (!HOLDS.isEmpty() && !(state == Thread.State.BLOCKED && passing(t))) HOLDS.remove(t.getId());
    }
    return busy;
  }

  private static boolean works(Thread t, Thread.State state, List<Thread> all) {
    return switch (state) {
      case RUNNABLE -> true;
      case BLOCKED -> Waits.blockedByOthers(t, id -> all.stream().anyMatch(o -> o.getId() == id));
      case WAITING, TIMED_WAITING -> Waits.works(t, Events.isApp);
      default -> false;
    };
  }

  /** Threads that run and no longer hold the clock, by the names that Linux has for them. */
  static Set<String> spinners() {
    Set<String> names = new HashSet<>();
    if (HOLDS.values().stream().noneMatch(h -> h.letGo)) return names;
    for (Thread t : AppThreads.withMain()) {
      Hold h = HOLDS.get(t.getId());
      if (h != null && h.letGo) names.add(Tasks.shortName(t.getName()));
    }
    return names;
  }

  /** A thread that spins over a lock (that of the clock itself, when it asks for the time) is seen blocked now and then, and still spins. */
  private static boolean passing(Thread t) {
    Hold h = HOLDS.get(t.getId());
    if (h == null) return false;
    long now = System.nanoTime();
    if (h.blockedSince == 0) h.blockedSince = now;
    return now - h.blockedSince < PASSING_NANOS;
  }

  private static boolean holds(Thread t) {
    if (CAPPED.getOrDefault(t.getId(), 0) >= CAPS && !HOLDS.containsKey(t.getId())) return false;
    Hold h = HOLDS.computeIfAbsent(t.getId(), k -> new Hold(CPU.getThreadCpuTime(k)));
    h.blockedSince = 0;
    if (h.letGo) {
      if (CAPPED.getOrDefault(t.getId(), 0) >= CAPS) return false;
      if (h.spins || CPU.getThreadCpuTime(t.getId()) - h.cpu < WORK_NANOS) return false;
      HOLDS.remove(t.getId());
      return true;
    }
    long real = System.nanoTime() - h.since;
    if (real > cap()) letGo(t, h);
    else if (real > ACCEPT_NANOS && idlesInAccept(t)) h.letGo = true;
    return !h.letGo;
  }

  private static void letGo(Thread t, Hold h) {
    StackTraceElement[] s = t.getStackTrace();
    long cpu = CPU.getThreadCpuTime(t.getId());
    h.letGo = true;
    boolean last = CAPPED.merge(t.getId(), 1, Integer::sum) >= CAPS;
    h.spins = cpu - h.cpu > cap() / 2 || last; // from now on it gets no time of its own, as one that spins
    h.cpu = cpu;
    List<String> apps = Events.frames(s);
    String where = apps.isEmpty() ? s.length > 0 ? s[0].toString() : "?" : apps.get(0);
    Events.fact(apps, "clock_held", "thread", t.getName(), "where", where, "spins", h.spins);
    if (AppThreads.isMain(t)) Events.fact(apps, "anr", "message", "the main thread was held for " + Trial.holdCapMillis + " ms in " + where);
  }

  /** A server socket of the app waits for someone who never comes; that is not work. */
  private static boolean idlesInAccept(Thread t) {
    return Waits.accepts(t.getStackTrace());
  }
}
