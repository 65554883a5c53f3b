package @PKG@;

import android.content.Context;
import android.graphics.ImageFormat;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.Looper;
import android.view.Surface;
import android.view.SurfaceHolder;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** The preview by Camera2. */
final class NewLens extends CameraDevice.StateCallback implements Preview.Lens, ImageReader.OnImageAvailableListener {
  private final Context c;
  private final Preview p;
  private final Handler main = new Handler(Looper.getMainLooper());
  private final ImageReader jpeg = ImageReader.newInstance(Plan.WIDTH, Plan.HEIGHT, ImageFormat.JPEG, 2);
  private Surface shown;
  private CameraDevice camera;
  private CameraCaptureSession session;

  NewLens(Context c, Preview p) {
    this.c = c;
    this.p = p;
  }

  @Override public void open(SurfaceHolder holder, SurfaceTexture texture, Surface surface) throws Exception {
    shown = surface;
    jpeg.setOnImageAvailableListener(this, main);
    CameraManager cm = (CameraManager) c.getSystemService(Context.CAMERA_SERVICE);
    cm.openCamera(cm.getCameraIdList()[0], this, main);
  }

  @Override public void onOpened(CameraDevice d) {
    camera = d;
    try {
      d.createCaptureSession(Arrays.asList(shown, jpeg.getSurface()), new CameraCaptureSession.StateCallback() {
        @Override public void onConfigured(CameraCaptureSession made) {
          session = made;
          try {
            CaptureRequest.Builder b = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
            b.addTarget(shown);
            made.setRepeatingRequest(b.build(), null, main);
          } catch (Exception e) {
            p.failed(String.valueOf(e));
          }
        }

        @Override public void onConfigureFailed(CameraCaptureSession made) {
          p.failed("session refused");
        }
      }, main);
    } catch (Exception e) {
      p.failed(String.valueOf(e));
    }
  }

  @Override public void shoot() throws Exception {
    if (session == null) throw new IllegalStateException("no session yet");
    CaptureRequest.Builder b = camera.createCaptureRequest(CameraDevice.TEMPLATE_STILL_CAPTURE);
    b.addTarget(jpeg.getSurface());
    session.capture(b.build(), null, main);
  }

  @Override public void onImageAvailable(ImageReader r) {
    byte[] all;
    try (Image i = r.acquireNextImage()) {
      if (i == null) return;
      ByteBuffer b = i.getPlanes()[0].getBuffer();
      all = new byte[b.remaining()];
      b.get(all);
    }
    p.photo(all);
  }

  @Override public void onDisconnected(CameraDevice d) {
    p.failed("disconnected");
  }

  @Override public void onError(CameraDevice d, int code) {
    p.failed("error " + code);
  }

  @Override public void close() {
    if (camera != null) camera.close();
    jpeg.close();
    camera = null;
  }
}
