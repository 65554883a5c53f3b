package stakeout.app;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.robolectric.shadows.ShadowLooper;
import stakeout.host.Json;
import stakeout.host.Log;
import stakeout.tap.Taps;

/** The end: components destroyed, then the process exits. */
final class Stop {
  private Stop() {}

  private static final long PATIENCE_SECONDS = 5;

  static Map<String, Object> stop() throws Exception {
    FutureTask<Void> end = new FutureTask<>(Stop::destroy, null);
    Device.between(end);
    try {
      end.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException | ExecutionException e) { // a main thread that hangs, or an app that fails in its last moment
      Log.event("stop", String.valueOf(e));
    }
    Taps.finish(); // what native code wrote is known only now
    return Json.of("live_threads", AppThreads.all().size(), "peak_kib", peak());
  }

  private static void destroy() {
    if (!AppProcess.alive()) return;
    Activities.destroyAll();
    Services.destroyAll();
    ShadowLooper.shadowMainLooper().idle();
  }

  /** The high-water mark of resident memory, in KiB. */
  private static long peak() throws Exception {
    for (String l : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (l.startsWith("VmHWM")) return Long.parseLong(l.replaceAll("\\D", ""));
    }
    return 0;
  }
}
