package stakeout.app;

import android.app.Application;
import android.content.BroadcastReceiver;
import android.content.ComponentName;
import android.content.Intent;
import android.content.IntentFilter;
import android.content.pm.ActivityInfo;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.content.pm.ResolveInfo;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowPackageManager;
import org.robolectric.shadows.ShadowPackageParser;
import stakeout.data.Planted;
import stakeout.host.AppClassLoader;
import stakeout.host.Failure;
import stakeout.host.Json;
import stakeout.host.Parameters;
import stakeout.host.Trial;
import stakeout.perm.Permissions;

/** The one app of this process. */
final class Installed {
  private Installed() {}

  private static Path apk;

  static Map<String, Object> install(Map<String, Object> p) throws Exception {
    apk = Path.of(Parameters.text(p, "apk"));
    Trial.dataDir = Path.of(Parameters.text(p, "data_dir"));
    Trial.artifactsDir = Path.of(Parameters.text(p, "artifacts_dir"));
    AppClassLoader.attach(Path.of(Parameters.text(p, "jar")), apk);
    stakeout.tap.Files.keepIn(Trial.artifactsDir);
    Thread.setDefaultUncaughtExceptionHandler(Crashes::uncaught);
    return Device.onMain(Installed::create);
  }

  private static Map<String, Object> create() throws Exception {
    int target = ShadowPackageParser.callParsePackage(apk).applicationInfo.targetSdkVersion;
    Device.setUp("app", apk, target);
    Application app = RuntimeEnvironment.getApplication();
    Permissions.install(app);
    Planted.register();
    receivers(app);
    PackageInfo info = app.getPackageManager().getPackageInfo(app.getPackageName(), PackageManager.GET_PERMISSIONS);
    String[] permissions = info.requestedPermissions == null ? new String[0] : info.requestedPermissions;
    return Json.of("package", info.packageName, "version_name", info.versionName, "version_code", (long) info.versionCode, "target_sdk", target,
        "permissions", Arrays.asList(permissions), "label", String.valueOf(app.getApplicationInfo().loadLabel(app.getPackageManager())));
  }

  static Map<String, Object> launch() throws Exception {
    long from = System.nanoTime();
    String activity = Device.onMain(() -> {
      Application app = RuntimeEnvironment.getApplication();
      List<ResolveInfo> main = app.getPackageManager().queryIntentActivities(new Intent(Intent.ACTION_MAIN).addCategory(Intent.CATEGORY_LAUNCHER), 0);
      if (main.isEmpty()) throw new Failure("not_found", "no launcher activity");
      Activities.start(new Intent(Intent.ACTION_MAIN).setClassName(app.getPackageName(), main.get(0).activityInfo.name));
      return main.get(0).activityInfo.name;
    });
    return Json.of("activity", activity, "millis", (System.nanoTime() - from) / 1_000_000);
  }

  /** Robolectric registers manifest receivers only from a source manifest, not from an APK. */
  private static void receivers(Application app) throws Exception {
    ActivityInfo[] all = app.getPackageManager().getPackageInfo(app.getPackageName(), PackageManager.GET_RECEIVERS).receivers;
    for (ActivityInfo r : all == null ? new ActivityInfo[0] : all) {
      BroadcastReceiver b = (BroadcastReceiver) Class.forName(r.name, true, Device.class.getClassLoader()).getConstructor().newInstance();
      List<IntentFilter> filters = ((ShadowPackageManager) Shadow.extract(app.getPackageManager()))
          .getIntentFiltersForReceiver(new ComponentName(r.packageName, r.name));
      if (filters.isEmpty()) filters = List.of(new IntentFilter());
      for (IntentFilter f : filters) app.registerReceiver(b, f, android.content.Context.RECEIVER_EXPORTED);
    }
  }
}
