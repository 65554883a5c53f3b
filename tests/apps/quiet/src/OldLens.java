package @PKG@;

import android.graphics.SurfaceTexture;
import android.hardware.Camera;
import android.view.Surface;
import android.view.SurfaceHolder;

/** The preview by the old API, with the shutter's sound. */
@SuppressWarnings("deprecation")
final class OldLens implements Preview.Lens, Camera.ShutterCallback, Camera.PictureCallback {
  private final Preview p;
  private Camera camera;

  OldLens(Preview p) {
    this.p = p;
  }

  @Override public void open(SurfaceHolder holder, SurfaceTexture texture, Surface surface) throws Exception {
    camera = Camera.open(0);
    if (holder != null) camera.setPreviewDisplay(holder);
    else camera.setPreviewTexture(texture);
    camera.startPreview();
  }

  @Override public void shoot() {
    camera.takePicture(this, null, this);
  }

  @Override public void onShutter() {}

  @Override public void onPictureTaken(byte[] jpeg, Camera c) {
    p.photo(jpeg);
  }

  @Override public void close() {
    if (camera == null) return;
    camera.stopPreview();
    camera.release();
    camera = null;
  }
}
