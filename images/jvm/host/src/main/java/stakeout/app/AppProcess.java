package stakeout.app;

import android.os.SystemClock;
import java.net.MalformedURLException;
import java.util.List;
import java.util.TimeZone;
import stakeout.camera.OpenCameras;
import stakeout.host.AppLoader;
import stakeout.host.Events;
import stakeout.host.Log;
import stakeout.host.Trial;
import stakeout.time.Clock;

/**
 * The app's process: started when a component is needed, ended by a crash, by the app itself, by a reboot. Each life has its own
 * classes, threads, looper messages and application object; files, permissions, alarms and jobs outlive it. All methods but
 * {@link #exit} are called on the main thread, between messages.
 */
public final class AppProcess {
  private AppProcess() {}

  /** Android gives up on a process that crashes twice within a minute, until the user starts it. */
  private static final long CRASH_LOOP_MILLIS = 60_000, RESTART_MILLIS = 1_000;
  private static volatile boolean alive;
  private static volatile boolean bad;
  private static boolean crashedBefore;
  private static long lastCrash;

  public static boolean alive() {
    return alive;
  }

  /** True when the process may be started for work in the background. */
  static boolean startable() {
    return alive || !bad && Installed.packageName() != null;
  }

  /** The user opens the app: a crash loop is forgiven. */
  static void ensureForUser() {
    bad = false;
    ensure();
  }

  /** Starts the process if there is none. @return whether it lives now */
  static boolean ensure() {
    if (alive) return true;
    if (!startable()) return false;
    try {
      Thread.currentThread().setContextClassLoader(AppLoader.of(Installed.code));
    } catch (MalformedURLException e) {
      throw new IllegalStateException(e);
    }
    alive = true;
    try {
      Device.setUp("app", Installed.apk(), Installed.target());
      Power.settle();
      Connectivity.fresh();
    } catch (Throwable t) {
      crashed(t);
    }
    return alive;
  }

  /** By the app itself, on any of its threads. */
  static void exit(String why) {
    Log.event("exit", why);
    Device.between(() -> {
      Activities.dropTop(); // a resumed activity has saved no state to come back with
      die(why, true);
    });
    throw new ThreadDeath();
  }

  /** An exception that nobody caught, already told as a fact. */
  static void crashed(Throwable t) {
    Crashes.tell(t);
    crash();
  }

  static void crash() {
    if (!alive) return;
    bad = crashedBefore && Clock.now() - lastCrash < CRASH_LOOP_MILLIS;
    crashedBefore = true;
    lastCrash = Clock.now();
    Activities.dropTop();
    die("crash", true);
  }

  /**
   * Ends the life. Nothing of the app is called any more.
   *
   * @param restart whether Android would bring back sticky services and the activity below, which a reboot does not
   */
  static void die(String why, boolean restart) {
    if (!alive) return;
    alive = false;
    long now = Clock.now(), at = Clock.trialNanos();
    TimeZone zone = TimeZone.getDefault();
    List<Services.Restart> sticky = Services.processDied();
    boolean activity = Activities.processDied();
    OpenCameras.processDied();
    Alarms.processDied();
    JobStore.processDied();
    AppThreads.stopAll();
    Clock.standStill(() -> { // the reset sets the clock back: nothing may be dated meanwhile
      Trial.clock = () -> at;
      Device.tearDown();
      SystemClock.setCurrentTimeMillis(now);
      Trial.clock = Clock::trialNanos;
    });
    TimeZone.setDefault(zone);
    if (!restart || bad) return;
    if (activity) Device.between(() -> {
      Events.fact(List.of(), "restarted", "reason", "the activity below, after " + why);
      if (ensure()) Activities.recreateTop();
    });
    for (Services.Restart s : sticky) Clock.at(now + RESTART_MILLIS, () -> Device.between(() -> {
      if (!startable() || Services.running(s.name())) return;
      Events.fact(List.of(), "restarted", "reason", "service " + s.name() + " after " + why);
      if (ensure()) Services.restart(s);
    }));
  }
}
