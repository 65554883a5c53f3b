package @PKG@;

import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Color;
import android.graphics.Paint;
import android.os.Build;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/** Pictures that the app draws by itself: bars and dots from a number. No camera has seen them. */
final class Drawn {
  /** JPEG by the framework where it draws truly (from API 26 in every device), else a PNG written by hand. */
  static byte[] picture(int w, int h, long seed, boolean jpeg) throws IOException {
    if (!jpeg || Build.VERSION.SDK_INT < 26) return png(w, h, seed);
    Bitmap b = Bitmap.createBitmap(w, h, Bitmap.Config.ARGB_8888);
    Canvas c = new Canvas(b);
    Random r = new Random(seed);
    c.drawColor(Color.rgb(200 + r.nextInt(50), 200 + r.nextInt(50), 200 + r.nextInt(50)));
    Paint p = new Paint();
    for (int i = 0; i < 24; i++) {
      p.setColor(Color.rgb(r.nextInt(256), r.nextInt(256), r.nextInt(256)));
      int x = i * w / 24;
      c.drawRect(x, h - r.nextInt(h), x + w / 30f, h, p);
      c.drawCircle(r.nextInt(w), r.nextInt(h), 2 + r.nextInt(1 + h / 12), p);
    }
    ByteArrayOutputStream o = new ByteArrayOutputStream();
    b.compress(Bitmap.CompressFormat.JPEG, 85, o);
    b.recycle();
    return o.size() > 100 ? o.toByteArray() : png(w, h, seed);
  }

  private static byte[] png(int w, int h, long seed) throws IOException {
    Random r = new Random(seed);
    int[] heights = new int[24];
    int[] colours = new int[24];
    for (int i = 0; i < 24; i++) {
      heights[i] = r.nextInt(h);
      colours[i] = r.nextInt(0xffffff);
    }
    byte[] rows = new byte[h * (1 + 3 * w)];
    for (int y = 0, at = 0; y < h; y++) {
      at++; // filter type 0
      for (int x = 0; x < w; x++) {
        int bar = x * 24 / w;
        int c = h - y < heights[bar] ? colours[bar] : 0xf4f1ea - (y * 16 / h);
        rows[at++] = (byte) (c >> 16);
        rows[at++] = (byte) (c >> 8);
        rows[at++] = (byte) c;
      }
    }
    Deflater d = new Deflater();
    d.setInput(rows);
    d.finish();
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    byte[] block = new byte[8192];
    while (!d.finished()) packed.write(block, 0, d.deflate(block));
    d.end();
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    DataOutputStream hd = new DataOutputStream(head);
    hd.writeInt(w);
    hd.writeInt(h);
    hd.write(new byte[] {8, 2, 0, 0, 0}); // 8 bits, RGB
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    DataOutputStream o = new DataOutputStream(all);
    o.writeLong(0x89504e470d0a1a0aL);
    chunk(o, "IHDR", head.toByteArray());
    chunk(o, "IDAT", packed.toByteArray());
    chunk(o, "IEND", new byte[0]);
    return all.toByteArray();
  }

  private static void chunk(DataOutputStream o, String name, byte[] data) throws IOException {
    byte[] n = name.getBytes("US-ASCII");
    CRC32 crc = new CRC32();
    crc.update(n);
    crc.update(data);
    o.writeInt(data.length);
    o.write(n);
    o.write(data);
    o.writeInt((int) crc.getValue());
  }
}
