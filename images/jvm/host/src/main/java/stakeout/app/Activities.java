package stakeout.app;

import android.app.Activity;
import android.content.Intent;
import android.content.pm.ActivityInfo;
import android.os.Handler;
import android.os.Looper;
import android.os.SystemClock;
import stakeout.camera.OpenCameras;
import stakeout.camera.SurfaceViewShadow;
import stakeout.host.Log;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ActivityController;

/** Activities: started, sent to the background, drawn. One on top, no back stack yet. */
public final class Activities {
  private static final long IDLE_AFTER = 60_000;
  static ActivityController<? extends Activity> top;
  private static volatile boolean visible;
  private static volatile long hiddenSince;

  static void start(Intent intent) {
    ActivityInfo info = intent.resolveActivityInfo(RuntimeEnvironment.getApplication().getPackageManager(), 0);
    if (info == null) { Log.event("no_activity", String.valueOf(intent)); return; }
    String name = info.targetActivity != null ? info.targetActivity : info.name;
    try {
      Class<? extends Activity> c = Class.forName(name, true, Activities.class.getClassLoader()).asSubclass(Activity.class);
      show(c, intent);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }

  static void show(Class<? extends Activity> c, Intent intent) {
    top = Robolectric.buildActivity(c, intent).create();
    visible = true; // before onResume, where apps open cameras
    if (!top.get().isFinishing()) top.start().postCreate(null).resume().visible().windowFocusChanged(true).topActivityResumed(true);
    Log.event("resumed", c.getName());
  }

  /** As the home key: paused and stopped, the process stays. */
  static void home() {
    if (top == null) return;
    top.topActivityResumed(false).windowFocusChanged(false).pause();
    visible = false;
    top.stop();
    SurfaceViewShadow.windowHidden();
    hiddenSince = SystemClock.uptimeMillis();
    new Handler(Looper.getMainLooper()).postDelayed(OpenCameras::uidIdle, IDLE_AFTER);
    Log.event("home", top.get().getClass().getName() + " stopped");
  }

  static void forget() {
    top = null;
    visible = false;
    hiddenSince = 0;
  }

  /** Something visible, or gone for less than the minute after which Android calls a uid idle. */
  public static boolean recentlyVisible() {
    return visible || hiddenSince != 0 && SystemClock.uptimeMillis() - hiddenSince < IDLE_AFTER;
  }
}
