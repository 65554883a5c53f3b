package stakeout.time;

import java.lang.reflect.Field;
import java.util.Date;
import java.util.Timer;
import java.util.TimerTask;

/** java.util.Timer by the virtual clock, on a one-thread pool; the JDK's own timer thread stays idle. */
public class VTimer extends Timer {
  private static final Field NEXT = field("nextExecutionTime"), STATE = field("state");
  private static final int SCHEDULED = 1, EXECUTED = 2, CANCELLED = 3;
  private final VScheduled pool;
  private volatile boolean cancelled;

  public VTimer() { this("Timer-v", false); }
  public VTimer(boolean daemon) { this("Timer-v", daemon); }
  public VTimer(String name) { this(name, false); }
  public VTimer(String name, boolean daemon) {
    super(name + "-idle", true);
    pool = new VScheduled(1, r -> {
      Thread t = new Thread(r, name);
      t.setDaemon(daemon);
      return t;
    });
  }

  private static Field field(String name) {
    try {
      Field f = TimerTask.class.getDeclaredField(name);
      f.setAccessible(true);
      return f;
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** TimerTask keeps its state in package-private fields, which cancel() and scheduledExecutionTime() read. */
  private void plan(TimerTask t, long when, long period, boolean fixedRate) {
    if (cancelled) throw new IllegalStateException("Timer already cancelled.");
    try {
      if (STATE.getInt(t) != 0) throw new IllegalStateException("Task already scheduled or cancelled");
      STATE.setInt(t, SCHEDULED);
      arm(t, when, period, fixedRate);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }

  private void arm(TimerTask t, long when, long period, boolean fixedRate) throws IllegalAccessException {
    NEXT.setLong(t, when);
    Clock.at(when, () -> run(() -> {
      try {
        if (cancelled || STATE.getInt(t) == CANCELLED) return;
        if (period == 0) STATE.setInt(t, EXECUTED);
        t.run();
        if (period != 0) arm(t, (fixedRate ? when : Clock.now()) + period, period, fixedRate);
      } catch (IllegalAccessException e) {
        throw new IllegalStateException(e);
      }
    }));
  }

  private void run(Runnable r) {
    if (!cancelled) pool.execute(r);
  }

  @Override public void schedule(TimerTask t, long delay) { plan(t, VTime.deadline(delay), 0, false); }
  @Override public void schedule(TimerTask t, Date d) { plan(t, d.getTime(), 0, false); }
  @Override public void schedule(TimerTask t, long delay, long period) { plan(t, VTime.deadline(delay), period, false); }
  @Override public void schedule(TimerTask t, Date d, long period) { plan(t, d.getTime(), period, false); }
  @Override public void scheduleAtFixedRate(TimerTask t, long delay, long period) { plan(t, VTime.deadline(delay), period, true); }
  @Override public void scheduleAtFixedRate(TimerTask t, Date d, long period) { plan(t, d.getTime(), period, true); }
  @Override public void cancel() {
    cancelled = true;
    pool.shutdown();
    super.cancel();
  }
}
