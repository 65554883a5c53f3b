package stakeout.camera;

import android.graphics.Bitmap;
import android.graphics.Rect;
import android.os.Handler;
import android.view.PixelCopy;
import android.view.Surface;
import android.view.SurfaceView;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowPixelCopy;

/** A picture read back from the surface that a camera draws to; other surfaces are the stock shadow's. */
@Implements(value = PixelCopy.class, minSdk = 24)
public class PixelCopyShadow extends ShadowPixelCopy {
  private static boolean copied(Surface s, Bitmap b, PixelCopy.OnPixelCopyFinishedListener l, Handler h) {
    Object target = s == null ? null : Surfaces.texture(s) != null ? Surfaces.texture(s) : s;
    if (b == null || !TextureFrames.fill(target, b)) return false;
    h.post(() -> l.onPixelCopyFinished(PixelCopy.SUCCESS));
    return true;
  }

  @Implementation protected static void request(SurfaceView v, Bitmap b, PixelCopy.OnPixelCopyFinishedListener l, Handler h) {
    if (!copied(v.getHolder().getSurface(), b, l, h)) ShadowPixelCopy.request(v, b, l, h);
  }

  @Implementation protected static void request(SurfaceView v, Rect r, Bitmap b, PixelCopy.OnPixelCopyFinishedListener l, Handler h) {
    if (!copied(v.getHolder().getSurface(), b, l, h)) ShadowPixelCopy.request(v, r, b, l, h);
  }

  @Implementation protected static void request(Surface s, Rect r, Bitmap b, PixelCopy.OnPixelCopyFinishedListener l, Handler h) {
    if (!copied(s, b, l, h)) ShadowPixelCopy.request(s, r, b, l, h);
  }
}
