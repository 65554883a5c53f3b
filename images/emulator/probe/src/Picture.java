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
import android.os.HandlerThread;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** One JPEG of a camera, half a second after its session began: the first frames of a session are often black. */
final class Picture extends CameraDevice.StateCallback implements ImageReader.OnImageAvailableListener, Runnable {
  private static final int WIDTH = 640, HEIGHT = 480;
  private final HandlerThread thread = new HandlerThread("camera");
  private final CountDownLatch done = new CountDownLatch(1);
  private final ImageReader frames = ImageReader.newInstance(WIDTH, HEIGHT, ImageFormat.YUV_420_888, 3);
  private final ImageReader still = ImageReader.newInstance(WIDTH, HEIGHT, ImageFormat.JPEG, 2);
  private Handler handler;
  private volatile CameraDevice camera;
  private volatile CameraCaptureSession session;
  private volatile byte[] jpeg;
  private volatile String error = "no picture within 15 s";

  static byte[] take(Context c, int facing) throws Exception {
    Picture me = new Picture();
    CameraManager cameras = (CameraManager) c.getSystemService(Context.CAMERA_SERVICE);
    me.thread.start();
    me.handler = new Handler(me.thread.getLooper());
    me.frames.setOnImageAvailableListener(me, me.handler);
    me.still.setOnImageAvailableListener(me, me.handler);
    try {
      cameras.openCamera(id(cameras, facing), me, me.handler);
      me.done.await(15, TimeUnit.SECONDS);
    } finally {
      if (me.camera != null) me.camera.close();
      me.thread.quitSafely();
      me.frames.close();
      me.still.close();
    }
    if (me.jpeg == null) throw new IOException(me.error);
    return me.jpeg;
  }

  private static String id(CameraManager cameras, int facing) throws Exception {
    String[] all = cameras.getCameraIdList();
    for (String id : all) {
      Integer f = cameras.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING);
      if (f != null && f == facing) return id;
    }
    throw new IOException("there is none among " + Arrays.toString(all));
  }

  private void fail(String why) {
    error = why;
    done.countDown();
  }

  @Override public void onOpened(CameraDevice opened) {
    camera = opened;
    try {
      opened.createCaptureSession(Arrays.asList(frames.getSurface(), still.getSurface()), new CameraCaptureSession.StateCallback() {
        @Override public void onConfigured(CameraCaptureSession made) {
          session = made;
          try {
            CaptureRequest.Builder b = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
            b.addTarget(frames.getSurface());
            made.setRepeatingRequest(b.build(), null, handler);
            handler.postDelayed(Picture.this, 500);
          } catch (Exception e) {
            fail(String.valueOf(e));
          }
        }

        @Override public void onConfigureFailed(CameraCaptureSession made) {
          fail("the session was refused");
        }
      }, handler);
    } catch (Exception e) {
      fail(String.valueOf(e));
    }
  }

  @Override public void run() {
    try {
      CaptureRequest.Builder b = camera.createCaptureRequest(CameraDevice.TEMPLATE_STILL_CAPTURE);
      b.addTarget(still.getSurface());
      session.capture(b.build(), null, handler);
    } catch (Exception e) {
      fail(String.valueOf(e));
    }
  }

  @Override public void onImageAvailable(ImageReader from) {
    try (Image i = from.acquireLatestImage()) {
      if (i == null || from != still) return;
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
