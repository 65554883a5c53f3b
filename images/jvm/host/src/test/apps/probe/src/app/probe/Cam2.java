package app.probe;

import android.content.Context;
import android.graphics.ImageFormat;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.CaptureResult;
import android.hardware.camera2.TotalCaptureResult;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.HandlerThread;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;

/** android.hardware.camera2. */
final class Cam2 {
  static String list(Context c) throws Exception {
    CameraManager m = (CameraManager) c.getSystemService(Context.CAMERA_SERVICE);
    StringBuilder b = new StringBuilder();
    for (String id : m.getCameraIdList()) {
      CameraCharacteristics k = m.getCameraCharacteristics(id);
      b.append(id).append(" faces ").append(k.get(CameraCharacteristics.LENS_FACING)).append(" jpeg sizes ")
          .append(k.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP).getOutputSizes(ImageFormat.JPEG).length).append("; ");
    }
    return b.toString();
  }

  private static byte[] bytes(Image i) {
    ByteBuffer p = i.getPlanes()[0].getBuffer();
    byte[] b = new byte[p.remaining()];
    p.get(b);
    return b;
  }

  /** Preview frames in YUV, then a still in JPEG. */
  static String still(Context c) throws Exception {
    HandlerThread t = new HandlerThread("cam2");
    t.start();
    final Handler h = new Handler(t.getLooper());
    final ImageReader yuv = ImageReader.newInstance(320, 240, ImageFormat.YUV_420_888, 2), jpeg = ImageReader.newInstance(640, 480, ImageFormat.JPEG, 1);
    final CountDownLatch done = new CountDownLatch(1);
    final StringBuilder said = new StringBuilder();
    final int[] frames = new int[1];
    yuv.setOnImageAvailableListener(new ImageReader.OnImageAvailableListener() {
      @Override public void onImageAvailable(ImageReader r) {
        Image i = r.acquireLatestImage();
        if (i == null) return;
        if (frames[0]++ == 0) said.append("yuv ").append(Step.head(bytes(i), 0)).append(' ');
        i.close();
      }
    }, h);
    jpeg.setOnImageAvailableListener(new ImageReader.OnImageAvailableListener() {
      @Override public void onImageAvailable(ImageReader r) {
        Image i = r.acquireNextImage();
        said.append("jpeg ").append(Step.head(bytes(i), 0));
        i.close();
        done.countDown();
      }
    }, h);
    final CameraDevice[] device = new CameraDevice[1];
    ((CameraManager) c.getSystemService(Context.CAMERA_SERVICE)).openCamera("0", new CameraDevice.StateCallback() {
      @Override public void onOpened(final CameraDevice d) {
        device[0] = d;
        try {
          d.createCaptureSession(Arrays.asList(yuv.getSurface(), jpeg.getSurface()), new CameraCaptureSession.StateCallback() {
            @Override public void onConfigured(CameraCaptureSession s) {
              try {
                CaptureRequest.Builder b = d.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW);
                b.addTarget(yuv.getSurface());
                s.setRepeatingRequest(b.build(), new CameraCaptureSession.CaptureCallback() {
                  private boolean asked;
                  @Override public void onCaptureCompleted(CameraCaptureSession s, CaptureRequest r, TotalCaptureResult x) {
                    Integer af = x.get(CaptureResult.CONTROL_AF_STATE);
                    if (asked || frames[0] < 5 || af == null || af != CaptureResult.CONTROL_AF_STATE_FOCUSED_LOCKED) return;
                    asked = true;
                    try {
                      CaptureRequest.Builder k = d.createCaptureRequest(CameraDevice.TEMPLATE_STILL_CAPTURE);
                      k.addTarget(jpeg.getSurface());
                      s.capture(k.build(), null, h);
                    } catch (Exception e) {
                      said.append(e);
                    }
                  }
                }, h);
              } catch (Exception e) {
                said.append(e);
              }
            }
            @Override public void onConfigureFailed(CameraCaptureSession s) {}
          }, h);
        } catch (Exception e) {
          said.append(e);
        }
      }
      @Override public void onDisconnected(CameraDevice d) {}
      @Override public void onError(CameraDevice d, int code) {
        said.append("error ").append(code);
        done.countDown();
      }
    }, h);
    Cam1.waits(done, 20_000);
    if (device[0] != null) device[0].close();
    return said + " after " + (frames[0] >= 5 ? "5 or more" : "" + frames[0]) + " frames";
  }
}
