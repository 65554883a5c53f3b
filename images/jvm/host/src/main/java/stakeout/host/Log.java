package stakeout.host;

/** The host's own log: plain text on fd 2, with real seconds since the start. Facts go to {@link Events}, not here. */
public final class Log {
  private static final long T0 = System.nanoTime();

  public static void event(String kind, String detail) {
    System.err.printf("%8.3f %-20s %s%n", seconds(), kind, detail);
  }

  public static double seconds() {
    return (System.nanoTime() - T0) / 1e9;
  }
}
