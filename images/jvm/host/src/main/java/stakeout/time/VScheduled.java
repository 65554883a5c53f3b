package stakeout.time;

import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Delayed;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.FutureTask;
import java.util.concurrent.RejectedExecutionHandler;
import java.util.concurrent.RunnableScheduledFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A scheduled pool whose delays are virtual: a task reaches the JDK's pool when it is due, with delay 0. */
public class VScheduled extends ScheduledThreadPoolExecutor {
  public VScheduled(int n) { super(n); }
  public VScheduled(int n, ThreadFactory f) { super(n, f); }
  public VScheduled(int n, RejectedExecutionHandler h) { super(n, h); }
  public VScheduled(int n, ThreadFactory f, RejectedExecutionHandler h) { super(n, f, h); }

  public static ScheduledExecutorService newScheduledThreadPool(int n) { return new VScheduled(n); }
  public static ScheduledExecutorService newScheduledThreadPool(int n, ThreadFactory f) { return new VScheduled(n, f); }
  public static ScheduledExecutorService newSingleThreadScheduledExecutor() { return new VScheduled(1); }
  public static ScheduledExecutorService newSingleThreadScheduledExecutor(ThreadFactory f) { return new VScheduled(1, f); }

  /** One task: period 0 for once, positive for a fixed rate, negative for a fixed delay. */
  private final class Task<V> extends FutureTask<V> implements RunnableScheduledFuture<V> {
    private long when;
    private final long period;
    private volatile Object entry;

    Task(Callable<V> c, long when, long period) {
      super(c);
      this.when = when;
      this.period = period;
    }

    void arm() {
      entry = Clock.at(when, () -> {
        if (!isShutdown()) VScheduled.super.schedule(Clock.handOff(this), 0, TimeUnit.NANOSECONDS);
      });
    }

    @Override public void run() {
      if (period == 0) super.run();
      else if (runAndReset()) {
        when = period > 0 ? when + period : Clock.now() - period;
        arm();
      }
    }

    @Override public boolean cancel(boolean interrupt) {
      if (entry != null) Clock.cancel(entry);
      return super.cancel(interrupt);
    }

    @Override public long getDelay(TimeUnit u) { return u.convert(when - Clock.now(), TimeUnit.MILLISECONDS); }
    @Override public int compareTo(Delayed d) { return Long.compare(getDelay(TimeUnit.MILLISECONDS), d.getDelay(TimeUnit.MILLISECONDS)); }
    @Override public boolean isPeriodic() { return period != 0; }
  }

  private <V> Task<V> start(Callable<V> c, long delay, long period, TimeUnit u) {
    Task<V> t = new Task<>(c, VTime.deadline(u.toMillis(delay)), period == 0 ? 0 : u.toMillis(period));
    t.arm();
    return t;
  }

  private static Callable<Object> call(Runnable r) {
    return () -> {
      r.run();
      return null;
    };
  }

  @Override public <V> ScheduledFuture<V> schedule(Callable<V> c, long d, TimeUnit u) { return start(c, d, 0, u); }
  @Override public ScheduledFuture<?> schedule(Runnable r, long d, TimeUnit u) { return start(call(r), d, 0, u); }
  @Override public ScheduledFuture<?> scheduleAtFixedRate(Runnable r, long d, long p, TimeUnit u) { return start(call(r), d, p, u); }
  @Override public ScheduledFuture<?> scheduleWithFixedDelay(Runnable r, long d, long p, TimeUnit u) { return start(call(r), d, -p, u); }
  // the JDK's execute and submit call schedule(..), which would wait for the clock's thread: straight to the pool instead
  @Override public void execute(Runnable r) { super.schedule(Clock.handOff(r), 0, TimeUnit.NANOSECONDS); }
  @Override public java.util.concurrent.Future<?> submit(Runnable r) { return super.schedule(Clock.handOff(r), 0, TimeUnit.NANOSECONDS); }
  @Override public <T> java.util.concurrent.Future<T> submit(Callable<T> c) { return super.schedule(c, 0, TimeUnit.NANOSECONDS); }

  public static Executor delayedExecutor(long d, TimeUnit u, Executor e) {
    return r -> Clock.at(VTime.deadline(u.toMillis(d)), () -> e.execute(Clock.handOff(r)));
  }

  public static Executor delayedExecutor(long d, TimeUnit u) {
    return delayedExecutor(d, u, ForkJoinPool.commonPool());
  }

  public static <T> CompletableFuture<T> orTimeout(CompletableFuture<T> f, long d, TimeUnit u) {
    return later(f, d, u, () -> f.completeExceptionally(new TimeoutException()));
  }

  public static <T> CompletableFuture<T> completeOnTimeout(CompletableFuture<T> f, T v, long d, TimeUnit u) {
    return later(f, d, u, () -> f.complete(v));
  }

  private static <T> CompletableFuture<T> later(CompletableFuture<T> f, long d, TimeUnit u, Runnable r) {
    Object at = Clock.at(VTime.deadline(u.toMillis(d)), () -> ForkJoinPool.commonPool().execute(Clock.handOff(r)));
    f.whenComplete((v, x) -> Clock.cancel(at));
    return f;
  }
}
