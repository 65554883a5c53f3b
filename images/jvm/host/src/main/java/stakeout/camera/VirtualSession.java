package stakeout.camera;

import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.CaptureResult;
import android.hardware.camera2.TotalCaptureResult;
import android.hardware.camera2.params.OutputConfiguration;
import android.os.Handler;
import android.os.HandlerThread;
import android.os.Looper;
import android.view.Surface;
import stakeout.host.Log;
import stakeout.time.Clock;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Executor;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowCaptureResult;
import org.robolectric.shadows.ShadowTotalCaptureResult;
import org.robolectric.util.ReflectionHelpers;

/** A capture session: stills and the repeating request, made on a thread that plays the camera's hardware. */
final class VirtualSession extends CameraCaptureSession {
  private static final HandlerThread HAL = new HandlerThread("camera-hal"); // an app thread to the clock: its work holds time
  static {
    HAL.start();
  }
  private final VirtualCamera device;
  private final StateCallback state;
  private final Executor executor;
  private final Handler hal = new Handler(HAL.getLooper());
  private boolean closed;
  private int run, sequence;
  private long frame;

  VirtualSession(VirtualCamera device, StateCallback state, Executor executor) {
    this.device = device;
    this.state = state;
    this.executor = executor;
  }

  private static Executor on(Handler h) {
    Handler use = h != null ? h : new Handler(Looper.myLooper() != null ? Looper.myLooper() : Looper.getMainLooper());
    return use::post;
  }

  private void check() {
    if (closed) throw new IllegalStateException("Session has been closed");
  }

  /** One exposure: started, then the images to each target, then completed, in the order that Android promises. */
  private void expose(CaptureRequest r, Executor e, CaptureCallback cb) {
    long n = frame++, t = Clock.now() * 1_000_000;
    if (cb != null) e.execute(() -> cb.onCaptureStarted(this, r, t, n));
    Collection<Surface> targets = ReflectionHelpers.callInstanceMethod(r, "getTargets");
    for (Surface s : targets) ReaderShadow.push(s, device.getId(), t);
    if (cb == null) return;
    TotalCaptureResult result = ShadowTotalCaptureResult.newTotalCaptureResult();
    ShadowCaptureResult sr = Shadow.extract(result);
    sr.set(CaptureResult.CONTROL_AF_STATE, CaptureResult.CONTROL_AF_STATE_FOCUSED_LOCKED);
    sr.set(CaptureResult.CONTROL_AE_STATE, CaptureResult.CONTROL_AE_STATE_CONVERGED);
    sr.set(CaptureResult.SENSOR_TIMESTAMP, t);
    e.execute(() -> cb.onCaptureCompleted(this, r, result));
  }

  private int still(List<CaptureRequest> rs, Executor e, CaptureCallback cb) {
    check();
    Log.event("camera.picture", "Camera2 " + device.getId() + " x" + rs.size());
    int seq = sequence++;
    hal.postDelayed(() -> {
      for (CaptureRequest r : rs) expose(r, e, cb);
      if (cb != null) e.execute(() -> cb.onCaptureSequenceCompleted(this, seq, frame - 1));
    }, 100);
    return seq;
  }

  private int repeat(List<CaptureRequest> rs, Executor e, CaptureCallback cb) {
    check();
    Log.event("camera.preview", "Camera2 " + device.getId());
    next(++run, 0, rs, e, cb);
    executor.execute(() -> state.onActive(this));
    return sequence++;
  }

  private void next(int ofRun, int n, List<CaptureRequest> rs, Executor e, CaptureCallback cb) {
    hal.postDelayed(() -> {
      if (closed || run != ofRun) return;
      expose(rs.get(n % rs.size()), e, cb);
      next(ofRun, n + 1, rs, e, cb);
    }, Feed.pause(n));
  }

  void stop() {
    run++;
  }

  @Override public int capture(CaptureRequest r, CaptureCallback cb, Handler h) { return still(List.of(r), on(h), cb); }
  @Override public int captureSingleRequest(CaptureRequest r, Executor e, CaptureCallback cb) { return still(List.of(r), e, cb); }
  @Override public int captureBurst(List<CaptureRequest> r, CaptureCallback cb, Handler h) { return still(r, on(h), cb); }
  @Override public int captureBurstRequests(List<CaptureRequest> r, Executor e, CaptureCallback cb) { return still(r, e, cb); }
  @Override public int setRepeatingRequest(CaptureRequest r, CaptureCallback cb, Handler h) { return repeat(List.of(r), on(h), cb); }
  @Override public int setSingleRepeatingRequest(CaptureRequest r, Executor e, CaptureCallback cb) { return repeat(List.of(r), e, cb); }
  @Override public int setRepeatingBurst(List<CaptureRequest> r, CaptureCallback cb, Handler h) { return repeat(r, on(h), cb); }
  @Override public int setRepeatingBurstRequests(List<CaptureRequest> r, Executor e, CaptureCallback cb) { return repeat(r, e, cb); }
  @Override public void stopRepeating() { check(); stop(); executor.execute(() -> state.onReady(this)); }
  @Override public void abortCaptures() { stop(); hal.removeCallbacksAndMessages(null); executor.execute(() -> state.onReady(this)); }
  @Override public CameraDevice getDevice() { return device; }
  @Override public boolean isReprocessable() { return false; }
  @Override public Surface getInputSurface() { return null; }
  @Override public void prepare(Surface s) { executor.execute(() -> state.onSurfacePrepared(this, s)); }
  @Override public void prepare(int max, Surface s) { prepare(s); }
  @Override public void tearDown(Surface s) {}
  @Override public void finalizeOutputConfigurations(List<OutputConfiguration> c) {}

  @Override public void close() {
    if (closed) return;
    closed = true;
    stop();
    executor.execute(() -> state.onClosed(this));
  }
}
