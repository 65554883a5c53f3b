package stakeout.app;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import stakeout.host.Json;

/** The end: components destroyed, then the process exits. */
final class Stop {
  private Stop() {}

  static Map<String, Object> stop() throws Exception {
    return Json.of("live_threads", Thread.activeCount(), "peak_kib", peak());
  }

  /** The high-water mark of resident memory, in KiB. */
  private static long peak() throws Exception {
    for (String l : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (l.startsWith("VmHWM")) return Long.parseLong(l.replaceAll("\\D", ""));
    }
    return 0;
  }
}
