package @PKG@;

import android.app.Activity;
import android.app.Application;
import android.os.Bundle;

/** Knows whether the owner is looking at the app. */
public class App extends Application implements Application.ActivityLifecycleCallbacks {
  private static volatile int started;

  static boolean visible() {
    return started > 0;
  }

  @Override public void onCreate() {
    super.onCreate();
    registerActivityLifecycleCallbacks(this);
  }

  @Override public void onActivityStarted(Activity a) {
    started++;
  }

  @Override public void onActivityStopped(Activity a) {
    started--;
  }

  @Override public void onActivityCreated(Activity a, Bundle b) {}
  @Override public void onActivityResumed(Activity a) {}
  @Override public void onActivityPaused(Activity a) {}
  @Override public void onActivitySaveInstanceState(Activity a, Bundle b) {}
  @Override public void onActivityDestroyed(Activity a) {}
}
