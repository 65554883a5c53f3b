package stakeout.time;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.robolectric.shadows.ShadowSystemClock;
import stakeout.app.Frames;
import stakeout.host.Events;
import stakeout.host.Trial;

/**
 * Moves the clock on a thread of its own: jumps to the next due entry (a waiting thread, a timer, a looper's message), but only
 * when no app thread can still run. A running thread, or one in a socket call, holds it at real speed.
 */
final class Driver {
  private Driver() {}

  private static final long LOOK_AGAIN_NANOS = 60_000, HELD_STEP_NANOS = 50_000, LONGEST_STEP_NANOS = 500_000;
  private static final long SAMPLE_NANOS = 1_000_000, PROGRESS_NANOS = 500_000_000;
  /** A jump that is shorter does no harm to a thread that wakes late. */
  private static final long FAR_MILLIS = 50, WAKING_NANOS = 200_000_000;
  private static long sampled, progressed, wakingSince;

  static void drive(long end) {
    sample(true);
    try {
      run(end);
      Clock.ends();
    } finally {
      sample(true);
    }
  }

  private static void run(long end) {
    long since = System.nanoTime(), moved = since;
    while (true) {
      if (Clock.HOLDS_RESET.getAndSet(false)) Holds.reset();
      if (Clock.hostWorks()) {
        LockSupport.parkNanos(step(moved));
        since = System.nanoTime();
        continue;
      }
      Clock.wakeDue();
      boolean busy = busy();
      if (!busy) { // look twice: a thread just notified still looks parked for a moment
        LockSupport.parkNanos(LOOK_AGAIN_NANOS);
        busy = busy();
      }
      long now = Clock.now();
      if (!busy) {
        long next = Math.min(Math.min(end, Frames.next()), Math.min(Clock.first(), Loopers.nextMessage()));
        if ((next - now >= FAR_MILLIS || now >= end) && waking()) {
          LockSupport.parkNanos(HELD_STEP_NANOS);
          continue;
        }
        if (next > now) {
          Clock.jumps++;
          ShadowSystemClock.advanceBy(Duration.ofMillis(next - now));
          sample(false);
        } else if (now >= end) {
          return;
        }
        wakingSince = 0;
        since = moved = System.nanoTime();
        continue;
      }
      wakingSince = 0;
      since = held(since, now, end);
      LockSupport.parkNanos(step(moved));
    }
  }

  /** How long to wait before the next look: an eighth of what the clock has been held, as each look costs the processor that the app works with. */
  private static long step(long moved) {
    return Math.max(HELD_STEP_NANOS, Math.min(LONGEST_STEP_NANOS, (System.nanoTime() - moved) / 8));
  }

  /** Virtual time passes at real speed, never beyond the end of what was asked for. @return from when on real time is not yet counted */
  private static long held(long since, long now, long end) {
    long ms = (System.nanoTime() - since) / 1_000_000;
    if (ms <= 0) return since;
    Clock.heldNanos += ms * 1_000_000;
    if (now < end) ShadowSystemClock.advanceBy(Duration.ofMillis(Math.min(ms, end - now)));
    progress();
    return since + ms * 1_000_000;
  }

  /** Work of ours may begin or end between two looks at the threads, which then all look parked. */
  private static boolean busy() {
    long works = Clock.works();
    return Clock.hostWorks() || Holds.busy() || due() || works != Clock.works();
  }

  /** Before a jump that matters: whether a thread was notified and only has no processor yet. Not asked for ever, as what it is told may mislead. */
  private static boolean waking() {
    if (!Tasks.runnable(Holds.spinners())) return false;
    long real = System.nanoTime();
    if (wakingSince == 0) wakingSince = real;
    return real - wakingSince < WAKING_NANOS;
  }

  /** True while woken threads, handed-off tasks or due messages have not been taken up yet. */
  private static boolean due() {
    long now = Clock.now();
    return Clock.first() <= now || Clock.handedOff() || Loopers.nextMessage() <= now;
  }

  /** Which virtual time it is at which real time: what the network's records are dated by. */
  private static void sample(boolean always) {
    if (always) Events.clock();
    else Events.jumped();
    long real = System.nanoTime();
    if (!always && real - sampled < SAMPLE_NANOS) return;
    sampled = real;
    Samples.add(System.currentTimeMillis(), Clock.now());
    progress();
  }

  private static void progress() {
    long real = System.nanoTime();
    if (real - progressed < PROGRESS_NANOS) return;
    progressed = real;
    Events.event("progress", "at", Trial.clock.getAsLong());
  }
}
