package stakeout.app;

import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.robolectric.shadows.ShadowLooper;
import stakeout.host.Failure;
import stakeout.host.Trial;
import stakeout.time.Clock;

/**
 * Requests that need the main thread. Virtual time stands still meanwhile, so an app that sleeps in a click, or waits for
 * something that takes time, would never let it return: then the request is answered and the rest happens in `advance`.
 */
final class OnMain {
  private OnMain() {}

  private static final long LOOK_MILLIS = 20;
  /** Beyond the cap: slow starts on a busy machine are no hangs. */
  private static final long PATIENCE = 10;

  /** What is answered when the main thread does not come back: known before the app's code runs. */
  static final class Early {
    private volatile Map<String, Object> answer;

    void set(Map<String, Object> a) {
      answer = a;
    }
  }

  interface Task {
    Map<String, Object> run(Early early) throws Exception;
  }

  /** For the host's own work: waits for the result, and fails when the app keeps the main thread. */
  static <T> T host(Callable<T> c) throws Exception {
    FutureTask<T> task = new FutureTask<>(c);
    Device.between(task);
    if (!settled(task)) {
      task.cancel(false);
      throw new Failure("failed", "the app's main thread does not answer");
    }
    return result(task);
  }

  /** For what the user does: the app's code runs, and its exceptions are the app's crash. */
  static Map<String, Object> user(Task t) throws Exception {
    Early early = new Early();
    FutureTask<Map<String, Object>> task = new FutureTask<>(() -> guarded(t, early));
    Device.between(task);
    if (settled(task)) return result(task);
    return early.answer == null ? Map.of() : early.answer;
  }

  private static Map<String, Object> guarded(Task t, Early early) throws Exception {
    try {
      Map<String, Object> answer = t.run(early);
      ShadowLooper.shadowMainLooper().idle(); // what is due at once, such as receivers, comes before the answer
      return answer;
    } catch (ThreadDeath e) { // the app ended its own process
      return early.answer == null ? Map.of() : early.answer;
    } catch (RuntimeException | Error e) {
      if (!AppProcess.alive() || !Crashes.apps(e)) throw e;
      AppProcess.crashed(e);
      throw new Failure("app_crashed", String.valueOf(e));
    }
  }

  /** @return false when the main thread waits for virtual time, or for longer than the app may hold the clock */
  private static boolean settled(FutureTask<?> task) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE * Trial.holdCapMillis * 1_000_000L;
    int waits = 0;
    while (System.nanoTime() < end) {
      try {
        task.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
        return true;
      } catch (TimeoutException e) {
        waits = Clock.mainWaits() ? waits + 1 : 0;
        if (waits > 2) return false; // seen thrice in a row: it is not just being woken
      } catch (ExecutionException e) {
        return true;
      }
    }
    return false;
  }

  private static <T> T result(FutureTask<T> task) throws Exception {
    try {
      return task.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception x) throw x;
      throw e;
    }
  }
}
