package stakeout.camera;

import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.Paint;
import java.io.ByteArrayOutputStream;
import java.util.Date;
import stakeout.time.Clock;

/** What the cameras see: a coloured card with the virtual date and the frame's number, so a stolen picture can be recognised. */
public final class Feed {
  private static int frames;

  private static Bitmap draw(String id, int w, int h) {
    Bitmap b = Bitmap.createBitmap(w, h, Bitmap.Config.ARGB_8888);
    Canvas c = new Canvas(b);
    c.drawColor(id.equals("0") ? 0xff336699 : 0xff996633);
    Paint p = new Paint(Paint.ANTI_ALIAS_FLAG);
    p.setColor(Color.WHITE);
    p.setTextSize(h / 16f);
    c.drawText("CANARY camera " + id + " frame " + frames++, w / 20f, h / 2f, p);
    c.drawText(new Date(Clock.now()).toString(), w / 20f, h * 0.65f, p);
    return b;
  }

  public static byte[] jpeg(String id, int w, int h) {
    ByteArrayOutputStream o = new ByteArrayOutputStream();
    draw(id, w, h).compress(Bitmap.CompressFormat.JPEG, 85, o);
    return o.toByteArray();
  }

  /** NV21: all luma, then V and U in turn at a quarter of the resolution. BT.601, full range as Camera1 gives it. */
  public static byte[] nv21(String id, int w, int h) {
    int[] px = new int[w * h];
    draw(id, w, h).getPixels(px, 0, w, 0, 0, w, h);
    byte[] out = new byte[w * h * 3 / 2];
    for (int y = 0, i = 0, c = w * h; y < h; y++) {
      for (int x = 0; x < w; x++, i++) {
        int r = px[i] >> 16 & 255, g = px[i] >> 8 & 255, b = px[i] & 255;
        out[i] = (byte) ((77 * r + 150 * g + 29 * b) >> 8);
        if ((y & 1) == 0 && (x & 1) == 0) {
          out[c++] = (byte) Math.min(255, ((128 * r - 107 * g - 21 * b) >> 8) + 128);
          out[c++] = (byte) Math.min(255, ((-43 * r - 85 * g + 128 * b) >> 8) + 128);
        }
      }
    }
    return out;
  }

  /** Milliseconds to the next preview frame: 15 a second at first, then one a second, or an hour of preview costs minutes. */
  static long pause(int frame) {
    return frame < 45 ? 66 : 1000;
  }
}
