package stakeout.perm;

import android.app.Activity;
import android.app.Application;
import android.content.Intent;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.os.Handler;
import android.os.Looper;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowApplication;
import stakeout.host.Events;
import stakeout.host.Trial;

/** Grants by the scenario's policy, and the checks that on Android are made by services in other processes. */
public final class Permissions {
  private Permissions() {}

  public static final String REQUEST = "android.content.pm.action.REQUEST_PERMISSIONS";
  public static final String NAMES = "android.content.pm.extra.REQUEST_PERMISSIONS_NAMES";
  private static final String RESULTS = "android.content.pm.extra.REQUEST_PERMISSIONS_RESULTS";
  private static final String ANDROID = "android.permission.";
  /** Names of permissions granted to this app, over all lives of its process; the shadow's own set is not thread-safe to read. */
  private static final Set<String> GRANTED = new HashSet<>();

  private static boolean begun;

  /**
   * What a package holds without being asked: normal permissions, and runtime ones if it targets less than 23 or by the policy
   * `grant_all`. The latter are told as `permission_granted`.
   */
  public static void packageInstalled(List<String> requested, int target) {
    boolean old = target < 23 || Trial.rules < 23;
    List<String> told = new ArrayList<>();
    for (String name : requested) {
      boolean dangerous = Dangerous.is(name, Math.max(23, Trial.rules));
      if (has(name) || !Dangerous.known(name, Trial.rules) || Trial.denies(name)) continue;
      if (dangerous && !old && !Trial.policy.equals("grant_all")) continue;
      synchronized (GRANTED) {
        GRANTED.add(name);
      }
      if (dangerous) told.add(name);
    }
    if (!told.isEmpty()) Events.fact("permission_granted", "permissions", told);
  }

  /**
   * In each life of the app's process, before any of its code: what was granted holds again. Before the first, the policy may
   * have changed since the app was installed.
   */
  public static void install(Application app) {
    if (!begun) packageInstalled(requested(app), app.getApplicationInfo().targetSdkVersion);
    begun = true;
    restore(app);
  }

  private static void restore(Application app) {
    ShadowApplication shadow = Shadow.extract(app);
    synchronized (GRANTED) {
      for (String name : GRANTED) shadow.grantPermissions(name);
    }
  }

  private static void grant(String name) {
    synchronized (GRANTED) {
      GRANTED.add(name);
    }
    ((ShadowApplication) Shadow.extract(RuntimeEnvironment.getApplication())).grantPermissions(name);
  }

  private static List<String> requested(Application app) {
    try {
      PackageInfo p = app.getPackageManager().getPackageInfo(app.getPackageName(), PackageManager.GET_PERMISSIONS);
      return p.requestedPermissions == null ? List.of() : Arrays.asList(p.requestedPermissions);
    } catch (PackageManager.NameNotFoundException e) {
      return List.of();
    }
  }

  /** What the app's manifest asks for. */
  public static List<String> requested() {
    return requested(RuntimeEnvironment.getApplication());
  }

  /**
   * The policy's answer to one request; each request is a fact of its own, also when it is repeated. While nothing of the app
   * is on the screen nobody answers: what is not held already is denied.
   */
  private static int[] decide(String[] names) {
    int[] r = new int[names.length];
    List<String> manifest = requested(), answers = new ArrayList<>();
    for (int i = 0; i < names.length; i++) {
      boolean held = has(names[i]);
      boolean may = Uid.isVisible() && !Trial.policy.equals("deny") && !Trial.denies(names[i]) && Dangerous.known(names[i], Trial.rules);
      boolean asked = Dangerous.is(names[i], Trial.rules);
      if (!held && asked && may && manifest.contains(names[i])) {
        grant(names[i]);
        held = true;
      }
      r[i] = held ? PackageManager.PERMISSION_GRANTED : PackageManager.PERMISSION_DENIED;
      answers.add(held ? "granted" : "denied");
    }
    Events.fact("permission_requested", "permissions", Arrays.asList(names), "answers", answers);
    return r;
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

  private static boolean has(String name) {
    synchronized (GRANTED) {
      return GRANTED.contains(name);
    }
  }

  /** @param name with or without its prefix `android.permission.` */
  public static boolean granted(String name) {
    return has(name.contains(".") ? name : ANDROID + name);
  }

  /** The level of the app that a rule may make exceptions for. */
  public static int target() {
    return RuntimeEnvironment.getApplication().getApplicationInfo().targetSdkVersion;
  }

  /**
   * Refuses a read of personal data as a service across binder would: tells the fact, then throws.
   * @param data the data kind of the fact
   * @param message the exception's text, as Android words it
   */
  public static SecurityException refuse(String data, String what, String message) {
    Events.fact("refused", "sensor", null, "data", data, "what", what, "reason", "permission");
    return new SecurityException(message);
  }

  /** Throws unless the permission is held, in the words of Context.enforcePermission. */
  public static void enforce(String name, String data, String what) {
    if (granted(name)) return;
    throw refuse(data, what, what + ": Neither user " + android.os.Process.myUid() + " nor current process has " + ANDROID + name + ".");
  }
}
