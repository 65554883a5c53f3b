package @PKG@;

import android.graphics.ImageFormat;
import android.graphics.Rect;
import android.graphics.YuvImage;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;

/** What one opening of the camera gave: preview frames in NV21 and one picture. */
final class Shot {
  final List<byte[]> frames = new ArrayList<>();
  int width, height;
  byte[] photo;
  String error;

  /** Null where the framework cannot. */
  static byte[] jpeg(byte[] nv21, int w, int h) {
    ByteArrayOutputStream o = new ByteArrayOutputStream();
    try {
      return new YuvImage(nv21, ImageFormat.NV21, w, h, null).compressToJpeg(new Rect(0, 0, w, h), Plan.PREVIEW_QUALITY, o) && o.size() > 100 ? o.toByteArray() : null;
    } catch (RuntimeException | LinkageError e) {
      return null;
    }
  }

  /** The offered size that is nearest in area. */
  static int nearest(int[] areas, int wanted) {
    int best = 0;
    for (int i = 1; i < areas.length; i++) if (Math.abs(areas[i] - wanted) < Math.abs(areas[best] - wanted)) best = i;
    return best;
  }
}
