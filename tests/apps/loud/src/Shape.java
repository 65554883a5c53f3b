package @PKG@;

import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.graphics.Matrix;
import android.os.Build;
import java.io.ByteArrayOutputStream;

/** What uploaders do to pictures: smaller, square, turned. Needs true drawing, else the picture stays as it is. */
final class Shape {
  static byte[] as(String shape, byte[] jpeg) {
    if (shape.equals("none") || Build.VERSION.SDK_INT < 26) return jpeg;
    try {
      Bitmap b = BitmapFactory.decodeByteArray(jpeg, 0, jpeg.length);
      int w = b.getWidth(), h = b.getHeight(), side = Math.min(w, h);
      Bitmap to = b;
      if (shape.equals("scale")) to = Bitmap.createScaledBitmap(b, w * 3 / 4, h * 3 / 4, true);
      if (shape.equals("square")) to = Bitmap.createBitmap(b, (w - side) / 2, (h - side) / 2, side, side);
      if (shape.equals("turn")) {
        Matrix m = new Matrix();
        m.postRotate(90);
        to = Bitmap.createBitmap(b, 0, 0, w, h, m, true);
      }
      ByteArrayOutputStream o = new ByteArrayOutputStream();
      to.compress(Bitmap.CompressFormat.JPEG, 60, o);
      return o.size() > 100 ? o.toByteArray() : jpeg;
    } catch (RuntimeException | LinkageError e) {
      return jpeg;
    }
  }
}
