package stakeout.app;

import stakeout.host.Trial;
import stakeout.time.Clock;

/**
 * Doze (API 23): alarms and jobs wait for maintenance windows, the first an hour after it began, then after two, four and at
 * most six more hours; each is five minutes or, later, ten. The scenario says when the phone dozes.
 */
public final class Doze {
  private Doze() {}

  private static final long HOUR = 3_600_000, MINUTE = 60_000;
  private static volatile long since = -1;

  static boolean on() {
    return since >= 0 && Trial.rules >= 23;
  }

  /** Dozing, and no maintenance window is open. */
  public static boolean deep() {
    long now = Clock.now();
    return on() && nextWindow(now) > now;
  }

  /**
   * Whether the network is cut for the app: it dozes with the phone, and neither a foreground service nor an alarm that is
   * allowed while idle has put it on the list of exceptions.
   */
  public static boolean offline() {
    return deep() && !Services.foreground() && !Uid.visible() && !Wake.network();
  }

  static void set(boolean now) {
    if (now == since >= 0) return;
    since = now ? Clock.now() : -1;
    Alarms.again();
    JobStore.again();
    edges();
  }

  private static Object edge;

  /** The network comes and goes with the windows. Called at each edge. */
  private static void edges() {
    if (edge != null) Clock.cancel(edge);
    edge = null;
    Connectivity.settle();
    if (!on()) return;
    long now = Clock.now(), open = nextWindow(now);
    edge = Clock.at(open > now ? open : windowEnd(since, now), () -> Device.between(Doze::edges));
  }

  /** The first time from `due` on at which a window is open. */
  static long nextWindow(long due) {
    return on() ? nextWindow(since, due) : due;
  }

  /** As above, with the start of doze as an argument. */
  static long nextWindow(long began, long due) {
    return Math.max(due, window(began, due)[0]);
  }

  /** When the window ends that is open at `now`. */
  static long windowEnd(long began, long now) {
    return window(began, now)[1];
  }

  /** The first window that ends after `due`. */
  private static long[] window(long began, long due) {
    long idle = HOUR, open = 5 * MINUTE, at = began;
    while (true) {
      at += idle;
      if (due < at + open) return new long[] {at, at + open};
      at += open;
      idle = Math.min(6 * HOUR, 2 * idle);
      open = Math.min(10 * MINUTE, 2 * open);
    }
  }
}
