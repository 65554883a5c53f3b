package stakeout.audio;

/** What the microphone hears: a tone that swells each second, as a function of time, so any recording can be checked. */
public final class Mic {
  public static short sample(long frame, int rate) {
    double t = (double) frame / rate;
    return (short) (9000 * Math.sin(2 * Math.PI * 440 * t) * (0.25 + 0.75 * (t % 1.0)));
  }

  /** PCM 16 bit little endian, mono. */
  static byte[] pcm(long frames, int rate, boolean silent) {
    byte[] b = new byte[(int) Math.min(frames * 2, 200_000_000)];
    for (int i = 0; i < b.length / 2 && !silent; i++) {
      short s = sample(i, rate);
      b[2 * i] = (byte) s;
      b[2 * i + 1] = (byte) (s >> 8);
    }
    return b;
  }
}
