package stakeout.camera;

import android.graphics.SurfaceTexture;
import android.view.Surface;

/** Takes the place of `new Surface(texture)` in the app (rules.txt): one made natively would not be valid without a GPU. */
public class TextureSurface extends Surface {
  private volatile boolean released;

  public TextureSurface(SurfaceTexture texture) {
    if (texture == null) throw new IllegalArgumentException("surfaceTexture must not be null");
    Surfaces.madeFrom(this, texture);
  }

  @Override public boolean isValid() { return !released; }
  @Override public void release() { released = true; }
}
