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
import stakeout.host.Log;
import java.lang.reflect.Constructor;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Executor;

/** An open Camera2 device. */
final class VirtualCamera extends CameraDevice {
  private final String id;
  private final Executor executor;
  private final StateCallback callback;
  private VirtualSession session;
  private boolean closed;

  VirtualCamera(String id, Executor executor, StateCallback callback) {
    this.id = id;
    this.executor = executor;
    this.callback = callback;
  }

  @Override public String getId() { return id; }

  private void check() {
    if (closed) throw new IllegalStateException("CameraDevice was already closed");
  }

  private static Executor on(Handler h) {
    Handler use = h != null ? h : new Handler(Looper.myLooper() != null ? Looper.myLooper() : Looper.getMainLooper());
    return use::post;
  }

  private void session(CameraCaptureSession.StateCallback cb, Executor e) {
    check();
    if (session != null) session.close();
    VirtualSession s = session = new VirtualSession(this, cb, e);
    e.execute(() -> {
      cb.onConfigured(s);
      cb.onReady(s);
    });
  }

  @Override public void createCaptureSession(List<Surface> out, CameraCaptureSession.StateCallback cb, Handler h) { session(cb, on(h)); }
  @Override public void createCaptureSession(SessionConfiguration c) { session(c.getStateCallback(), c.getExecutor()); }
  @Override public void createCaptureSessionByOutputConfigurations(List<OutputConfiguration> out, CameraCaptureSession.StateCallback cb, Handler h) { session(cb, on(h)); }
  @Override public void createConstrainedHighSpeedCaptureSession(List<Surface> out, CameraCaptureSession.StateCallback cb, Handler h) { session(cb, on(h)); }
  @Override public void createCustomCaptureSession(InputConfiguration in, List<OutputConfiguration> out, int mode, CameraCaptureSession.StateCallback cb, Handler h) { session(cb, on(h)); }
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
        v[i] = t == CameraMetadataNative.class ? new CameraMetadataNative() : t == boolean.class ? (Object) false : t == int.class ? (Object) (-1) : t == String.class ? id : null;
      }
      c.setAccessible(true);
      return (CaptureRequest.Builder) c.newInstance(v);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  void disconnect() {
    if (session != null) session.stop();
    executor.execute(() -> callback.onDisconnected(this));
  }

  /** May come twice, also from a finalizer. */
  @Override public void close() {
    if (closed) return;
    closed = true;
    if (session != null) session.close();
    OpenCameras.closed(this);
    Log.event("camera.close", "Camera2 " + id);
    executor.execute(() -> callback.onClosed(this));
  }
}
