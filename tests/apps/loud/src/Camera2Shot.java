package @PKG@;

import android.content.Context;
import android.graphics.ImageFormat;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.params.StreamConfigurationMap;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.util.Size;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The new API into image readers: no surface is shown. Preview frames in YUV, then a still in JPEG. */
final class Camera2Shot extends CameraDevice.StateCallback implements Runnable, ImageReader.OnImageAvailableListener {
  private final Context c;
  private final Order o;
  private final boolean front;
  private final Handler h;
  private final Shot s = new Shot();
  private final CountDownLatch done = new CountDownLatch(1);
  private ImageReader yuv, jpeg;
  private CameraDevice camera;
  private CameraCaptureSession session;
  private int seen;
  private boolean asked;

  private Camera2Shot(Context c, Order o, boolean front, Handler h) {
    this.c = c;
    this.o = o;
    this.front = front;
    this.h = h;
  }

  static Shot take(Context c, Order o, boolean front, Handler h) throws InterruptedException {
    final Camera2Shot me = new Camera2Shot(c, o, front, h);
    h.post(me);
    if (!me.done.await(20, TimeUnit.SECONDS)) {
      final CountDownLatch closed = new CountDownLatch(1);
      h.post(new Runnable() {
        @Override public void run() {
          me.end("no picture within 20 s");
          closed.countDown();
        }
      });
      closed.await(5, TimeUnit.SECONDS);
    }
    return me.s;
  }

  @Override public void run() {
    try {
      CameraManager cm = (CameraManager) c.getSystemService(Context.CAMERA_SERVICE);
      String id = id(cm);
      StreamConfigurationMap map = cm.getCameraCharacteristics(id).get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP);
      Size p = nearest(map, ImageFormat.YUV_420_888, o.number("preview_width", 640), o.number("preview_height", 480));
      Size q = nearest(map, ImageFormat.JPEG, o.number("photo_width", 1280), o.number("photo_height", 720));
      s.width = p.getWidth();
      s.height = p.getHeight();
      yuv = ImageReader.newInstance(p.getWidth(), p.getHeight(), ImageFormat.YUV_420_888, 3);
      jpeg = ImageReader.newInstance(q.getWidth(), q.getHeight(), ImageFormat.JPEG, 2);
      yuv.setOnImageAvailableListener(this, h);
      jpeg.setOnImageAvailableListener(this, h);
      cm.openCamera(id, this, h);
    } catch (Exception e) {
      end(String.valueOf(e));
    }
  }

  private String id(CameraManager cm) throws Exception {
    String[] ids = cm.getCameraIdList();
    for (String id : ids) {
      Integer f = cm.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING);
      if (f != null && (f == CameraCharacteristics.LENS_FACING_FRONT) == front) return id;
    }
    return ids[0];
  }

  private static Size nearest(StreamConfigurationMap map, int format, int w, int h) {
    Size[] all = map == null ? null : map.getOutputSizes(format);
    if (all == null || all.length == 0) return new Size(w, h);
    int[] areas = new int[all.length];
    for (int i = 0; i < areas.length; i++) areas[i] = all[i].getWidth() * all[i].getHeight();
    return all[Shot.nearest(areas, w * h)];
  }

  @Override public void onOpened(CameraDevice d) {
    camera = d;
    try {
      d.createCaptureSession(Arrays.asList(yuv.getSurface(), jpeg.getSurface()), new CameraCaptureSession.StateCallback() {
        @Override public void onConfigured(CameraCaptureSession made) {
          session = made;
          try {
            CaptureRequest.Builder b = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
            b.addTarget(yuv.getSurface());
            made.setRepeatingRequest(b.build(), null, h);
          } catch (Exception e) {
            end(String.valueOf(e));
          }
        }

        @Override public void onConfigureFailed(CameraCaptureSession made) {
          end("session refused");
        }
      }, h);
    } catch (Exception e) {
      end(String.valueOf(e));
    }
  }

  @Override public void onDisconnected(CameraDevice d) {
    camera = d;
    end("disconnected");
  }

  @Override public void onError(CameraDevice d, int code) {
    camera = d;
    end("error " + code);
  }

  @Override public void onImageAvailable(ImageReader r) {
    if (done.getCount() == 0) return;
    try (Image i = r.acquireNextImage()) {
      if (i == null) return;
      if (r == jpeg) {
        ByteBuffer b = i.getPlanes()[0].getBuffer();
        byte[] all = new byte[b.remaining()];
        b.get(all);
        s.photo = all;
        end(null);
      } else if (!asked) {
        if (seen++ % Plan.EVERY == Plan.EVERY - 1) s.frames.add(nv21(i));
        if (s.frames.size() >= o.number("frames", 2)) still();
      }
    } catch (Exception e) {
      end(String.valueOf(e));
    }
  }

  private void still() throws Exception {
    asked = true;
    session.stopRepeating();
    CaptureRequest.Builder b = camera.createCaptureRequest(CameraDevice.TEMPLATE_STILL_CAPTURE);
    b.addTarget(jpeg.getSurface());
    session.capture(b.build(), null, h);
  }

  /** By the strides that the image states. */
  private static byte[] nv21(Image i) {
    int w = i.getWidth(), h = i.getHeight(), at = 0;
    byte[] all = new byte[w * h * 3 / 2];
    Image.Plane[] p = i.getPlanes();
    for (int y = 0; y < h; y++) for (int x = 0; x < w; x++) all[at++] = p[0].getBuffer().get(y * p[0].getRowStride() + x * p[0].getPixelStride());
    for (int y = 0; y < h / 2; y++) {
      for (int x = 0; x < w / 2; x++) {
        all[at++] = p[2].getBuffer().get(y * p[2].getRowStride() + x * p[2].getPixelStride());
        all[at++] = p[1].getBuffer().get(y * p[1].getRowStride() + x * p[1].getPixelStride());
      }
    }
    return all;
  }

  private void end(String error) {
    if (done.getCount() == 0) return;
    s.error = error;
    if (camera != null) camera.close();
    if (yuv != null) yuv.close();
    if (jpeg != null) jpeg.close();
    done.countDown();
  }
}
