package stakeout.time;

import java.util.Map;
import java.util.TreeMap;

/** Which virtual time it was at which real time, for what the operating system dates by the real one. Both in Unix milliseconds. */
final class Samples {
  private Samples() {}

  private static final int MOST = 100_000;
  private static final TreeMap<Long, Long> VIRTUAL = new TreeMap<>();

  static synchronized void add(long real, long virtual) {
    if (VIRTUAL.size() >= MOST) VIRTUAL.pollFirstEntry();
    VIRTUAL.put(real, virtual);
  }

  /** Times before the first sample are of files that were there before the trial, and stay as they are. */
  static synchronized long virtual(long real) {
    Map.Entry<Long, Long> before = VIRTUAL.floorEntry(real), after = VIRTUAL.higherEntry(real);
    if (before == null) return after != null && after.getKey() - real < 60_000 ? after.getValue() : real;
    long v = before.getValue() + real - before.getKey();
    return after == null ? Math.min(v, Clock.now()) : Math.min(v, after.getValue());
  }
}
