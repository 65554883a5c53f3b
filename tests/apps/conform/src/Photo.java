package @PKG@;

import android.content.Context;
import android.graphics.ImageFormat;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.Looper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The back camera, open for about a second: frames that nobody looks at, then one JPEG. */
final class Photo extends CameraDevice.StateCallback implements ImageReader.OnImageAvailableListener, Runnable {
  private static final int WIDTH = 640, HEIGHT = 480;
  private final Handler main = new Handler(Looper.getMainLooper());
  private final CountDownLatch done = new CountDownLatch(1);
  private final ImageReader frames = ImageReader.newInstance(WIDTH, HEIGHT, ImageFormat.YUV_420_888, 3);
  private final ImageReader still = ImageReader.newInstance(WIDTH, HEIGHT, ImageFormat.JPEG, 2);
  private CameraDevice camera;
  private CameraCaptureSession session;
  private byte[] jpeg;
  private String error;

  static byte[] take(Context c) throws Exception {
    Photo me = new Photo();
    CameraManager cm = (CameraManager) c.getSystemService(Context.CAMERA_SERVICE);
    me.frames.setOnImageAvailableListener(me, me.main);
    me.still.setOnImageAvailableListener(me, me.main);
    try {
      cm.openCamera(back(cm), me, me.main);
      if (!me.done.await(20, TimeUnit.SECONDS)) throw new IOException("no picture within 20 s");
    } finally {
      if (me.camera != null) me.camera.close();
      me.frames.close();
      me.still.close();
    }
    if (me.jpeg == null) throw new IOException(me.error);
    return me.jpeg;
  }

  private static String back(CameraManager cm) throws Exception {
    for (String id : cm.getCameraIdList()) {
      Integer f = cm.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING);
      if (f != null && f == CameraCharacteristics.LENS_FACING_BACK) return id;
    }
    throw new IOException("no back camera");
  }

  private void fail(String why) {
    error = why;
    done.countDown();
  }

  @Override public void onOpened(CameraDevice d) {
    camera = d;
    try {
      d.createCaptureSession(Arrays.asList(frames.getSurface(), still.getSurface()), new CameraCaptureSession.StateCallback() {
        @Override public void onConfigured(CameraCaptureSession made) {
          session = made;
          try {
            CaptureRequest.Builder b = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
            b.addTarget(frames.getSurface());
            made.setRepeatingRequest(b.build(), null, main);
            main.postDelayed(Photo.this, 900);
          } catch (Exception e) {
            fail(String.valueOf(e));
          }
        }

        @Override public void onConfigureFailed(CameraCaptureSession made) {
          fail("session refused");
        }
      }, main);
    } catch (Exception e) {
      fail(String.valueOf(e));
    }
  }

  /** The picture, nearly a second after the session began. */
  @Override public void run() {
    try {
      CaptureRequest.Builder b = camera.createCaptureRequest(CameraDevice.TEMPLATE_STILL_CAPTURE);
      b.addTarget(still.getSurface());
      session.capture(b.build(), null, main);
    } catch (Exception e) {
      fail(String.valueOf(e));
    }
  }

  @Override public void onImageAvailable(ImageReader r) {
    try (Image i = r.acquireLatestImage()) {
      if (i == null || r != still) return;
      ByteBuffer b = i.getPlanes()[0].getBuffer();
      byte[] all = new byte[b.remaining()];
      b.get(all);
      jpeg = all;
      done.countDown();
    }
  }

  @Override public void onDisconnected(CameraDevice d) {
    fail("disconnected");
  }

  @Override public void onError(CameraDevice d, int code) {
    fail("error " + code);
  }
}
