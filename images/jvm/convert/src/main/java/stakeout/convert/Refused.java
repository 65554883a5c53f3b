package stakeout.convert;

/** Why an APK has no converted form: `no_code`, `bad_dex` or `too_large`. */
final class Refused extends Exception {
  final String code;

  Refused(String code, String message) {
    super(message);
    this.code = code;
  }
}
