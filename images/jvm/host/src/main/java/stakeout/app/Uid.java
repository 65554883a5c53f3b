package stakeout.app;

import android.os.SystemClock;
import stakeout.camera.OpenCameras;
import stakeout.host.Trial;
import stakeout.time.Clock;

/** What the user sees of the app, and what Android concludes: visible, cached, idle. The clock is the framework's uptime. */
public final class Uid {
  private Uid() {}

  /** API 26: a minute after the app was last seen its uid is idle. API 29: activities may start for ten seconds. */
  private static final long IDLE_AFTER = 60_000, ACTIVITY_GRACE = 10_000;
  private static volatile boolean visible, screenOn = true;
  private static volatile long hiddenSince;
  private static volatile boolean everVisible;
  private static Object pending;

  /** An activity of the app is on the screen. */
  public static boolean visible() {
    return visible;
  }

  public static boolean screenOn() {
    return screenOn;
  }

  private static volatile long screenOffSince;

  /** The device's wall clock. */
  static long screenOffSince() {
    return screenOffSince;
  }

  static void screenOn(boolean on) {
    screenOn = on;
    if (!on) screenOffSince = Clock.now();
  }

  static boolean screenOnAndNotHome() {
    return screenOn && visible;
  }

  static void visible(boolean now) {
    if (visible && !now) {
      hiddenSince = SystemClock.uptimeMillis();
      if (pending != null) Clock.cancel(pending);
      pending = Clock.at(hiddenSince + IDLE_AFTER, () -> Device.between(Uid::idled));
    }
    visible = now;
    everVisible |= now;
  }

  /** Milliseconds since the app was last seen. */
  public static long hiddenFor() {
    return SystemClock.uptimeMillis() - hiddenSince;
  }

  /** Visible, or gone for less than the minute after which Android calls a uid idle. */
  public static boolean recentlyVisible() {
    return visible || everVisible && hiddenFor() < IDLE_AFTER;
  }

  /** In the background, as the start of services is judged since API 26: not seen lately and no foreground service. */
  public static boolean background() {
    return !recentlyVisible() && !Services.foreground() && !Wake.allowed();
  }

  /** Since API 29 an app in the background opens no activity. */
  static boolean mayStartActivity() {
    return Trial.rules < 29 || visible || everVisible && hiddenFor() < ACTIVITY_GRACE || Wake.userStarts();
  }

  /**
   * Whether a foreground service that starts now counts as started by an app that the user sees: since API 30 it may then use
   * camera and microphone, and since 31 the app may start it at all. It is as for activities: ten seconds after the app was hidden.
   */
  static boolean startsInUse() {
    if (Trial.rules < 30) return !background();
    return visible || everVisible && hiddenFor() < ACTIVITY_GRACE || Wake.userStarts();
  }

  /** Since API 31: whether startForegroundService is refused. */
  static boolean foregroundStartRefused() {
    return !startsInUse() && !Services.foreground() && !Wake.allowed();
  }

  /** The last foreground service kept the uid active; a minute from now it is idle. */
  static void foregroundServiceLeft() {
    if (visible || Services.foreground()) return;
    Clock.at(SystemClock.uptimeMillis() + IDLE_AFTER, () -> Device.between(Uid::idled));
  }

  private static void idled() {
    if (recentlyVisible()) return;
    OpenCameras.uidIdle();
    Services.uidIdle();
  }

  static void forget() {
    visible = false;
    everVisible = false;
    hiddenSince = 0;
    if (pending != null) Clock.cancel(pending);
    pending = null;
  }
}
