package stakeout.time;

import android.os.SystemClock;
import java.time.Duration;
import java.util.Queue;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import stakeout.app.AppThreads;
import stakeout.host.Trial;

/**
 * The one virtual clock. The framework's clock (ShadowSystemClock) is the value; here is what is due when, and who is about to
 * run. {@link Driver} decides when the clock moves.
 */
public final class Clock {
  private Clock() {}

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
  private static final Queue<Runnable> AT_END = new ConcurrentLinkedQueue<>();
  private static final AtomicLong WORKS = new AtomicLong();
  static final AtomicBoolean HOLDS_RESET = new AtomicBoolean();
  /** A task that was handed to a pool that is shut down never starts: after this time it is no longer waited for. */
  private static final long HAND_OFF_NANOS = 10_000_000;
  private static long orders;
  private static volatile boolean mainWaits;
  private static volatile long lastHandOff;
  /** Jumps made, and real nanoseconds in which the clock was held. */
  public static volatile long jumps, heldNanos;

  /** The device's wall clock, Unix milliseconds; also the framework's uptime. */
  public static long now() {
    return SystemClock.uptimeMillis();
  }

  /** Virtual nanoseconds since the trial began: what the pipe calls `at`. */
  public static long trialNanos() {
    return Math.max(0, now() - Trial.startMillis) * 1_000_000L;
  }

  /** Registers a wake-up. Whoever registers takes it away with {@link #leave}, also after it was woken. */
  static Entry enter(long when, Runnable wake) {
    synchronized (ENTRIES) {
      Entry e = new Entry(when, orders++, wake);
      ENTRIES.add(e);
      return e;
    }
  }

  /** As {@link #enter}, by a thread that waits until then; ended by {@link #awaited}. */
  static Entry await(long when, Runnable wake) {
    if (AppThreads.isMain(Thread.currentThread())) mainWaits = true;
    return enter(when, wake);
  }

  static void awaited(Entry e) {
    leave(e);
    if (AppThreads.isMain(Thread.currentThread())) mainWaits = false;
  }

  /** True while the main thread waits for virtual time, which passes in `advance` only. */
  public static boolean mainWaits() {
    return mainWaits;
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
  public static Runnable handOff(Runnable r) {
    HAND_OFFS.incrementAndGet();
    lastHandOff = System.nanoTime();
    AtomicBoolean once = new AtomicBoolean();
    return () -> {
      if (!once.getAndSet(true)) HAND_OFFS.decrementAndGet();
      r.run();
    };
  }

  /** Work of ours inside an app's call (an encoder, a frame from the feed): time stands still, and it is not the app that held it. */
  public static void standStill(Runnable r) {
    HOST_WORK.incrementAndGet();
    WORKS.incrementAndGet();
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
    Throwable[] failed = new Throwable[1];
    Thread t = new Thread(() -> {
      try {
        Driver.drive(end);
      } catch (Throwable e) { // such as no memory: time that did not pass must not count as passed
        failed[0] = e;
      }
    }, "stakeout-clock");
    t.start();
    t.join();
    if (failed[0] instanceof Error e) throw e;
    if (failed[0] instanceof RuntimeException e) throw e;
  }

  /** What must be done before time stands still again: whoever is outside takes only questions about the time that runs now. */
  public static void atEnd(Runnable r) {
    AT_END.add(r);
  }

  static void ends() {
    for (Runnable r : AT_END) r.run();
  }

  /** Differs from what it was when work of ours has begun since. */
  static long works() {
    return WORKS.get();
  }

  static boolean hostWorks() {
    return HOST_WORK.get() > 0;
  }

  /** The first time at which something is due, Long.MAX_VALUE for never. */
  static long first() {
    synchronized (ENTRIES) {
      return ENTRIES.isEmpty() ? Long.MAX_VALUE : ENTRIES.first().when;
    }
  }

  static boolean handedOff() {
    return HAND_OFFS.get() > 0 && System.nanoTime() - lastHandOff < HAND_OFF_NANOS;
  }

  static void wakeDue() {
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
}
