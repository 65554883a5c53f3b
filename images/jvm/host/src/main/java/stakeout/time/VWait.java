package stakeout.time;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;

/**
 * Timed waits inside java.util.concurrent. The JDK parks in there in real time, out of reach of rewriting, so the wait is
 * cut into short real ones until the virtual deadline; the deadline is entered in the clock, which jumps to it and no further.
 */
public final class VWait {
  interface Attempt<T> {
    /** Waits up to so many real milliseconds; null when nothing came. */
    T once(long realMs) throws InterruptedException, ExecutionException;
  }

  static <T> T timedOrFail(long deadline, Attempt<T> a) throws InterruptedException, ExecutionException {
    Clock.Entry e = Clock.await(deadline, () -> {});
    try {
      for (long slice = 1; ; slice = Math.min(8, slice * 2)) {
        boolean last = Clock.now() >= deadline;
        T r = a.once(last ? 0 : slice);
        if (r != null || last) return r;
      }
    } finally {
      Clock.awaited(e);
    }
  }

  static <T> T timed(long deadline, Attempt<T> a) throws InterruptedException {
    try {
      return timedOrFail(deadline, a);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private static long deadline(long n, TimeUnit u) {
    return VTime.deadline(u.toMillis(n) + (u.toNanos(n) % 1_000_000 > 0 ? 1 : 0));
  }

  public static Object get(Object f, long n, TimeUnit u) throws InterruptedException, ExecutionException, TimeoutException {
    Object[] box = timedOrFail(deadline(n, u), ms -> {
      try {
        return new Object[] {((Future<?>) f).get(ms, TimeUnit.MILLISECONDS)};
      } catch (TimeoutException e) {
        return null;
      }
    });
    if (box == null) throw new TimeoutException();
    return box[0];
  }

  public static boolean await(Object o, long n, TimeUnit u) throws InterruptedException {
    return timed(deadline(n, u), ms -> {
      boolean ok = o instanceof CountDownLatch l ? l.await(ms, TimeUnit.MILLISECONDS) : ((Condition) o).await(ms, TimeUnit.MILLISECONDS);
      return ok ? true : null;
    }) != null;
  }

  public static long awaitNanos(Object c, long nanos) throws InterruptedException {
    long end = deadline(nanos, TimeUnit.NANOSECONDS);
    timed(end, ms -> ((Condition) c).await(ms, TimeUnit.MILLISECONDS) ? true : null);
    return (end - Clock.now()) * 1_000_000L;
  }

  public static boolean awaitTermination(Object e, long n, TimeUnit u) throws InterruptedException {
    return timed(deadline(n, u), ms -> ((ExecutorService) e).awaitTermination(ms, TimeUnit.MILLISECONDS) ? true : null) != null;
  }

  public static boolean tryAcquire(Object s, long n, TimeUnit u) throws InterruptedException {
    return timed(deadline(n, u), ms -> ((Semaphore) s).tryAcquire(ms, TimeUnit.MILLISECONDS) ? true : null) != null;
  }

  public static boolean tryLock(Object l, long n, TimeUnit u) throws InterruptedException {
    return timed(deadline(n, u), ms -> ((Lock) l).tryLock(ms, TimeUnit.MILLISECONDS) ? true : null) != null;
  }

  public static Object poll(Object q, long n, TimeUnit u) throws InterruptedException {
    return timed(deadline(n, u), ms -> ((BlockingQueue<?>) q).poll(ms, TimeUnit.MILLISECONDS));
  }

  @SuppressWarnings("unchecked")
  public static boolean offer(Object q, Object x, long n, TimeUnit u) throws InterruptedException {
    return timed(deadline(n, u), ms -> ((BlockingQueue<Object>) q).offer(x, ms, TimeUnit.MILLISECONDS) ? true : null) != null;
  }
}
