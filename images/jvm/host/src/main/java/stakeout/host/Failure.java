package stakeout.host;

/** A request that could not be answered: `code` is one of those in docs/host-pipe.md. */
public final class Failure extends Exception {
  public final String code;

  public Failure(String code, String message) {
    super(message);
    this.code = code;
  }
}
