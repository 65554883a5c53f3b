package stakeout.app;

import android.content.Intent;
import android.content.pm.ResolveInfo;
import java.util.List;
import java.util.Map;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadows.ShadowLooper;
import stakeout.host.Failure;
import stakeout.host.Json;
import stakeout.ui.Logins;

/** What the user does with the app as a whole. Called on the main thread. */
final class Launcher {
  private Launcher() {}

  static Map<String, Object> launch(OnMain.Early early) throws Failure {
    long from = System.nanoTime();
    if (Installed.packageName() == null) throw new Failure("bad_request", "`launch` before `install`");
    Power.screen(true);
    AppProcess.ensureForUser();
    if (!AppProcess.alive()) throw new Failure("app_crashed", "the app crashed while its process started");
    List<ResolveInfo> main = RuntimeEnvironment.getApplication().getPackageManager()
        .queryIntentActivities(new Intent(Intent.ACTION_MAIN).addCategory(Intent.CATEGORY_LAUNCHER).setPackage(Installed.packageName()), 0);
    if (main.isEmpty()) throw new Failure("not_found", "no launcher activity");
    String name = main.get(0).activityInfo.name;
    early.set(Json.of("activity", name, "millis", (System.nanoTime() - from) / 1_000_000));
    try {
      if (!Activities.comeBack()) {
        Wake.userStarts(true);
        Activities.start(null, null, new Intent(Intent.ACTION_MAIN).addCategory(Intent.CATEGORY_LAUNCHER).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
            .setClassName(Installed.packageName(), name), -1);
      }
      ShadowLooper.shadowMainLooper().idle();
    } catch (Throwable t) {
      AppProcess.crashed(t);
      throw new Failure("app_crashed", String.valueOf(t));
    } finally {
      Wake.userStarts(false);
    }
    String shown = Activities.top() == null ? null : Activities.top().name();
    return Json.of("activity", shown, "millis", (System.nanoTime() - from) / 1_000_000);
  }

  static void home() {
    Power.forget();
    Logins.look();
    Activities.home();
  }

  /** The process ends, alarms and jobs are gone but persisted ones, and the receivers of BOOT_COMPLETED are told. */
  static void reboot() {
    Power.screen(true);
    Power.forget();
    AppProcess.die("reboot", false);
    Activities.forget();
    Alarms.cancelAll();
    JobStore.rebooted();
    Doze.set(false);
    Wake.allow();
    Intent boot = new Intent(Intent.ACTION_BOOT_COMPLETED);
    if (Manifest.requests("android.permission.RECEIVE_BOOT_COMPLETED") && Manifest.receives(boot.getAction())) Receivers.system(boot);
  }
}
