package @PKG@;

import java.io.IOException;
import java.util.Random;

/** In place of what camera and microphone gave: the same forms and sizes, from nothing. */
final class Fake {
  static Shot shot(Shot real, int round) throws IOException {
    Shot s = new Shot();
    s.width = real.width;
    s.height = real.height;
    for (int n = 0; n < real.frames.size(); n++) s.frames.add(frame(s.width, s.height, round * 100L + n));
    if (real.photo != null) s.photo = Drawn.picture(1280, 720, round, true);
    return s;
  }

  private static byte[] frame(int w, int h, long seed) {
    Random r = new Random(seed);
    byte[] b = new byte[w * h * 3 / 2];
    int a = 1 + r.nextInt(5), c = 1 + r.nextInt(5);
    for (int i = 0; i < b.length; i++) b[i] = i < w * h ? (byte) ((i % w) * a / 4 + (i / w) * c / 4 + r.nextInt(24)) : (byte) (128 + r.nextInt(8));
    return b;
  }

  static byte[] sound(int round, int seconds) throws IOException {
    Random r = new Random(round);
    byte[] pcm = new byte[32000 * seconds];
    for (int i = 0; i < pcm.length / 2; i++) {
      int v = (int) (4000 * Math.sin(i * (0.05 + 0.01 * (round % 7)))) + r.nextInt(2000);
      pcm[2 * i] = (byte) v;
      pcm[2 * i + 1] = (byte) (v >> 8);
    }
    return Sound.wav(pcm, 16000);
  }
}
