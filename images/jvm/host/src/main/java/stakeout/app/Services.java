package stakeout.app;

import android.app.Service;
import android.content.ComponentName;
import android.content.Intent;
import android.content.ServiceConnection;
import android.content.pm.ResolveInfo;
import android.os.Handler;
import android.os.IBinder;
import android.os.Looper;
import stakeout.host.Log;
import java.util.HashMap;
import java.util.Map;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.android.controller.ServiceController;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowService;

/** The app's services: started, bound, in the foreground. All callbacks come on the main looper, later, as on Android. */
public final class Services {
  private static final Map<String, ServiceController<? extends Service>> RUNNING = new HashMap<>();
  private static int startId;

  private static String resolve(Intent i) {
    ResolveInfo r = RuntimeEnvironment.getApplication().getPackageManager().resolveService(i, 0);
    return r == null ? null : r.serviceInfo.name;
  }

  /** onCreate is called by us: ServiceController.create() also runs the main looper's messages, inside the message we are in. */
  static Service create(String name, Intent i) {
    ServiceController<? extends Service> c = RUNNING.get(name);
    if (c != null) return c.get();
    try {
      c = Robolectric.buildService(Class.forName(name, true, Services.class.getClassLoader()).asSubclass(Service.class), i);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
    RUNNING.put(name, c);
    c.get().onCreate();
    return c.get();
  }

  static ComponentName start(Intent i) {
    String name = resolve(i);
    if (name == null) return null;
    Log.event("startService", name);
    new Handler(Looper.getMainLooper()).post(() -> create(name, i).onStartCommand(i, 0, ++startId));
    return new ComponentName(RuntimeEnvironment.getApplication().getPackageName(), name);
  }

  static boolean stop(Intent i) {
    ServiceController<? extends Service> c = RUNNING.remove(resolve(i));
    if (c != null) new Handler(Looper.getMainLooper()).post(c.get()::onDestroy);
    return c != null;
  }

  static boolean bind(Intent i, ServiceConnection connection) {
    String name = resolve(i);
    if (name == null) return false;
    new Handler(Looper.getMainLooper()).post(() -> {
      IBinder b = create(name, i).onBind(i);
      if (b != null) connection.onServiceConnected(new ComponentName(RuntimeEnvironment.getApplication().getPackageName(), name), b);
    });
    return true;
  }

  public static boolean foreground() {
    for (ServiceController<? extends Service> c : RUNNING.values()) {
      ShadowService s = Shadow.extract(c.get());
      if (s.getLastForegroundNotification() != null && !s.isForegroundStopped()) return true;
    }
    return false;
  }

  static void forget() {
    RUNNING.clear();
  }
}
