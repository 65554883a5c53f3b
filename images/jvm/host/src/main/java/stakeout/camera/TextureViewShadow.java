package stakeout.camera;

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
      if (listener == null || texture != null || tries > 20) return;
      if (!me.isAttachedToWindow() || me.getWidth() == 0) { offer(tries + 1); return; }
      texture = new SurfaceTexture(false);
      listener.onSurfaceTextureAvailable(texture, me.getWidth(), me.getHeight());
    }, tries == 0 ? 0 : 16);
  }
}
