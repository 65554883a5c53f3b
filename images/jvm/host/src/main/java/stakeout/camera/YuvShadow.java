package stakeout.camera;

import android.graphics.ImageFormat;
import android.graphics.YuvImage;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import stakeout.host.Log;

/** YuvImage.compressToJpeg: how preview frames become files. By the JDK's encoder, 4:2:0, in memory. */
@Implements(value = YuvImage.class, isInAndroidSdk = false)
public class YuvShadow {
  @Implementation protected static boolean nativeCompressToJpeg(byte[] yuv, int format, int w, int h, int[] offsets, int[] strides, int quality, OutputStream out, byte[] storage) {
    if (format != ImageFormat.NV21 && format != ImageFormat.YUY2) return false;
    BufferedImage i = new BufferedImage(w, h, BufferedImage.TYPE_INT_RGB);
    int[] row = new int[w];
    for (int y = 0; y < h; y++) {
      for (int x = 0; x < w; x++) row[x] = format == ImageFormat.NV21 ? nv21(yuv, offsets, strides, x, y) : yuy2(yuv, offsets[0], strides[0], x, y);
      i.setRGB(0, y, w, 1, row, 0, w);
    }
    return write(i, quality, out);
  }

  private static int nv21(byte[] b, int[] offsets, int[] strides, int x, int y) {
    int c = offsets[1] + (y / 2) * strides[1] + (x & ~1);
    return rgb(b[offsets[0] + y * strides[0] + x] & 255, b[c + 1] & 255, b[c] & 255);
  }

  private static int yuy2(byte[] b, int offset, int stride, int x, int y) {
    int p = offset + y * stride + (x & ~1) * 2;
    return rgb(b[p + (x & 1) * 2] & 255, b[p + 1] & 255, b[p + 3] & 255);
  }

  /** BT.601, full range (JFIF 1.02, section 7). */
  private static int rgb(int y, int u, int v) {
    int r = clamp(y + ((91881 * (v - 128) + 32768) >> 16)), b = clamp(y + ((116130 * (u - 128) + 32768) >> 16));
    int g = clamp(y - ((22554 * (u - 128) + 46802 * (v - 128) + 32768) >> 16));
    return r << 16 | g << 8 | b;
  }

  private static int clamp(int n) {
    return Math.max(0, Math.min(255, n));
  }

  private static boolean write(BufferedImage i, int quality, OutputStream out) {
    ImageWriter w = ImageIO.getImageWritersByFormatName("jpeg").next();
    ImageWriteParam p = w.getDefaultWriteParam();
    p.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
    p.setCompressionQuality(Math.max(1, Math.min(100, quality)) / 100f);
    ImageIO.setUseCache(false);
    try (ImageOutputStream o = ImageIO.createImageOutputStream(out)) {
      w.setOutput(o);
      w.write(null, new IIOImage(i, null, null), p);
      return true;
    } catch (IOException e) {
      Log.event("yuv", "not written: " + e);
      return false;
    } finally {
      w.dispose();
    }
  }
}
