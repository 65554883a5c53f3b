package app.probe;

import android.content.Context;
import android.graphics.ImageFormat;
import android.graphics.SurfaceTexture;
import android.hardware.Camera;
import java.io.File;
import java.io.FileOutputStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** android.hardware.Camera. */
final class Cam1 {
  static String list(Context c) {
    Camera.CameraInfo i = new Camera.CameraInfo();
    Camera.getCameraInfo(1, i);
    return Camera.getNumberOfCameras() + " cameras, second faces " + i.facing;
  }

  private static String preview(Context c, Object target, final boolean buffers, final int wanted) throws Exception {
    final Camera cam = Camera.open(0);
    final CountDownLatch done = new CountDownLatch(wanted);
    final String[] head = new String[1];
    Camera.Parameters p = cam.getParameters();
    p.setPreviewSize(320, 240);
    p.setPreviewFormat(ImageFormat.NV21);
    cam.setParameters(p);
    if (target instanceof SurfaceTexture) cam.setPreviewTexture((SurfaceTexture) target);
    if (target instanceof android.view.SurfaceView) cam.setPreviewDisplay(((android.view.SurfaceView) target).getHolder());
    Camera.PreviewCallback cb = new Camera.PreviewCallback() {
      @Override public void onPreviewFrame(byte[] b, Camera k) {
        head[0] = Step.head(b, 0);
        done.countDown();
        if (buffers) k.addCallbackBuffer(b);
      }
    };
    if (buffers) {
      cam.addCallbackBuffer(new byte[320 * 240 * 3 / 2]);
      cam.setPreviewCallbackWithBuffer(cb);
    } else if (wanted == 1) cam.setOneShotPreviewCallback(cb);
    else cam.setPreviewCallback(cb);
    long from = System.currentTimeMillis();
    cam.startPreview();
    boolean all = waits(done, 20_000);
    long ms = System.currentTimeMillis() - from;
    cam.stopPreview();
    cam.release();
    return all ? wanted + " frames in " + ms + " ms, last " + head[0] : "no frames";
  }

  /** Callbacks come on the main thread when the opening thread is the steps' own: it must not block, so pictures use another. */
  static boolean waits(CountDownLatch l, long ms) throws InterruptedException {
    return l.await(ms, TimeUnit.MILLISECONDS);
  }

  private interface Body {
    String run() throws Exception;
  }

  /** On a thread without a looper: the framework delivers to the main thread. */
  private static String apart(final Body b) throws Exception {
    final Object[] out = new Object[1];
    final CountDownLatch done = new CountDownLatch(1);
    new Thread("apart") {
      @Override public void run() {
        try {
          out[0] = b.run();
        } catch (Throwable t) {
          out[0] = t;
        }
        done.countDown();
      }
    }.start();
    done.await();
    if (out[0] instanceof Exception) throw (Exception) out[0];
    return String.valueOf(out[0]);
  }

  static String hidden(final Context c) throws Exception {
    return apart(new Body() {
      @Override public String run() throws Exception { return preview(c, new SurfaceTexture(10), false, 10); }
    });
  }

  static String buffered(final Context c) throws Exception {
    return apart(new Body() {
      @Override public String run() throws Exception { return preview(c, new SurfaceTexture(10), true, 5); }
    });
  }

  static String shown(final Context c) throws Exception {
    return apart(new Body() {
      @Override public String run() throws Exception { return preview(c, Main.shown, false, 1); }
    });
  }

  static String tiny(final Context c) throws Exception {
    return apart(new Body() {
      @Override public String run() throws Exception { return preview(c, Main.tiny, false, 1); }
    });
  }

  static String without(final Context c) throws Exception {
    return apart(new Body() {
      @Override public String run() throws Exception { return preview(c, null, false, 1); }
    });
  }

  private static String picture(final Context c, final boolean shutter) throws Exception {
    return apart(new Body() {
      @Override public String run() throws Exception {
        final Camera cam = Camera.open(1);
        Camera.Parameters p = cam.getParameters();
        p.setPictureSize(640, 480);
        p.setRotation(270);
        cam.setParameters(p);
        cam.setPreviewTexture(new SurfaceTexture(10));
        cam.startPreview();
        final CountDownLatch done = new CountDownLatch(1);
        final byte[][] got = new byte[1][];
        cam.takePicture(shutter ? new Camera.ShutterCallback() {
          @Override public void onShutter() {}
        } : null, null, new Camera.PictureCallback() {
          @Override public void onPictureTaken(byte[] b, Camera k) {
            got[0] = b;
            done.countDown();
          }
        });
        waits(done, 20_000);
        cam.release();
        File f = new File(c.getFilesDir(), "picture.jpg");
        FileOutputStream o = new FileOutputStream(f);
        o.write(got[0]);
        o.close();
        return Step.head(got[0], 0);
      }
    });
  }

  static String picture(Context c) throws Exception { return picture(c, true); }
  static String silently(Context c) throws Exception { return picture(c, false); }

  /** Stays open, with a preview that nobody takes frames of. */
  static String keep(Context c) throws Exception {
    Camera cam = Camera.open(0);
    cam.setErrorCallback(new Camera.ErrorCallback() {
      @Override public void onError(int code, Camera k) {
        Step.log(Main.me, "Cam1.error", "" + code);
      }
    });
    cam.setPreviewTexture(new SurfaceTexture(10));
    cam.startPreview();
    return "kept";
  }
}
