package stakeout.camera;

import android.hardware.Camera;
import android.os.Handler;
import android.os.Looper;
import stakeout.host.Log;
import stakeout.perm.Permissions;
import java.util.ArrayDeque;
import java.util.Deque;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowCamera;

/** The old camera API: two cameras, preview frames in NV21 (with and without buffers), stills as JPEG. */
@Implements(Camera.class)
public class Camera1 extends ShadowCamera {
  @RealObject private Camera me;
  private String id = "0";
  private Handler handler;
  private Camera.PreviewCallback callback;
  private Camera.ErrorCallback errors;
  private boolean oneShot, buffered, running;
  private int run;
  private final Deque<byte[]> buffers = new ArrayDeque<>();

  @Implementation protected static int getNumberOfCameras() { return 2; }

  @Implementation protected static void getCameraInfo(int id, Camera.CameraInfo info) {
    info.facing = id; // 0 back, 1 front
    info.orientation = id == 0 ? 90 : 270;
    info.canDisableShutterSound = true;
  }

  @Implementation protected static Camera open() { return open(0); }

  /** Camera1 knows no SecurityException: any refusal of the service is this RuntimeException. */
  @Implementation protected static Camera open(int id) {
    if (!Permissions.granted("CAMERA") || Permissions.idle()) {
      Log.event("denied", "Camera.open " + (Permissions.idle() ? "while idle" : "without CAMERA"));
      throw new RuntimeException("Fail to connect to camera service");
    }
    Camera c = ShadowCamera.open(id);
    Camera1 s = Shadow.extract(c);
    s.id = String.valueOf(id);
    s.handler = new Handler(Looper.myLooper() != null ? Looper.myLooper() : Looper.getMainLooper());
    OpenCameras.opened(c, "Camera1 " + id, () -> s.handler.post(() -> {
      s.stopPreview();
      if (s.errors != null) s.errors.onError(Camera.CAMERA_ERROR_EVICTED, c);
    }));
    return c;
  }

  @Implementation protected final void setErrorCallback(Camera.ErrorCallback e) { errors = e; }
  @Override @Implementation protected void setPreviewCallback(Camera.PreviewCallback c) { set(c, false, false); }
  @Override @Implementation protected void setOneShotPreviewCallback(Camera.PreviewCallback c) { set(c, true, false); }
  @Override @Implementation protected void setPreviewCallbackWithBuffer(Camera.PreviewCallback c) { set(c, false, true); }
  @Override @Implementation protected void addCallbackBuffer(byte[] b) { buffers.add(b); }

  private void set(Camera.PreviewCallback c, boolean once, boolean withBuffers) {
    callback = c;
    oneShot = once;
    buffered = withBuffers;
  }

  @Override @Implementation protected void startPreview() {
    super.startPreview();
    if (running) return;
    Log.event("camera.preview", "Camera1 " + id);
    running = true;
    frame(++run, 0);
  }

  private void frame(int ofRun, int n) {
    handler.postDelayed(() -> {
      if (!running || run != ofRun) return;
      deliver();
      frame(ofRun, n + 1);
    }, Feed.pause(n));
  }

  private void deliver() {
    Camera.PreviewCallback c = callback;
    if (c == null || buffered && buffers.isEmpty()) return; // without a free buffer the frame is dropped
    Camera.Size size = getParameters().getPreviewSize();
    byte[] f = Feed.nv21(id, size.width, size.height);
    if (buffered) {
      byte[] own = buffers.poll();
      System.arraycopy(f, 0, own, 0, Math.min(f.length, own.length));
      f = own;
    }
    if (oneShot) callback = null;
    c.onPreviewFrame(f, me);
  }

  @Override @Implementation protected void stopPreview() {
    super.stopPreview();
    running = false;
    callback = null;
  }

  @Override @Implementation protected void autoFocus(Camera.AutoFocusCallback c) {
    handler.postDelayed(() -> c.onAutoFocus(true, me), 300);
  }

  @Override @Implementation protected void takePicture(Camera.ShutterCallback s, Camera.PictureCallback raw, Camera.PictureCallback jpeg) {
    takePicture(s, raw, null, jpeg);
  }

  /** The preview stops with a picture, as on Android; the app must start it again. */
  @Implementation protected final void takePicture(Camera.ShutterCallback s, Camera.PictureCallback raw, Camera.PictureCallback post, Camera.PictureCallback jpeg) {
    Log.event("camera.picture", "Camera1 " + id + (s == null ? ", no shutter callback" : ""));
    running = false;
    Camera.Size size = getParameters().getPictureSize();
    handler.postDelayed(() -> {
      if (s != null) s.onShutter();
      if (raw != null) raw.onPictureTaken(null, me);
      if (post != null) post.onPictureTaken(null, me);
      if (jpeg != null) jpeg.onPictureTaken(Feed.jpeg(id, size.width, size.height), me);
    }, 200);
  }

  @Override @Implementation protected void release() {
    stopPreview();
    OpenCameras.closed(me);
    super.release();
  }
}
