package stakeout.camera;

import android.graphics.SurfaceTexture;
import android.hardware.Camera;
import android.view.Surface;
import java.util.ArrayDeque;
import java.util.Deque;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.util.ReflectionHelpers;
import org.robolectric.util.ReflectionHelpers.ClassParameter;
import stakeout.host.Events;
import stakeout.host.Log;
import stakeout.host.Trial;
import stakeout.time.Clock;

/**
 * The driver behind android.hardware.Camera: only its native methods are replaced, so parameters, one-shot and buffered
 * callbacks, and the threads they come on are the framework's own code of each API level.
 */
@Implements(value = Camera.class, isInAndroidSdk = false)
public class Camera1 {
  private static final int EACCES = -13, ENODEV = -19;
  // what the framework's EventHandler calls CAMERA_MSG_*
  private static final int ERROR = 1, SHUTTER = 2, FOCUS = 4, PREVIEW_FRAME = 0x10, POSTVIEW = 0x40, RAW = 0x80, JPEG = 0x100;
  private static final int ERROR_EVICTED = 2, ERROR_DISABLED = 3;
  /** Exposure and encoding of a still, in virtual milliseconds. */
  private static final long STILL_MILLIS = 200, FOCUS_MILLIS = 300;

  @RealObject private Camera me;
  private Object weak;
  private Lens lens;
  private OpenCameras.Open open;
  private CameraParameters parameters;
  private Object target;
  private boolean previewing, wanted, withBuffers, ticking, playsShutter = true;
  private final Pace pace = new Pace();
  private final Deque<byte[]> buffers = new ArrayDeque<>();

  @Implementation protected static int getNumberOfCameras() { return Lens.values().length; }

  @Implementation protected static void getCameraInfo(int id, Camera.CameraInfo info) {
    Lens l = Lens.of(String.valueOf(id));
    if (l == null) throw new RuntimeException("Fail to get camera info");
    info.facing = l == Lens.BACK ? Camera.CameraInfo.CAMERA_FACING_BACK : Camera.CameraInfo.CAMERA_FACING_FRONT;
    info.orientation = l.orientation;
    info.canDisableShutterSound = true;
  }

  // the signatures of API 23-27, of 28-33 and of 34
  @Implementation protected int native_setup(Object weakThis, int id, int hal, String user) { return setUp(weakThis, id); }
  @Implementation protected int native_setup(Object weakThis, int id, String user) { return setUp(weakThis, id); }
  @Implementation protected int native_setup(Object weakThis, int id, String user, boolean portrait) { return setUp(weakThis, id); }
  @Implementation protected int native_setup(Object weakThis, int id, String user, boolean portrait, boolean slow) { return setUp(weakThis, id); }

  /** Camera1 knows no SecurityException: the framework makes "Fail to connect to camera service" of EACCES. */
  private int setUp(Object weakThis, int id) {
    lens = Lens.of(String.valueOf(id));
    if (lens == null) return ENODEV;
    if (OpenCameras.refusal("Camera.open(" + id + ")") != null) return EACCES;
    OpenCameras.evict(lens);
    weak = weakThis;
    parameters = new CameraParameters(lens);
    open = OpenCameras.opened(this, lens, "camera1", this::takenAway);
    return 0;
  }

  private void takenAway() {
    synchronized (this) {
      halt();
    }
    post(ERROR, stakeout.perm.Uid.refusal(stakeout.perm.Uid.TYPE_CAMERA) != null ? ERROR_DISABLED : ERROR_EVICTED, 0, null);
  }

  private void post(int what, int arg1, int arg2, Object o) {
    ReflectionHelpers.callStaticMethod(Camera.class, "postEventFromNative", ClassParameter.from(Object.class, weak),
        ClassParameter.from(int.class, what), ClassParameter.from(int.class, arg1), ClassParameter.from(int.class, arg2), ClassParameter.from(Object.class, o));
  }

  private void check() {
    if (open == null) throw new RuntimeException("Camera is being used after Camera.release() was called");
  }

  @Implementation protected synchronized void setPreviewSurface(Surface s) { setTarget(s); }
  @Implementation protected synchronized void setPreviewTexture(SurfaceTexture t) { setTarget(t); }

  private void setTarget(Object t) {
    check();
    target = t;
    if (t != null) TextureFrames.drawnBy(t instanceof Surface s && Surfaces.texture(s) != null ? Surfaces.texture(s) : t, lens, open);
    if (previewing) open.previewing(this::visible);
    tick();
  }

  private boolean visible() {
    Object t = target;
    return Surfaces.visible(t);
  }

  @Implementation protected synchronized void startPreview() {
    check();
    if (previewing) return;
    previewing = true;
    pace.reset();
    if (!runs()) Log.event("camera1", "startPreview without a surface: no frames come (API 28+)");
    else open.previewing(this::visible);
    tick();
  }

  @Implementation protected boolean previewEnabled() { return previewing; }

  @Implementation protected synchronized void _stopPreview() {
    halt();
  }

  private void halt() {
    previewing = false;
    wanted = false;
    if (open != null) open.previewStopped();
  }

  /** A camera of HAL 3 waits for a surface before it runs; older ones, common until API 27, run without. */
  private boolean runs() {
    return previewing && (target != null || Trial.rules < 28);
  }

  @Implementation protected synchronized void setHasPreviewCallback(boolean installed, boolean manualBuffer) {
    wanted = installed;
    withBuffers = manualBuffer;
    tick();
  }

  @Implementation protected synchronized void _addCallbackBuffer(byte[] b, int type) {
    if (type == PREVIEW_FRAME) buffers.add(b);
    tick();
  }

  @Implementation protected void setPreviewCallbackSurface(Surface s) { Events.unsupported("android.hardware.Camera.setPreviewCallbackAllocation", "ignored"); }

  /** Arms the next frame, if somebody takes it: each frame is asked from the feed, so none is made for nobody. */
  private void tick() {
    if (ticking || !taken()) return;
    ticking = true;
    Hal.handler().postDelayed(this::frame, pace.pause(Clock.now()));
  }

  private boolean taken() {
    return open != null && runs() && wanted && (!withBuffers || !buffers.isEmpty());
  }

  private void frame() {
    byte[] own = null;
    int[] size;
    synchronized (this) {
      ticking = false;
      if (!taken()) return;
      size = parameters.size("preview-size");
      if (withBuffers) own = buffers.poll();
      else wanted = false; // the framework asks again after each callback, so a slow app gets fewer frames
      pace.took(Clock.now());
    }
    byte[] f = Feed.nv21(lens, open.session, size[0], size[1]);
    if (f != null && parameters.get("preview-format").equals("yuv420p")) f = Yuv.yv12(f, size[0], size[1]);
    if (f == null) return;
    if (own != null) {
      if (own.length < f.length) { // as the driver: a buffer that is too small is dropped
        Log.event("camera1", "callback buffer of " + own.length + " bytes for a frame of " + f.length);
        return;
      }
      System.arraycopy(f, 0, own, 0, f.length);
      f = own;
    }
    post(PREVIEW_FRAME, 0, 0, f);
    synchronized (this) {
      tick();
    }
  }

  @Implementation protected void native_autoFocus() {
    check();
    Hal.handler().postDelayed(() -> post(FOCUS, 1, 0, null), FOCUS_MILLIS);
  }

  @Implementation protected void native_cancelAutoFocus() {}
  @Implementation protected void enableFocusMoveCallback(int enable) {}

  /** The preview stops with a picture, as on Android; the app must start it again. */
  @Implementation protected void native_takePicture(int messages) {
    OpenCameras.Open o;
    synchronized (this) {
      check();
      if (!runs()) throw new RuntimeException("takePicture failed");
      o = open;
      halt();
    }
    int[] size = parameters.size("picture-size");
    Hal.handler().postDelayed(() -> {
      if (open != o) return;
      boolean tells = (messages & SHUTTER) != 0;
      Events.fact("shutter", "session", o.session, "audible", tells && playsShutter); // the service plays it with the callback only
      if (tells) post(SHUTTER, 0, 0, null);
      if ((messages & RAW) != 0) post(RAW, 0, 0, null);
      if ((messages & POSTVIEW) != 0) post(POSTVIEW, 0, 0, null);
      if ((messages & JPEG) == 0) return;
      byte[] jpeg = Feed.jpeg(lens, o.session, size[0], size[1], parameters.number("jpeg-quality", 90));
      if (jpeg != null) post(JPEG, 0, 0, Exif.with(jpeg, parameters.number("rotation", 0)));
    }, STILL_MILLIS);
  }

  @Implementation protected boolean _enableShutterSound(boolean on) {
    playsShutter = on;
    return true;
  }

  @Implementation protected String native_getParameters() {
    check();
    return parameters.flat();
  }

  @Implementation protected void native_setParameters(String flat) {
    check();
    if (!parameters.set(flat)) throw new RuntimeException("setParameters failed");
  }

  @Implementation protected void setDisplayOrientation(int degrees) {}
  @Implementation protected void startSmoothZoom(int v) { throw new IllegalArgumentException("Zoom is not supported"); }
  @Implementation protected void stopSmoothZoom() {}
  @Implementation protected void _startFaceDetection(int type) { throw new IllegalArgumentException("invalid face detection type=" + type); }
  @Implementation protected void _stopFaceDetection() {}
  @Implementation protected void lock() {}
  @Implementation protected void unlock() {}
  @Implementation protected void reconnect() {}

  @Implementation protected synchronized void native_release() {
    if (open == null) return;
    halt();
    TextureFrames.forget(open);
    open = null;
    OpenCameras.closed(this);
  }

  /** For the recorder: where a video's frames come from. */
  synchronized VideoSource video() {
    return open == null ? null : new VideoSource(lens, open.session);
  }

}
