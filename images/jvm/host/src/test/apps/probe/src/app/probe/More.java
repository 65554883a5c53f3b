package app.probe;

import android.content.Context;
import android.graphics.Bitmap;
import android.graphics.ImageFormat;
import android.graphics.Rect;
import android.graphics.YuvImage;
import android.media.MediaActionSound;
import android.webkit.WebView;
import java.io.ByteArrayOutputStream;
import java.util.concurrent.CountDownLatch;

/** What apps do with frames besides keeping them, and what does nothing on this device. */
final class More {
  static String yuv(Context c) {
    byte[] b = new byte[320 * 240 * 3 / 2];
    for (int i = 0; i < b.length; i++) b[i] = (byte) (i < 320 * 240 ? i / 320 : 128);
    ByteArrayOutputStream o = new ByteArrayOutputStream();
    boolean ok = new YuvImage(b, ImageFormat.NV21, 320, 240, null).compressToJpeg(new Rect(0, 0, 320, 240), 80, o);
    Bitmap d = android.graphics.BitmapFactory.decodeByteArray(o.toByteArray(), 0, o.size());
    return ok + " " + d.getWidth() + "x" + d.getHeight() + " grey " + (d.getPixel(100, 120) & 255) / 10;
  }

  static String click(Context c) {
    new MediaActionSound().play(MediaActionSound.SHUTTER_CLICK);
    return "played";
  }

  static String web(final Context c) throws Exception {
    final CountDownLatch done = new CountDownLatch(1);
    Main.me.runOnUiThread(new Runnable() {
      @Override public void run() {
        new WebView(c).loadUrl("https://example.org/");
        done.countDown();
      }
    });
    done.await();
    return "loaded";
  }

  /** A native method of the framework that no shadow has. */
  static String natively(Context c) {
    android.opengl.GLES20.glClear(0);
    return "cleared";
  }
}
