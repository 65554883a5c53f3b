package stakeout.time;

import android.os.Looper;
import android.os.Message;
import android.os.MessageQueue;
import android.os.SystemClock;
import stakeout.host.Log;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.lang.reflect.Field;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.robolectric.shadows.ShadowLooper;
import org.robolectric.shadows.ShadowSystemClock;

/**
 * The one virtual clock. A thread of its own jumps it to the next due entry (a waiting thread, a timer, a looper's message),
 * but only when no app thread can still run: a running thread or one in a socket call holds it, at real speed, up to a cap.
 * The framework's clock (ShadowSystemClock) is the value; this class only decides when it moves.
 */
public final class Clock {
  /** Something due at a virtual time. It stays in the way of further jumps until it is taken away. */
  static final class Entry implements Comparable<Entry> {
    final long when;
    final long order;
    final Runnable wake;
    boolean woken;

    Entry(long when, long order, Runnable wake) {
      this.when = when;
      this.order = order;
      this.wake = wake;
    }
    @Override public int compareTo(Entry o) {
      return when != o.when ? Long.compare(when, o.when) : Long.compare(order, o.order);
    }
  }

  private static final TreeSet<Entry> ENTRIES = new TreeSet<>();
  private static final AtomicInteger HAND_OFFS = new AtomicInteger(), HOST_WORK = new AtomicInteger();
  private static final AtomicBoolean HOLDS_RESET = new AtomicBoolean();
  private static final ThreadMXBean CPU = ManagementFactory.getThreadMXBean();
  /** A thread seen running, since when; when let go, it is ignored until it parks or (if it waits in a call) uses the CPU again. */
  private static final class Hold {
    final long since = System.nanoTime();
    long cpu;
    boolean letGo, spins;
    Hold(long cpu) {
      this.cpu = cpu;
    }
  }

  private static final Map<Long, Hold> HOLDS = new HashMap<>();
  private static long cap() {
    return stakeout.host.Trial.holdCapMillis * 1_000_000L;
  }
  private static final Field HEAD = field(MessageQueue.class, "mMessages");
  private static final Field NEXT = field(Message.class, "next");
  private static final Field WHEN = field(Message.class, "when");
  private static final Field TARGET = field(Message.class, "target");
  private static long orders;
  private static volatile long lastHandOff;
  /** Jumps made, and real nanoseconds in which the clock was held. */
  public static long jumps, heldNanos;

  private static Field field(Class<?> c, String name) {
    try {
      Field f = c.getDeclaredField(name);
      f.setAccessible(true);
      return f;
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException(e);
    }
  }

  public static long now() {
    return SystemClock.uptimeMillis();
  }

  /** Virtual nanoseconds since the trial began: what the pipe calls `at`. */
  public static long trialNanos() {
    return Math.max(0, now() - stakeout.host.Trial.startMillis) * 1_000_000L;
  }

  /** Registers a wake-up. Whoever registers takes it away with {@link #leave}, also after it was woken. */
  static Entry enter(long when, Runnable wake) {
    synchronized (ENTRIES) {
      Entry e = new Entry(when, orders++, wake);
      ENTRIES.add(e);
      return e;
    }
  }

  static void leave(Entry e) {
    synchronized (ENTRIES) {
      ENTRIES.remove(e);
    }
  }

  /** Runs a short task on the clock's thread at a virtual time; the task only hands work to another thread. */
  public static Object at(long when, Runnable task) {
    Entry[] e = new Entry[1];
    synchronized (ENTRIES) {
      e[0] = enter(when, () -> {
        leave(e[0]);
        task.run();
      });
    }
    return e[0];
  }

  public static void cancel(Object at) {
    leave((Entry) at);
  }

  /** A task given to a pool: until it starts, the pool's idle thread looks parked, so the clock must know of it. */
  static Runnable handOff(Runnable r) {
    HAND_OFFS.incrementAndGet();
    lastHandOff = System.nanoTime();
    AtomicInteger once = new AtomicInteger();
    return () -> {
      if (once.getAndIncrement() == 0) HAND_OFFS.decrementAndGet();
      r.run();
    };
  }

  /** Work of ours inside an app's call (an encoder, say): time stands still meanwhile, and it is not the app that held it. */
  public static void standStill(Runnable r) {
    HOST_WORK.incrementAndGet();
    try {
      r.run();
    } finally {
      HOLDS_RESET.set(true);
      HOST_WORK.decrementAndGet();
    }
  }

  /** Lets virtual time pass; called by the controlling thread, never by the app's. Returns when all due work is done. */
  public static void runFor(Duration d) throws InterruptedException {
    long end = now() + d.toMillis();
    Thread t = new Thread(() -> drive(end), "stakeout-clock");
    t.start();
    t.join();
  }

  private static void drive(long end) {
    long since = System.nanoTime();
    while (true) {
      if (HOLDS_RESET.getAndSet(false)) HOLDS.values().removeIf(h -> !h.letGo);
      if (HOST_WORK.get() > 0) {
        LockSupport.parkNanos(100_000);
        since = System.nanoTime();
        continue;
      }
      wakeDue();
      boolean busy = busy() || due();
      if (!busy) { // look twice: a thread just notified still looks parked for a moment
        LockSupport.parkNanos(60_000);
        busy = busy() || due();
      }
      if (!busy) {
        long next = next(end);
        if (next > now()) {
          jumps++;
          ShadowSystemClock.advanceBy(Duration.ofMillis(next - now()));
        } else if (now() >= end) {
          return;
        }
        since = System.nanoTime();
        continue;
      }
      long real = System.nanoTime(), ms = (real - since) / 1_000_000;
      if (ms > 0) { // held: virtual time passes at real speed
        heldNanos += ms * 1_000_000;
        since += ms * 1_000_000;
        if (now() < end) ShadowSystemClock.advanceBy(Duration.ofMillis(Math.min(ms, end - now())));
      }
      LockSupport.parkNanos(50_000);
    }
  }

  private static void letGo(Thread t, Hold h) {
    StackTraceElement[] s = t.getStackTrace();
    long cpu = CPU.getThreadCpuTime(t.getId());
    h.letGo = true;
    h.spins = cpu - h.cpu > cap() / 2;
    h.cpu = cpu;
    String from = "";
    for (StackTraceElement f : s) {
      if (f.getClassName().matches("(java|sun|jdk|javax|com\\.sun)\\..*")) continue;
      from = " from " + f;
      break;
    }
    Log.event("clock_held", "'" + t.getName() + "' for " + cap() / 1_000_000 + " ms, let go: " + (h.spins ? "spins" : "waits") + " in " + (s.length > 0 ? s[0] : "?") + from);
  }

  private static void wakeDue() {
    for (;;) {
      Entry due = null;
      synchronized (ENTRIES) {
        for (Entry e : ENTRIES) {
          if (e.when > now()) break;
          if (!e.woken) { due = e; break; }
        }
        if (due != null) due.woken = true;
      }
      if (due == null) return;
      due.wake.run();
    }
  }

  /** Whether a thread can still do something at this virtual time. Threads of ours are named stakeout-*, the JVM's are in the top group. */
  private static boolean busy() {
    ThreadGroup g = Thread.currentThread().getThreadGroup();
    while (g.getParent() != null) g = g.getParent();
    Thread[] all = new Thread[g.activeCount() + 16];
    int n = g.enumerate(all);
    boolean busy = false;
    for (int i = 0; i < n; i++) {
      Thread t = all[i];
      if (t.getName().startsWith("stakeout-")) continue;
      if (t.getState() != Thread.State.RUNNABLE) {
        if (!HOLDS.isEmpty()) HOLDS.remove(t.getId());
        continue;
      }
      ThreadGroup tg = t.getThreadGroup();
      if (tg == null || tg.getParent() == null || tg.getName().equals("InnocuousThreadGroup")) continue;
      busy |= holds(t);
    }
    return busy;
  }

  private static boolean holds(Thread t) {
    Hold h = HOLDS.computeIfAbsent(t.getId(), k -> new Hold(CPU.getThreadCpuTime(k)));
    if (h.letGo) {
      if (h.spins || CPU.getThreadCpuTime(t.getId()) - h.cpu < 1_000_000) return false;
      HOLDS.remove(t.getId());
      return true;
    }
    long real = System.nanoTime() - h.since;
    if (real > cap()) letGo(t, h);
    else if (real > 1_000_000 && idlesInAccept(t)) h.letGo = true;
    return !h.letGo;
  }

  /** A server socket of the app waits for someone who never comes; that is not work. */
  private static boolean idlesInAccept(Thread t) {
    StackTraceElement[] s = t.getStackTrace();
    for (int i = 0; i < Math.min(8, s.length); i++) if (s[i].getMethodName().endsWith("ccept")) return true;
    return false;
  }

  /** True while woken threads, handed-off tasks or due messages have not been taken up yet. */
  private static boolean due() {
    synchronized (ENTRIES) {
      if (!ENTRIES.isEmpty() && ENTRIES.first().when <= now()) return true;
    }
    if (HAND_OFFS.get() > 0 && System.nanoTime() - lastHandOff < 10_000_000) return true;
    return nextMessage() <= now();
  }

  private static long next(long end) {
    synchronized (ENTRIES) {
      long e = ENTRIES.isEmpty() ? end : ENTRIES.first().when;
      return Math.min(end, Math.min(e, nextMessage()));
    }
  }

  /** The earliest message of all loopers. Robolectric's own getNextScheduledTaskTime stops the looper's thread for it. */
  private static long nextMessage() {
    long first = Long.MAX_VALUE;
    for (Looper l : ShadowLooper.getAllLoopers()) {
      if (!l.getThread().isAlive()) continue;
      MessageQueue q = l.getQueue();
      synchronized (q) {
        try {
          Message m = (Message) HEAD.get(q);
          if (m != null && TARGET.get(m) == null) { // a barrier: only asynchronous messages pass
            do m = (Message) NEXT.get(m); while (m != null && !m.isAsynchronous());
          }
          if (m != null) first = Math.min(first, WHEN.getLong(m));
        } catch (IllegalAccessException e) {
          throw new IllegalStateException(e);
        }
      }
    }
    return first;
  }
}
