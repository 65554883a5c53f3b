package stakeout.app;

import android.app.Service;
import android.content.Intent;
import android.content.ServiceConnection;
import android.content.pm.ServiceInfo;
import android.os.IBinder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;

/** One service of the app and why it lives: started, bound, or running a job. */
final class ServiceRecord {
  final String name;
  final ServiceInfo info;
  volatile Service service;
  volatile boolean started, sticky, foreground, startedInBackground, job;
  /** The types of its foreground state, a mask of ServiceInfo.FOREGROUND_SERVICE_TYPE_*. */
  volatile int types;
  volatile int startId;
  volatile Intent redeliver;
  /** The entry in the clock that ends the process unless startForeground is called in time. */
  volatile Object promise;
  final Set<ServiceConnection> bound = new CopyOnWriteArraySet<>();
  private final Map<Intent.FilterComparison, IBinder> binders = new LinkedHashMap<>();

  ServiceRecord(String name, ServiceInfo info) {
    this.name = name;
    this.info = info;
  }

  /** onBind is called once for each distinct intent. */
  IBinder binder(Intent i) {
    Intent.FilterComparison key = new Intent.FilterComparison(i);
    if (!binders.containsKey(key)) binders.put(key, service.onBind(i));
    return binders.get(key);
  }

  void unbindAll() {
    for (Intent.FilterComparison f : binders.keySet()) service.onUnbind(f.getIntent());
    binders.clear();
  }
}
