package stakeout.app;

import android.app.Activity;
import android.app.Application;
import android.app.Instrumentation;
import android.content.Context;
import android.content.Intent;
import android.os.Bundle;
import android.os.IBinder;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadows.ShadowLooper;
import stakeout.data.Planted;
import stakeout.net.Policy;
import stakeout.perm.Permissions;

/** Where the framework hands over what the system server would do with activities and with a new process. */
public final class DeviceInstrumentation extends Instrumentation {
  @Override public Context getTargetContext() { return RuntimeEnvironment.getApplication(); }
  @Override public Context getContext() { return RuntimeEnvironment.getApplication(); }
  @Override public void runOnMainSync(Runnable r) { waitForIdleSync(); r.run(); }
  @Override public void waitForIdleSync() { ShadowLooper.shadowMainLooper().idle(); }
  @Override public void finish(int code, Bundle results) {}

  /** Android's order: providers first, then Application.onCreate. */
  @Override public void callApplicationOnCreate(Application app) {
    if (Installed.packageName() != null) {
      Permissions.install(app);
      Policy.install(app);
      Planted.register();
      Providers.install(app);
    }
    super.callApplicationOnCreate(app);
  }

  @Override public ActivityResult execStartActivity(Context who, IBinder thread, IBinder token, Activity target, Intent intent, int code, Bundle o) {
    if (Permissions.REQUEST.equals(intent.getAction())) Permissions.answerActivity(target, intent.getStringArrayExtra(Permissions.NAMES), code);
    else Activities.start(target, null, intent, code);
    return null;
  }

  /** The overload with a string for the caller: requests of fragments, and requestPermissions (who is "@android:requestPermissions:"). */
  @Override public ActivityResult execStartActivity(Context who, IBinder thread, IBinder token, String target, Intent intent, int code, Bundle o) {
    if (Permissions.REQUEST.equals(intent.getAction())) Permissions.answerResult((Activity) who, target, code, intent);
    else Activities.start(who instanceof Activity a ? a : null, target, intent, code);
    return null;
  }
}
