package stakeout.camera;

import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.TotalCaptureResult;
import android.hardware.camera2.impl.CameraMetadataNative;
import android.hardware.camera2.params.InputConfiguration;
import android.hardware.camera2.params.OutputConfiguration;
import android.hardware.camera2.params.SessionConfiguration;
import android.os.Handler;
import android.os.Looper;
import android.view.Surface;
import java.lang.reflect.Constructor;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Executor;
import stakeout.perm.Uid;

/** An open Camera2 device. */
final class VirtualCamera extends CameraDevice {
  final Lens lens;
  private final Executor executor;
  private final StateCallback callback;
  private VirtualSession session;
  private boolean closed = true;
  private OpenCameras.Open open;
  private Runnable onFree = () -> {};

  VirtualCamera(Lens lens, Executor executor, StateCallback callback) {
    this.lens = lens;
    this.executor = executor;
    this.callback = callback;
  }

  void opened(Runnable free) {
    closed = false;
    onFree = free;
    open = OpenCameras.opened(this, lens, "camera2", this::takenAway);
  }

  OpenCameras.Open open() {
    return open;
  }

  @Override public String getId() { return lens.id; }

  private void check() {
    if (closed) throw new IllegalStateException("CameraDevice was already closed");
  }

  static Executor on(Handler h) {
    if (h == null && Looper.myLooper() == null) throw new IllegalArgumentException("No handler given, and current thread has no looper!");
    Handler use = h != null ? h : new Handler(Looper.myLooper());
    return use::post;
  }

  private void session(List<Surface> out, CameraCaptureSession.StateCallback cb, Executor e) {
    check();
    if (session != null) session.close();
    VirtualSession s = session = new VirtualSession(this, out, cb, e);
    e.execute(() -> {
      cb.onConfigured(s);
      cb.onReady(s);
    });
  }

  private static List<Surface> surfaces(List<OutputConfiguration> out) {
    return out.stream().map(OutputConfiguration::getSurface).filter(java.util.Objects::nonNull).toList();
  }

  @Override public void createCaptureSession(List<Surface> out, CameraCaptureSession.StateCallback cb, Handler h) { session(out, cb, on(h)); }
  @Override public void createCaptureSession(SessionConfiguration c) { session(surfaces(c.getOutputConfigurations()), c.getStateCallback(), c.getExecutor()); }
  @Override public void createCaptureSessionByOutputConfigurations(List<OutputConfiguration> out, CameraCaptureSession.StateCallback cb, Handler h) { session(surfaces(out), cb, on(h)); }
  @Override public void createConstrainedHighSpeedCaptureSession(List<Surface> out, CameraCaptureSession.StateCallback cb, Handler h) { session(out, cb, on(h)); }
  @Override public void createCustomCaptureSession(InputConfiguration in, List<OutputConfiguration> out, int mode, CameraCaptureSession.StateCallback cb, Handler h) { session(surfaces(out), cb, on(h)); }
  @Override public void createReprocessableCaptureSession(InputConfiguration in, List<Surface> out, CameraCaptureSession.StateCallback cb, Handler h) { throw new IllegalArgumentException("no reprocessing"); }
  @Override public void createReprocessableCaptureSessionByConfigurations(InputConfiguration in, List<OutputConfiguration> out, CameraCaptureSession.StateCallback cb, Handler h) { throw new IllegalArgumentException("no reprocessing"); }
  @Override public CaptureRequest.Builder createReprocessCaptureRequest(TotalCaptureResult r) { throw new IllegalArgumentException("no reprocessing"); }
  @Override public boolean isSessionConfigurationSupported(SessionConfiguration c) { return true; }

  /** The constructor's parameters differ by Android version; by type they are plain. (Robolectric adds one without any.) */
  @Override public CaptureRequest.Builder createCaptureRequest(int template) {
    check();
    try {
      Constructor<?> c = Arrays.stream(CaptureRequest.Builder.class.getDeclaredConstructors()).max(Comparator.comparing(Constructor::getParameterCount)).orElseThrow();
      Object[] v = new Object[c.getParameterCount()];
      for (int i = 0; i < v.length; i++) {
        Class<?> t = c.getParameterTypes()[i];
        v[i] = t == CameraMetadataNative.class ? new CameraMetadataNative() : t == boolean.class ? (Object) false : t == int.class ? (Object) (-1) : t == String.class ? lens.id : null;
      }
      c.setAccessible(true);
      return (CaptureRequest.Builder) c.newInstance(v);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** By the uid's state (then an error), or by another client (then a disconnection). */
  private void takenAway() {
    if (session != null) session.stop();
    boolean state = Uid.refusal(Uid.TYPE_CAMERA) != null;
    executor.execute(() -> {
      if (state) callback.onError(this, StateCallback.ERROR_CAMERA_DISABLED);
      else callback.onDisconnected(this);
    });
    onFree.run();
  }

  /** May come twice, also from a finalizer. */
  @Override public void close() {
    if (closed) return;
    closed = true;
    if (session != null) session.close();
    TextureFrames.forget(open);
    OpenCameras.closed(this);
    onFree.run();
    executor.execute(() -> callback.onClosed(this));
  }
}
