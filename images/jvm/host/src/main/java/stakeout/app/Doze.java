package stakeout.app;

import stakeout.host.Trial;
import stakeout.time.Clock;

/**
 * Doze (API 23): alarms and jobs wait for maintenance windows, the first an hour after it began, then after two, four and at
 * most six more hours; each is five minutes or, later, ten. The scenario says when the phone dozes.
 */
final class Doze {
  private Doze() {}

  private static final long HOUR = 3_600_000, MINUTE = 60_000;
  private static volatile long since = -1;

  static boolean on() {
    return since >= 0 && Trial.rules >= 23;
  }

  static void set(boolean now) {
    if (now == since >= 0) return;
    since = now ? Clock.now() : -1;
    Alarms.again();
    JobStore.again();
  }

  /** The first time from `due` on at which a window is open. */
  static long nextWindow(long due) {
    return on() ? nextWindow(since, due) : due;
  }

  /** As above, with the start of doze as an argument. */
  static long nextWindow(long began, long due) {
    long idle = HOUR, open = 5 * MINUTE, at = began;
    while (true) {
      at += idle;
      if (due < at + open) return Math.max(due, at);
      at += open;
      idle = Math.min(6 * HOUR, 2 * idle);
      open = Math.min(10 * MINUTE, 2 * open);
    }
  }
}
