package stakeout.tap;

/** The end of a trial for all taps: what is known only then is told. Folders come from `Trial`. */
public final class Taps {
  private Taps() {}

  public static void finish() {
    CryptoTap.finish();
    FileFacts.finish();
    Artifacts.finish();
  }
}
