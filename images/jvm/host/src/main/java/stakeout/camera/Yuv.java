package stakeout.camera;

/** Changes of layout between the YUV 4:2:0 formats of Android; no change of values. */
final class Yuv {
  private Yuv() {}

  private static int align16(int n) {
    return (n + 15) & ~15;
  }

  /** NV21 to YV12 as android.graphics.ImageFormat lays it out: rows of luma, V and U aligned to 16 bytes. */
  static byte[] yv12(byte[] nv21, int w, int h) {
    int ys = align16(w), cs = align16(ys / 2), cw = w / 2, ch = h / 2;
    byte[] out = new byte[ys * h + 2 * cs * ch];
    for (int y = 0; y < h; y++) System.arraycopy(nv21, y * w, out, y * ys, w);
    for (int y = 0; y < ch; y++) {
      for (int x = 0; x < cw; x++) {
        int from = w * h + y * w + 2 * x;
        out[ys * h + y * cs + x] = nv21[from];
        out[ys * h + cs * ch + y * cs + x] = nv21[from + 1];
      }
    }
    return out;
  }
}
