package stakeout.app;

import android.app.job.JobInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import stakeout.time.Clock;

/** The system's list of jobs: it outlives the app's process; after a reboot only persisted jobs are left. By the job's id. */
final class JobStore {
  private JobStore() {}

  private static final long LEAST_BACKOFF = 10_000, MOST_BACKOFF = 5 * 3_600_000L;

  private static final class Entry {
    final JobInfo job;
    int failures;
    long due;
    Object at;
    boolean running;

    Entry(JobInfo job) {
      this.job = job;
    }
  }

  private static final Map<Integer, Entry> JOBS = new TreeMap<>();

  static synchronized void schedule(JobInfo job) {
    cancel(job.getId());
    Entry e = new Entry(job);
    JOBS.put(job.getId(), e);
    plan(e, job.isPeriodic() ? job.getIntervalMillis() - flex(job) : job.getMinLatencyMillis());
  }

  /** When in its period a job may run at first; API 23 knows no flex and runs at the period's end. */
  private static long flex(JobInfo job) {
    return stakeout.host.Trial.api >= 24 ? Math.min(job.getFlexMillis(), job.getIntervalMillis()) : 0;
  }

  private static void plan(Entry e, long delay) {
    e.due = Clock.now() + Math.max(0, delay);
    arm(e);
  }

  /** API 24: by the screen, a device is idle so long after it went off. */
  private static final long IDLE_AFTER = 71 * 60_000;

  private static void arm(Entry e) {
    e.at = null;
    if (e.running) return;
    if (stakeout.host.Trial.api >= 24 && e.job.getTriggerContentUris() != null) { // nobody but the app changes data here
      stakeout.host.Events.unsupported("android.app.job.JobInfo.getTriggerContentUris", "ignored");
      return;
    }
    if (e.job.isRequireCharging() && Doze.on()) return; // a phone on its charger does not doze
    if (e.job.isRequireDeviceIdle()) {
      if (Uid.screenOn()) return;
      e.due = Math.max(e.due, Uid.screenOffSince() + IDLE_AFTER);
    }
    e.at = Clock.at(Doze.nextWindow(Math.max(e.due, Clock.now())), () -> Device.between(() -> run(e)));
  }

  private static void run(Entry e) {
    synchronized (JobStore.class) {
      if (JOBS.get(e.job.getId()) != e || e.running) return;
      e.running = true;
    }
    if (!AppProcess.ensure()) {
      done(e.job, true);
      return;
    }
    Jobs.run(e.job);
  }

  /** @param again whether the job failed and wants another try */
  static synchronized void done(JobInfo job, boolean again) {
    Entry e = JOBS.get(job.getId());
    if (e == null || e.job != job) return;
    e.running = false;
    if (again) {
      long first = Math.max(LEAST_BACKOFF, job.getInitialBackoffMillis());
      boolean linear = job.getBackoffPolicy() == JobInfo.BACKOFF_POLICY_LINEAR;
      long wait = linear ? first * (e.failures + 1) : first << Math.min(e.failures, 16);
      e.failures++;
      plan(e, Math.min(MOST_BACKOFF, wait));
    } else if (job.isPeriodic()) {
      e.failures = 0;
      plan(e, job.getIntervalMillis());
    } else {
      JOBS.remove(job.getId());
    }
  }

  static synchronized void cancel(int id) {
    Entry e = JOBS.remove(id);
    if (e != null && e.at != null) Clock.cancel(e.at);
  }

  static synchronized void cancelAll() {
    for (Integer id : new ArrayList<>(JOBS.keySet())) cancel(id);
  }

  static synchronized List<JobInfo> all() {
    List<JobInfo> l = new ArrayList<>();
    for (Entry e : JOBS.values()) l.add(e.job);
    return l;
  }

  static synchronized JobInfo pending(int id) {
    Entry e = JOBS.get(id);
    return e == null ? null : e.job;
  }

  /** What ran is tried again later. */
  static synchronized void processDied() {
    for (Entry e : new ArrayList<>(JOBS.values())) if (e.running) done(e.job, true);
  }

  static synchronized void rebooted() {
    for (Entry e : new ArrayList<>(JOBS.values())) {
      if (!e.job.isPersisted()) cancel(e.job.getId());
    }
  }

  static synchronized void again() {
    for (Entry e : JOBS.values()) {
      if (e.at != null) Clock.cancel(e.at);
      arm(e);
    }
  }
}
