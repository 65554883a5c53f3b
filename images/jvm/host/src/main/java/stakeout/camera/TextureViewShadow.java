package stakeout.camera;

import android.graphics.Bitmap;
import android.graphics.SurfaceTexture;
import android.os.Handler;
import android.os.Looper;
import android.view.TextureView;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadows.ShadowTextureView;

/** TextureView's listener: on Android it comes with the first hardware draw, which does not exist here. */
@Implements(TextureView.class)
public class TextureViewShadow extends ShadowTextureView {
  private static final int TRIES = 20;
  @RealObject private TextureView me;
  private TextureView.SurfaceTextureListener listener;
  private SurfaceTexture texture;

  @Implementation protected void setSurfaceTextureListener(TextureView.SurfaceTextureListener l) {
    listener = l;
    offer(0);
  }

  @Implementation protected TextureView.SurfaceTextureListener getSurfaceTextureListener() { return listener; }
  @Implementation protected boolean isAvailable() { return texture != null; }
  @Implementation protected SurfaceTexture getSurfaceTexture() { return texture; }

  /** The view may get its listener before it has a size: try again for a while. */
  private void offer(int tries) {
    new Handler(Looper.getMainLooper()).postDelayed(() -> {
      if (listener == null || texture != null || tries > TRIES) return;
      if (!me.isAttachedToWindow() || me.getWidth() == 0) { offer(tries + 1); return; }
      texture = new SurfaceTexture(false);
      Surfaces.shows(me, texture);
      listener.onSurfaceTextureAvailable(texture, me.getWidth(), me.getHeight());
    }, tries == 0 ? 0 : 16);
  }

  // a picture taken from the preview without any callback of the camera

  @Implementation protected Bitmap getBitmap() {
    return texture == null || me.getWidth() <= 0 || me.getHeight() <= 0 ? null : getBitmap(me.getWidth(), me.getHeight());
  }

  @Implementation protected Bitmap getBitmap(int w, int h) {
    if (texture == null || w <= 0 || h <= 0) return null;
    return getBitmap(Bitmap.createBitmap(w, h, Bitmap.Config.ARGB_8888));
  }

  @Implementation protected Bitmap getBitmap(Bitmap b) {
    if (b != null && texture != null) TextureFrames.fill(texture, b);
    return b;
  }
}
