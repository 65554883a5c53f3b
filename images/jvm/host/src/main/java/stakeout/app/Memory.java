package stakeout.app;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.List;
import stakeout.host.Events;

/**
 * The memory that an app may have. Who runs out of it and goes on does less than on a phone with more, so it is told: at the app's
 * own handlers, and by what is left after the collector's work, as a pool of threads or the framework may catch it as well.
 */
public final class Memory {
  private Memory() {}

  private static final double FULL = 0.97;
  /** Given up at the first error, so that there is something left to tell it with. */
  private static volatile byte[] reserve;
  private static volatile boolean told;

  static void watch() {
    reserve = new byte[2 << 20];
    for (MemoryPoolMXBean p : ManagementFactory.getMemoryPoolMXBeans()) {
      if (p.getType() == MemoryType.HEAP && p.isCollectionUsageThresholdSupported() && p.isUsageThresholdSupported() && p.getUsage().getMax() > 0)
        p.setCollectionUsageThreshold((long) (FULL * p.getUsage().getMax()));
    }
  }

  /** At the start of each handler of the app's that may catch it (Rewriter). */
  public static void caught(Throwable t) {
    if (t instanceof OutOfMemoryError) tell(t.getMessage());
  }

  static void tell(String what) {
    if (told) return;
    told = true;
    reserve = null;
    Events.fact("out_of_memory", "what", what == null ? "heap" : what);
  }

  /** Whether the heap was full at some time; asked when time stands still. */
  static void look() {
    if (told) return;
    for (MemoryPoolMXBean p : ManagementFactory.getMemoryPoolMXBeans()) {
      if (p.getType() != MemoryType.HEAP || !p.isCollectionUsageThresholdSupported() || p.getCollectionUsageThreshold() <= 0 || p.getCollectionUsageThresholdCount() == 0) continue;
      told = true;
      Events.fact(List.of(), "out_of_memory", "what", "the heap was full after the collector's work");
      return;
    }
  }
}
