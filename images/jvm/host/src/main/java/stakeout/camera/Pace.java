package stakeout.camera;

/**
 * When the next frame of a stream comes. A sensor makes 30 a second; a stream that lasts is thinned, as an hour of preview
 * would else cost minutes: 30 a second for 90 frames, 10 a second for 70 more, then one a second.
 */
final class Pace {
  private static final int FULL = 90, HALF = 160;
  private long taken, lastMillis = Long.MIN_VALUE / 2;

  void reset() {
    taken = 0;
  }

  /** Milliseconds from `now` to the next frame. */
  long pause(long now) {
    long gap = taken < FULL ? taken % 3 == 2 ? 34 : 33 : taken < HALF ? 100 : 1000;
    return Math.max(0, Math.min(gap, lastMillis + gap - now));
  }

  /** A frame was taken at `now`. */
  void took(long now) {
    taken++;
    lastMillis = now;
  }
}
