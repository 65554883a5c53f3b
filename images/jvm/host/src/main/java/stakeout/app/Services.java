package stakeout.app;

import android.app.Service;
import android.content.ComponentName;
import android.content.Intent;
import android.content.ServiceConnection;
import android.content.pm.PackageManager;
import android.content.pm.ResolveInfo;
import android.content.pm.ServiceInfo;
import android.os.Handler;
import android.os.IBinder;
import android.os.Looper;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.robolectric.Robolectric;
import org.robolectric.RuntimeEnvironment;
import stakeout.host.AppLoader;
import stakeout.host.Events;
import stakeout.time.Clock;

/** The app's services: started, bound, in the foreground. All callbacks come on the main looper, later, as on Android. */
public final class Services {
  private Services() {}

  /** What is started again after the process died: `last` is the intent to deliver again, or null for a sticky service. */
  record Restart(String name, Intent last) {}

  private static final long FOREGROUND_PROMISE_MILLIS = 10_000;
  private static final Map<String, ServiceRecord> RUNNING = new LinkedHashMap<>();

  private static ServiceInfo resolve(Intent i) {
    ResolveInfo r = RuntimeEnvironment.getApplication().getPackageManager().resolveService(i, PackageManager.GET_META_DATA);
    return r == null || !r.serviceInfo.packageName.equals(Installed.packageName()) ? null : r.serviceInfo;
  }

  private static void later(Runnable r) {
    new Handler(Looper.getMainLooper()).post(r);
  }

  static synchronized Collection<ServiceRecord> all() {
    return new ArrayList<>(RUNNING.values());
  }

  static synchronized boolean running(String name) {
    return RUNNING.containsKey(name);
  }

  static synchronized ServiceRecord of(Service s) {
    for (ServiceRecord r : RUNNING.values()) if (r.service == s) return r;
    return null;
  }

  /** onCreate is called by us: ServiceController.create() also runs the main looper's messages, inside the message we are in. */
  static ServiceRecord create(String name, ServiceInfo info, Intent i) {
    ServiceRecord r;
    synchronized (Services.class) {
      r = RUNNING.get(name);
      if (r != null && r.service != null) return r;
      if (r == null) RUNNING.put(name, r = new ServiceRecord(name, info));
    }
    try {
      r.service = Robolectric.buildService(Class.forName(name, true, AppLoader.current()).asSubclass(Service.class), i).get();
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException("Unable to instantiate service " + name, e); // as the framework says it
    }
    r.service.onCreate();
    return r;
  }

  static ComponentName start(Intent i, boolean promisesForeground) {
    ServiceInfo info = resolve(i);
    if (info == null) {
      Events.unsupported("android.content.Context.startService of " + (i.getComponent() != null ? i.getComponent().flattenToShortString() : i.getAction()), "ignored");
      return null;
    }
    boolean background = Uid.background(), inUse = Uid.startsInUse();
    ComponentName name = new ComponentName(info.packageName, info.name);
    if ((promisesForeground ? Uid.foregroundStartRefused() : background) && !ServiceRules.mayStart(i, info, promisesForeground)) return null;
    ServiceRecord r;
    synchronized (Services.class) {
      r = RUNNING.computeIfAbsent(info.name, n -> new ServiceRecord(n, info));
      r.startedInBackground = !inUse && (r.service == null || r.startedInBackground);
      r.started = true;
      r.startId++;
      if (promisesForeground && !r.foreground && r.promise == null) promise(r);
    }
    int id = r.startId;
    Intent copy = new Intent(i);
    later(() -> deliver(r, copy, 0, id));
    Events.fact("service", "name", info.name, "change", "started", "types", List.of(), "reason", null);
    return name;
  }

  private static void promise(ServiceRecord r) {
    r.promise = Clock.at(Clock.now() + FOREGROUND_PROMISE_MILLIS, () -> Device.between(() -> {
      if (r.promise == null || !running(r.name)) return;
      AppProcess.crashed(new RuntimeException("Context.startForegroundService() did not then call Service.startForeground(): " + r.name));
    }));
  }

  private static void deliver(ServiceRecord r, Intent i, int flags, int id) {
    if (!r.started || !running(r.name)) return;
    create(r.name, r.info, i);
    int mode = r.service.onStartCommand(i, flags, id);
    r.sticky = mode == Service.START_STICKY || mode == Service.START_STICKY_COMPATIBILITY;
    r.redeliver = mode == Service.START_REDELIVER_INTENT ? i : null;
  }

  static boolean stop(Intent i) {
    ServiceInfo info = resolve(i);
    ServiceRecord r = info == null ? null : find(info.name);
    if (r == null || !r.started) return false;
    r.started = false;
    later(() -> endIfUnused(r));
    return true;
  }

  private static synchronized ServiceRecord find(String name) {
    return RUNNING.get(name);
  }

  /** @param id the start that the service answers, or -1 for whichever; @return whether it was the last one */
  static boolean stopSelf(Service s, int id) {
    ServiceRecord r = of(s);
    if (r == null || id >= 0 && id != r.startId) return false;
    r.started = false;
    later(() -> endIfUnused(r));
    return true;
  }

  static boolean bind(Intent i, ServiceConnection connection, int flags, Executor executor) {
    ServiceInfo info = resolve(i);
    if (info == null) return false;
    ServiceRecord r;
    synchronized (Services.class) {
      r = RUNNING.computeIfAbsent(info.name, n -> new ServiceRecord(n, info));
      r.bound.add(connection);
    }
    later(() -> {
      if (!r.bound.contains(connection)) return;
      create(info.name, info, i);
      IBinder b = r.binder(i);
      Runnable tell = () -> connection.onServiceConnected(new ComponentName(info.packageName, info.name), b);
      if (b != null) executor.execute(tell);
    });
    return true;
  }

  static void unbind(ServiceConnection c) {
    for (ServiceRecord r : all()) {
      if (!r.bound.remove(c)) continue;
      later(() -> endIfUnused(r));
      return;
    }
    throw new IllegalArgumentException("Service not registered: " + c);
  }

  private static void endIfUnused(ServiceRecord r) {
    if (r.started || !r.bound.isEmpty() || r.job) return;
    synchronized (Services.class) {
      if (!RUNNING.remove(r.name, r)) return;
    }
    r.promise = null;
    if (r.service == null) return;
    r.unbindAll();
    r.service.onDestroy();
    Events.fact(List.of(), "service", "name", r.name, "change", "stopped", "types", List.of(), "reason", null);
  }

  /** A job's service lives as long as its job. */
  static void jobDone(ServiceRecord r) {
    r.job = false;
    later(() -> endIfUnused(r));
  }

  /** A foreground service of any type. */
  public static boolean foreground() {
    for (ServiceRecord r : all()) if (r.foreground) return true;
    return false;
  }

  /**
   * A foreground service that may use what `type` stands for (ServiceInfo.FOREGROUND_SERVICE_TYPE_CAMERA, .._MICROPHONE,
   * .._LOCATION) while the app is not seen: since API 30 it must carry the type and must not have been started from the background.
   */
  public static boolean foregroundMayUse(int type) {
    for (ServiceRecord r : all()) if (r.foreground && ServiceRules.mayUse(r, type)) return true;
    return false;
  }

  /** API 26: started services of an idle uid are stopped. */
  static void uidIdle() {
    if (!Installed.ruled(26) || foreground()) return;
    for (ServiceRecord r : all()) {
      if (!r.started || r.foreground) continue;
      r.started = false;
      Events.fact(List.of(), "service", "name", r.name, "change", "stopped", "types", List.of(), "reason", "idle_uid");
      endIfUnused(r);
    }
  }

  /** Forgets all, as their process is gone. @return those that Android starts again */
  static synchronized List<Restart> processDied() {
    List<Restart> l = new ArrayList<>();
    for (ServiceRecord r : RUNNING.values()) {
      r.promise = null;
      if (r.started && r.service != null && (r.sticky || r.redeliver != null)) l.add(new Restart(r.name, r.redeliver));
    }
    RUNNING.clear();
    return l;
  }

  static void restart(Restart s) {
    Intent component = new Intent().setClassName(Installed.packageName(), s.name());
    ServiceInfo info = resolve(component);
    if (info == null) return;
    ServiceRecord r = new ServiceRecord(s.name(), info);
    r.started = true;
    r.startedInBackground = !Uid.startsInUse();
    r.sticky = s.last() == null;
    r.startId = 1;
    synchronized (Services.class) {
      RUNNING.put(s.name(), r);
    }
    later(() -> deliver(r, s.last(), s.last() == null ? 0 : Service.START_FLAG_REDELIVERY, 1));
    Events.fact(List.of(), "service", "name", s.name(), "change", "started", "types", List.of(), "reason", "restarted");
  }

  static void destroyAll() {
    for (ServiceRecord r : all()) {
      r.started = false;
      r.job = false;
      r.bound.clear();
      endIfUnused(r);
    }
  }

  static synchronized void forget() {
    RUNNING.clear();
  }
}
