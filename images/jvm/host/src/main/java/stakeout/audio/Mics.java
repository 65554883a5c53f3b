package stakeout.audio;

/** All open microphones. */
public final class Mics {
  private Mics() {}

  /** The app's process has ended: they are closed. */
  public static void processEnded() {
    Mic.processEnded();
  }
}
