package stakeout.app;

import android.os.SystemClock;
import java.time.Duration;
import org.robolectric.shadows.ShadowChoreographer;
import org.robolectric.shadows.ShadowLooper;
import org.robolectric.shadows.ShadowSystemClock;
import org.robolectric.util.ReflectionHelpers;
import org.robolectric.util.ReflectionHelpers.ClassParameter;

/**
 * When views are drawn. Left alone, Robolectric moves the clock by a frame whenever something is to be drawn, so that an
 * animation would push time ahead; here frames are due at a time like everything else. An endless animation in an idle
 * foreground hour would cost 200,000 draws, so frames come at a lower rate than a phone's, and endless ones slower still.
 */
public final class Frames {
  private Frames() {}

  /** 20 frames a second for ten seconds after the user did something; else as many only for the first frames of a minute. */
  private static final Duration QUICK = Duration.ofMillis(50), SLOW = Duration.ofSeconds(1);
  private static final long LIVELY_MILLIS = 10_000, MINUTE = 60_000;
  private static final int QUICK_A_MINUTE = 60, AT_ONCE = 5;
  private static long livelyUntil, minute, seen;
  private static int inMinute;

  static void pace() {
    ShadowChoreographer.setFrameDelay(QUICK);
    ShadowChoreographer.setPaused(true);
  }

  /** The user did something: animations run for a while. */
  public static void lively() {
    livelyUntil = SystemClock.uptimeMillis() + LIVELY_MILLIS;
    ShadowChoreographer.setFrameDelay(QUICK);
  }

  /** When the next frame is due, in milliseconds of the framework's uptime; Long.MAX_VALUE for never. */
  public static long next() {
    long nanos = ShadowChoreographer.getNextVsyncTimeNanos();
    if (nanos == 0) return Long.MAX_VALUE;
    if (nanos != seen) {
      seen = nanos;
      count(nanos / 1_000_000);
    }
    return (nanos + 999_999) / 1_000_000;
  }

  /** Messages of a looper wait for a frame that is due, so a rare frame must come soon; only endless ones may be slowed down. */
  private static void count(long millis) {
    if (millis / MINUTE != minute) inMinute = 0;
    minute = millis / MINUTE;
    boolean slow = millis > livelyUntil && ++inMinute > QUICK_A_MINUTE;
    ShadowChoreographer.setFrameDelay(slow ? SLOW : QUICK);
  }

  /** Draws what waits to be drawn without letting time pass: a few frames, as layouts ask for another. On the main thread. */
  public static void drawNow() {
    for (int i = 0; i < AT_ONCE && ShadowChoreographer.getNextVsyncTimeNanos() != 0; i++) {
      ReflectionHelpers.callStaticMethod(ShadowChoreographer.class, "setNextVsyncTimeNanos", ClassParameter.from(long.class, SystemClock.elapsedRealtimeNanos()));
      ShadowSystemClock.advanceBy(Duration.ofNanos(1)); // what listens for frames listens to the clock
      ShadowLooper.shadowMainLooper().idle();
    }
  }
}
