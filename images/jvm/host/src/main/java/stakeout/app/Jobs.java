package stakeout.app;

import android.app.job.IJobService;
import android.app.job.JobInfo;
import android.app.job.JobParameters;
import android.app.job.JobScheduler;
import android.app.job.JobWorkItem;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.content.pm.PackageParser;
import android.os.Binder;
import android.os.Bundle;
import android.os.Handler;
import android.os.IBinder;
import android.os.IInterface;
import android.os.Looper;
import android.os.PersistableBundle;
import android.os.RemoteException;
import stakeout.host.Events;
import java.lang.reflect.Constructor;
import java.lang.reflect.Proxy;
import java.util.List;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowJobScheduler;

/**
 * JobScheduler: latency, period, back-off and doze follow the virtual clock. A job that needs a charger waits for the end of doze,
 * one that needs an idle device for 71 minutes with the screen off, one that needs changed data for ever, which is told. Other
 * constraints (network, battery, storage) count as met.
 */
@Implements(className = "android.app.JobSchedulerImpl")
public final class Jobs extends ShadowJobScheduler.ShadowJobSchedulerImpl {
  @Override @Implementation public int schedule(JobInfo job) {
    PackageParser.Service s = Manifest.service(job.getService().getClassName());
    if (s == null) throw new IllegalArgumentException("No such service " + job.getService());
    if (!"android.permission.BIND_JOB_SERVICE".equals(s.info.permission)) {
      throw new IllegalArgumentException("Scheduled service " + job.getService() + " does not require android.permission.BIND_JOB_SERVICE permission");
    }
    if (job.isPersisted() && !has("android.permission.RECEIVE_BOOT_COMPLETED")) {
      throw new IllegalArgumentException("Requested job cannot be persisted without holding android.permission.RECEIVE_BOOT_COMPLETED permission");
    }
    JobStore.schedule(job);
    return JobScheduler.RESULT_SUCCESS;
  }

  private static boolean has(String permission) {
    return RuntimeEnvironment.getApplication().checkSelfPermission(permission) == PackageManager.PERMISSION_GRANTED;
  }

  /** Work items are not given out one by one: the job runs, and finds none. */
  @Override @Implementation(minSdk = 26) public int enqueue(JobInfo job, JobWorkItem work) {
    Events.unsupported("android.app.job.JobScheduler.enqueue", "ignored");
    return schedule(job);
  }

  @Override @Implementation public void cancel(int id) {
    JobStore.cancel(id);
  }

  @Override @Implementation public void cancelAll() {
    JobStore.cancelAll();
  }

  @Override @Implementation public List<JobInfo> getAllPendingJobs() {
    return JobStore.all();
  }

  @Override @Implementation(minSdk = 24) public JobInfo getPendingJob(int id) {
    return JobStore.pending(id);
  }

  /** On the main thread, with a process. */
  static void run(JobInfo job) {
    String name = job.getService().getClassName();
    Events.fact(List.of(), "job", "what", name + " id " + job.getId());
    PackageParser.Service declared = Manifest.service(name);
    new Handler(Looper.getMainLooper()).post(() -> {
      Intent i = new Intent().setComponent(job.getService());
      ServiceRecord r = Services.create(name, declared.info, i);
      r.job = true;
      try {
        IJobService.Stub.asInterface(r.binder(i)).startJob(parameters(job, again -> {
          Services.jobDone(r);
          JobStore.done(job, again);
        }));
      } catch (RemoteException e) {
        throw new IllegalStateException(e);
      }
    });
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
