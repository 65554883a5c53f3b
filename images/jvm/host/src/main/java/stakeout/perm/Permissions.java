package stakeout.perm;

import android.app.Activity;
import android.app.Application;
import android.content.Intent;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.os.Handler;
import android.os.Looper;
import stakeout.app.Activities;
import stakeout.app.Services;
import stakeout.host.Log;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowApplication;

/** Grants by policy, and the checks that on Android are made by services in other processes, which do not exist here. */
public final class Permissions {
  public static final String REQUEST = "android.content.pm.action.REQUEST_PERMISSIONS";
  public static final String NAMES = "android.content.pm.extra.REQUEST_PERMISSIONS_NAMES";
  private static final String RESULTS = "android.content.pm.extra.REQUEST_PERMISSIONS_RESULTS";
  /** The API level whose rules hold: the profile's, which may differ from the framework classes' own. */
  public static int rules() { return stakeout.host.Trial.rules; }
  private static final Set<String> DANGEROUS = Set.of("CAMERA", "RECORD_AUDIO", "READ_CONTACTS", "WRITE_CONTACTS", "GET_ACCOUNTS",
      "READ_CALL_LOG", "WRITE_CALL_LOG", "READ_PHONE_STATE", "READ_PHONE_NUMBERS", "CALL_PHONE", "ACCESS_FINE_LOCATION",
      "ACCESS_COARSE_LOCATION", "ACCESS_BACKGROUND_LOCATION", "READ_SMS", "SEND_SMS", "RECEIVE_SMS", "READ_CALENDAR", "WRITE_CALENDAR",
      "READ_EXTERNAL_STORAGE", "WRITE_EXTERNAL_STORAGE", "READ_MEDIA_IMAGES", "READ_MEDIA_VIDEO", "READ_MEDIA_AUDIO", "BODY_SENSORS",
      "ACTIVITY_RECOGNITION", "BLUETOOTH_CONNECT", "BLUETOOTH_SCAN", "NEARBY_WIFI_DEVICES", "POST_NOTIFICATIONS");

  /** At install: normal permissions, and all of them for an app that targets less than 23. */
  public static void install(Application app) {
    try {
      PackageInfo p = app.getPackageManager().getPackageInfo(app.getPackageName(), PackageManager.GET_PERMISSIONS);
      for (String name : p.requestedPermissions == null ? new String[0] : p.requestedPermissions) {
        boolean dangerous = DANGEROUS.contains(name.substring(name.lastIndexOf('.') + 1));
        if (!dangerous || app.getApplicationInfo().targetSdkVersion < 23 || rules() < 23) shadow().grantPermissions(name);
      }
    } catch (PackageManager.NameNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }

  private static ShadowApplication shadow() {
    return Shadow.extract(RuntimeEnvironment.getApplication());
  }

  private static int[] decide(String[] names) {
    int[] r = new int[names.length];
    List<String> manifest = requested();
    for (int i = 0; i < names.length; i++) {
      boolean ok = manifest.contains(names[i]) && !stakeout.host.Trial.denies(names[i]);
      if (ok) shadow().grantPermissions(names[i]);
      r[i] = ok ? PackageManager.PERMISSION_GRANTED : PackageManager.PERMISSION_DENIED;
    }
    Log.event("permission.request", String.join(",", names).replace("android.permission.", "") + " -> " + Arrays.toString(r));
    return r;
  }

  private static List<String> requested() {
    Application app = RuntimeEnvironment.getApplication();
    try {
      String[] r = app.getPackageManager().getPackageInfo(app.getPackageName(), PackageManager.GET_PERMISSIONS).requestedPermissions;
      return r == null ? List.of() : Arrays.asList(r);
    } catch (PackageManager.NameNotFoundException e) {
      return List.of();
    }
  }

  public static void answerActivity(Activity a, String[] names, int code) {
    int[] r = decide(names);
    new Handler(Looper.getMainLooper()).post(() -> a.onRequestPermissionsResult(code, names, r));
  }

  /** As the system answers: an activity result for "who", which the framework turns into onRequestPermissionsResult. */
  public static void answerResult(Activity a, String who, int code, Intent request) {
    String[] names = request.getStringArrayExtra(NAMES);
    Intent data = new Intent(REQUEST).putExtra(NAMES, names).putExtra(RESULTS, decide(names));
    new Handler(Looper.getMainLooper()).post(() -> {
      try {
        for (Method m : Activity.class.getDeclaredMethods()) { // four parameters, five since API 28
          if (!m.getName().equals("dispatchActivityResult")) continue;
          m.setAccessible(true);
          Object[] v = {who, code, Activity.RESULT_OK, data, "permissions"};
          m.invoke(a, Arrays.copyOf(v, m.getParameterCount()));
          return;
        }
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    });
  }

  public static boolean granted(String shortName) {
    return RuntimeEnvironment.getApplication().checkSelfPermission("android.permission." + shortName) == PackageManager.PERMISSION_GRANTED;
  }

  /** Throws as a service across binder would. */
  public static void enforce(String shortName, String what) {
    if (granted(shortName)) return;
    Log.event("denied", what + " without " + shortName);
    throw new SecurityException("Permission Denial: " + what + " requires android.permission." + shortName);
  }

  /** API 28+: an idle uid (nothing visible, no foreground service) gets no camera, and silence from the microphone. */
  public static boolean idle() {
    return rules() >= 28 && !Activities.recentlyVisible() && !Services.foreground();
  }
}
