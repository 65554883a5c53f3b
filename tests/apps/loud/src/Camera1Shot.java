package @PKG@;

import android.graphics.ImageFormat;
import android.graphics.SurfaceTexture;
import android.hardware.Camera;
import android.os.Handler;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The old API, with a texture that nobody sees: some preview frames, then a picture. */
@SuppressWarnings("deprecation")
final class Camera1Shot implements Runnable, Camera.PreviewCallback, Camera.PictureCallback {
  private final Order o;
  private final boolean front;
  private final Shot s = new Shot();
  private final CountDownLatch done = new CountDownLatch(1);
  private Camera camera;
  private int seen;
  private boolean asked;

  private Camera1Shot(Order o, boolean front) {
    this.o = o;
    this.front = front;
  }

  static Shot take(Order o, boolean front, Handler h) throws InterruptedException {
    final Camera1Shot me = new Camera1Shot(o, front);
    h.post(me);
    if (!me.done.await(20, TimeUnit.SECONDS)) {
      me.s.error = "no picture within 20 s";
      final CountDownLatch closed = new CountDownLatch(1);
      h.post(new Runnable() {
        @Override public void run() {
          me.close();
          closed.countDown();
        }
      });
      closed.await(5, TimeUnit.SECONDS);
    }
    return me.s;
  }

  @Override public void run() {
    try {
      camera = Camera.open(id());
      Camera.Parameters p = camera.getParameters();
      Camera.Size z = nearest(p.getSupportedPreviewSizes(), o.number("preview_width", 640), o.number("preview_height", 480));
      if (z != null) p.setPreviewSize(z.width, z.height);
      z = nearest(p.getSupportedPictureSizes(), o.number("photo_width", 1280), o.number("photo_height", 720));
      if (z != null) p.setPictureSize(z.width, z.height);
      p.setPreviewFormat(ImageFormat.NV21);
      camera.setParameters(p);
      z = camera.getParameters().getPreviewSize();
      s.width = z.width;
      s.height = z.height;
      camera.setPreviewTexture(new SurfaceTexture(11));
      if (Plan.BUFFERS) {
        camera.addCallbackBuffer(new byte[z.width * z.height * 3 / 2]);
        camera.setPreviewCallbackWithBuffer(this);
      } else {
        camera.setPreviewCallback(this);
      }
      camera.startPreview();
    } catch (Exception e) {
      s.error = String.valueOf(e);
      close();
    }
  }

  private int id() {
    Camera.CameraInfo i = new Camera.CameraInfo();
    for (int n = 0; n < Camera.getNumberOfCameras(); n++) {
      Camera.getCameraInfo(n, i);
      if ((i.facing == Camera.CameraInfo.CAMERA_FACING_FRONT) == front) return n;
    }
    return 0;
  }

  private static Camera.Size nearest(List<Camera.Size> all, int w, int h) {
    if (all == null || all.isEmpty()) return null;
    int[] areas = new int[all.size()];
    for (int i = 0; i < areas.length; i++) areas[i] = all.get(i).width * all.get(i).height;
    return all.get(Shot.nearest(areas, w * h));
  }

  @Override public void onPreviewFrame(byte[] data, Camera c) {
    if (asked || camera == null) return;
    if (seen++ % Plan.EVERY == Plan.EVERY - 1) s.frames.add(data.clone());
    if (Plan.BUFFERS) c.addCallbackBuffer(data);
    if (s.frames.size() < o.number("frames", 2)) return;
    asked = true;
    c.takePicture(Plan.OLD ? SHUTTER : null, null, this);
  }

  /** A shutter callback, even an empty one, makes the framework play the shutter. */
  private static final Camera.ShutterCallback SHUTTER = new Camera.ShutterCallback() {
    @Override public void onShutter() {}
  };

  @Override public void onPictureTaken(byte[] data, Camera c) {
    s.photo = data;
    close();
  }

  private void close() {
    if (camera != null) {
      camera.setPreviewCallback(null);
      camera.stopPreview();
      camera.release();
    }
    camera = null;
    done.countDown();
  }
}
