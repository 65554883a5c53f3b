package stakeout.app;

import android.app.Service;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.content.pm.ServiceInfo;
import java.util.ArrayList;
import java.util.List;
import org.robolectric.RuntimeEnvironment;
import stakeout.host.Events;
import stakeout.host.Trial;

/**
 * Android's rules for services in the background and the foreground, with the exceptions that it throws. Sources: the behaviour
 * changes of API 26 (background starts), 28 (FOREGROUND_SERVICE), 30 (while-in-use access), 31 (foreground starts from the
 * background), 34 (types are required).
 */
final class ServiceRules {
  private ServiceRules() {}

  private static final int CAMERA = 1 << 6, MICROPHONE = 1 << 7, LOCATION = 1 << 3;
  private static final String[] NAMES = {"dataSync", "mediaPlayback", "phoneCall", "location", "connectedDevice", "mediaProjection", "camera",
      "microphone", "health", "remoteMessaging", "systemExempted", "shortService"};
  private static final String[] PERMISSIONS = {"DATA_SYNC", "MEDIA_PLAYBACK", "PHONE_CALL", "LOCATION", "CONNECTED_DEVICE", "MEDIA_PROJECTION", "CAMERA",
      "MICROPHONE", "HEALTH", "REMOTE_MESSAGING", "SYSTEM_EXEMPTED", null};

  private static void refused(String name, int types, String reason) {
    Events.fact("service", "name", name, "change", "refused", "types", names(types), "reason", reason);
  }

  /** A start from the background. @return false when Android ignores it; throws when it throws */
  static boolean mayStart(Intent i, ServiceInfo info, boolean promisesForeground) {
    if (promisesForeground) {
      if (!Installed.ruled(31)) return true;
      refused(info.name, 0, "foreground service start from the background");
      throw exception("android.app.ForegroundServiceStartNotAllowedException",
          "startForegroundService() not allowed due to mAllowStartForeground false: service " + Installed.packageName() + "/" + info.name);
    }
    if (!Installed.ruled(26)) return true;
    refused(info.name, 0, "background start");
    throw exception("android.app.BackgroundServiceStartNotAllowedException",
        "Not allowed to start service " + i + ": app is in background uid UidRecord{" + android.os.Process.myUid() + "}");
  }

  /** The class that this framework has, else the IllegalStateException that it extends and that older versions throw. */
  private static RuntimeException exception(String name, String message) {
    try {
      return (RuntimeException) Class.forName(name).getConstructor(String.class).newInstance(message);
    } catch (ReflectiveOperationException e) {
      return new IllegalStateException(message);
    }
  }

  /** At startForeground. @return the types that hold; throws as Android does */
  static int types(Service s, ServiceRecord r, int asked, boolean given) {
    int declared = Trial.api >= 29 ? r.info.getForegroundServiceType() : 0;
    int types = given && asked != -1 ? asked : declared;
    if (Installed.ruled(28)) need(r, types, "android.permission.FOREGROUND_SERVICE");
    if (Trial.rules >= 29 && given && asked > 0 && (asked & ~declared) != 0) {
      refused(r.name, asked, "type not in the manifest");
      throw new IllegalArgumentException("foregroundServiceType " + hex(asked) + " is not a subset of foregroundServiceType attribute "
          + hex(declared) + " in service element of manifest file");
    }
    if (!Installed.ruled(34)) return types;
    if (types == 0) {
      refused(r.name, 0, "no type");
      throw exception("android.app.MissingForegroundServiceTypeException", "Starting FGS without a type  callerApp=" + Installed.packageName()
          + " targetSDK=" + Installed.target());
    }
    for (int bit = 0; bit < NAMES.length; bit++) {
      if ((types & 1 << bit) == 0 || PERMISSIONS[bit] == null) continue;
      need(r, types, "android.permission.FOREGROUND_SERVICE_" + PERMISSIONS[bit]);
      if (1 << bit == CAMERA) needInUse(r, types, "android.permission.CAMERA");
      if (1 << bit == MICROPHONE) needInUse(r, types, "android.permission.RECORD_AUDIO");
      if (1 << bit == LOCATION) needLocation(r, types);
    }
    return types;
  }

  private static boolean has(String permission) {
    return RuntimeEnvironment.getApplication().checkSelfPermission(permission) == PackageManager.PERMISSION_GRANTED;
  }

  private static void need(ServiceRecord r, int types, String permission) {
    if (!has(permission)) deny(r, types, permission);
  }

  /** A type for camera or microphone also needs the app to be in a state in which it may use them. */
  private static void needInUse(ServiceRecord r, int types, String permission) {
    if (!has(permission)) deny(r, types, permission);
    if (r.startedInBackground && !Uid.startsInUse()) deny(r, types, permission + " and the app must be in the eligible state/exemptions to access it");
  }

  private static void needLocation(ServiceRecord r, int types) {
    if (!has("android.permission.ACCESS_FINE_LOCATION") && !has("android.permission.ACCESS_COARSE_LOCATION")) deny(r, types, "android.permission.ACCESS_COARSE_LOCATION");
  }

  private static void deny(ServiceRecord r, int types, String permission) {
    refused(r.name, types, "foreground_service_type");
    throw new SecurityException("Starting FGS with type " + String.join(", ", names(types)) + " callerApp=" + Installed.packageName()
        + " targetSDK=" + Installed.target() + " requires permissions: " + permission);
  }

  /** Camera, microphone and location of an app that is not seen. */
  static boolean mayUse(ServiceRecord r, int type) {
    if (Trial.rules < 30) return true;
    return !r.startedInBackground && (target29() || (r.types & type) != 0);
  }

  /** Below target 30 a service without types may use all; the start from the background counts nevertheless. */
  private static boolean target29() {
    return Installed.target() < 30;
  }

  private static String hex(int n) {
    return "0x" + String.format("%08x", n);
  }

  static List<String> names(int types) {
    List<String> l = new ArrayList<>();
    for (int bit = 0; bit < NAMES.length; bit++) if ((types & 1 << bit) != 0) l.add(NAMES[bit]);
    return l;
  }
}
