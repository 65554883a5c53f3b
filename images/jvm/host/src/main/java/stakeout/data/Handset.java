package stakeout.data;

import android.app.Application;
import android.content.ClipData;
import android.content.ClipboardManager;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.content.ComponentName;
import android.content.pm.ActivityInfo;
import android.content.pm.ApplicationInfo;
import android.content.pm.PackageInfo;
import android.location.Location;
import android.location.LocationManager;
import android.provider.Settings;
import java.util.Map;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowBuild;
import org.robolectric.shadows.ShadowLocationManager;
import org.robolectric.shadows.ShadowPackageManager;
import stakeout.host.Log;
import stakeout.time.Clock;

/** What is planted into the framework's managers, whose stock shadows keep it; the reads are told by shadows of ours. */
final class Handset {
  private Handset() {}

  /** True while the framework's managers are filled: such reads are not the app's. */
  static volatile boolean planting;

  static final String[] PROVIDERS = {LocationManager.GPS_PROVIDER, LocationManager.NETWORK_PROVIDER, LocationManager.PASSIVE_PROVIDER};

  /** After each application is created: the framework's reset has emptied the managers. */
  static void plant() {
    Application app = RuntimeEnvironment.getApplication();
    if (app == null) return;
    planting = true;
    try {
      identifiers(app);
      clipboard(app);
      location(app);
      apps(app);
    } catch (RuntimeException | LinkageError e) { // a manager that this level lacks must not lose the others
      Log.event("plant", String.valueOf(e));
    } finally {
      planting = false;
    }
  }

  private static void identifiers(Application app) {
    Map<String, Object> ids = Planted.map("identifiers");
    if (ids.get("android_id") != null) Settings.Secure.putString(app.getContentResolver(), Settings.Secure.ANDROID_ID, Planted.text(ids, "android_id"));
    if (ids.get("advertising_id") != null) Settings.Secure.putString(app.getContentResolver(), "advertising_id", Planted.text(ids, "advertising_id"));
    if (ids.get("serial") != null) ShadowBuild.setSerial(Planted.text(ids, "serial"));
  }

  private static void clipboard(Application app) {
    if (Planted.value("clipboard") instanceof String s) {
      ((ClipboardManager) app.getSystemService(Context.CLIPBOARD_SERVICE)).setPrimaryClip(ClipData.newPlainText("text", s));
    }
  }

  static Location location(String provider) {
    Map<String, Object> p = Planted.map("location");
    if (p.isEmpty()) return null;
    Location l = new Location(provider);
    l.setLatitude(Planted.real(p, "lat", 0));
    l.setLongitude(Planted.real(p, "lon", 0));
    l.setAccuracy((float) Planted.real(p, "accuracy", 10));
    l.setTime(Clock.now());
    l.setElapsedRealtimeNanos(Clock.now() * 1_000_000);
    return l;
  }

  private static void location(Application app) {
    ShadowLocationManager m = Shadow.extract(app.getSystemService(Context.LOCATION_SERVICE));
    for (String p : PROVIDERS) m.setProviderEnabled(p, true);
  }

  private static void apps(Application app) {
    ShadowPackageManager m = Shadow.extract(app.getPackageManager());
    for (Map<String, Object> a : Planted.list("installed_apps")) {
      PackageInfo p = new PackageInfo();
      p.packageName = Planted.text(a, "package");
      p.versionName = "1.0";
      p.versionCode = 1;
      p.firstInstallTime = p.lastUpdateTime = Clock.now();
      p.applicationInfo = new ApplicationInfo();
      p.applicationInfo.packageName = p.packageName;
      p.applicationInfo.name = p.packageName;
      p.applicationInfo.nonLocalizedLabel = Planted.text(a, "label");
      p.applicationInfo.sourceDir = "/data/app/" + p.packageName + "/base.apk";
      p.applicationInfo.flags = ApplicationInfo.FLAG_INSTALLED | ApplicationInfo.FLAG_HAS_CODE;
      p.applicationInfo.enabled = true;
      m.installPackage(p);
      launcher(m, p);
    }
  }

  private static void launcher(ShadowPackageManager m, PackageInfo p) {
    ActivityInfo main = new ActivityInfo();
    main.packageName = p.packageName;
    main.name = p.packageName + ".MainActivity";
    main.applicationInfo = p.applicationInfo;
    main.exported = true;
    m.addOrUpdateActivity(main);
    IntentFilter f = new IntentFilter(Intent.ACTION_MAIN);
    f.addCategory(Intent.CATEGORY_LAUNCHER);
    m.addIntentFilterForActivity(new ComponentName(main.packageName, main.name), f);
  }
}
