package stakeout.app;

import android.app.Service;
import android.app.job.IJobService;
import android.app.job.JobInfo;
import android.app.job.JobParameters;
import android.app.job.JobScheduler;
import android.content.Intent;
import android.os.Binder;
import android.os.Bundle;
import android.os.Handler;
import android.os.IBinder;
import android.os.IInterface;
import android.os.Looper;
import android.os.PersistableBundle;
import android.os.RemoteException;
import stakeout.host.Log;
import java.lang.reflect.Constructor;
import java.lang.reflect.Proxy;
import java.util.HashMap;
import java.util.Map;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowJobScheduler;

/** JobScheduler's host: constraints count as met; latency, period and back-off follow the virtual clock. */
@Implements(className = "android.app.JobSchedulerImpl")
public final class Jobs extends ShadowJobScheduler.ShadowJobSchedulerImpl {
  private static final Map<Integer, Object> TOKENS = new HashMap<>();

  @Override @Implementation public int schedule(JobInfo job) {
    int r = super.schedule(job);
    if (r != JobScheduler.RESULT_SUCCESS) return r;
    Log.event("job.schedule", job.getService().getClassName() + " id " + job.getId() + (job.isPeriodic() ? " every " + job.getIntervalMillis() : " after " + job.getMinLatencyMillis()) + " ms");
    post(job, job.isPeriodic() ? job.getIntervalMillis() - job.getFlexMillis() : job.getMinLatencyMillis(), 0);
    return r;
  }

  @Override @Implementation public void cancel(int id) {
    super.cancel(id);
    TOKENS.remove(id);
  }

  @Override @Implementation public void cancelAll() {
    super.cancelAll();
    TOKENS.clear();
  }

  private void post(JobInfo job, long delay, int failures) {
    Object token = new Object();
    TOKENS.put(job.getId(), token);
    new Handler(Looper.getMainLooper()).postDelayed(() -> {
      if (TOKENS.get(job.getId()) == token) run(job, failures);
    }, delay);
  }

  private void run(JobInfo job, int failures) {
    Log.event("job.start", job.getService().getClassName() + " id " + job.getId());
    Intent i = new Intent().setComponent(job.getService());
    Service s = Services.create(job.getService().getClassName(), i);
    try {
      IJobService.Stub.asInterface(s.onBind(i)).startJob(parameters(job, again -> done(job, again, failures)));
    } catch (RemoteException e) {
      throw new IllegalStateException(e);
    }
  }

  private void done(JobInfo job, boolean again, int failures) {
    if (job.isPeriodic()) post(job, job.getIntervalMillis(), 0);
    else if (again) post(job, Math.min(5 * 3600_000L, job.getInitialBackoffMillis() << failures), Math.min(failures + 1, 16));
    else super.cancel(job.getId());
  }

  private interface Done {
    void done(boolean again);
  }

  /** By types, not by position: the constructor grows with each Android version, and so does IJobCallback, hence the proxy. */
  private static JobParameters parameters(JobInfo job, Done done) {
    Binder binder = new Binder();
    try {
      Class<?> callback = Class.forName("android.app.job.IJobCallback");
      binder.attachInterface((IInterface) Proxy.newProxyInstance(callback.getClassLoader(), new Class<?>[] {callback}, (p, m, a) -> {
        boolean finished = m.getName().equals("jobFinished") || m.getName().equals("acknowledgeStartMessage") && !(Boolean) a[1];
        if (finished) done.done(m.getName().equals("jobFinished") && (Boolean) a[1]);
        return m.getName().equals("asBinder") ? binder : m.getReturnType() == boolean.class ? false : null;
      }), "android.app.job.IJobCallback");
      for (Constructor<?> c : JobParameters.class.getDeclaredConstructors()) {
        Class<?>[] t = c.getParameterTypes();
        if (t.length < 3 || t[0] != IBinder.class) continue;
        Object[] v = new Object[t.length];
        boolean id = false;
        for (int i = 0; i < t.length; i++) {
          if (t[i] == IBinder.class) v[i] = binder;
          else if (t[i] == int.class) { v[i] = id ? 0 : job.getId(); id = true; }
          else if (t[i] == boolean.class) v[i] = false;
          else if (t[i] == PersistableBundle.class) v[i] = job.getExtras();
          else if (t[i] == Bundle.class) v[i] = Bundle.EMPTY;
        }
        c.setAccessible(true);
        return (JobParameters) c.newInstance(v);
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
    throw new IllegalStateException("no constructor of JobParameters");
  }
}
