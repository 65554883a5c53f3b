package stakeout.honesty;

import java.util.concurrent.atomic.AtomicInteger;

/** Numbers that facts refer to each other by. */
public final class Numbers {
  private Numbers() {}

  private static final AtomicInteger SESSIONS = new AtomicInteger();

  /** A new number for one opening of a sensor, unique over all sensors of this process. */
  public static int session() {
    return SESSIONS.incrementAndGet();
  }
}
