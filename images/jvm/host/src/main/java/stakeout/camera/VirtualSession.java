package stakeout.camera;

import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.CaptureResult;
import android.hardware.camera2.TotalCaptureResult;
import android.hardware.camera2.params.OutputConfiguration;
import android.os.Handler;
import android.view.Surface;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Executor;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowCaptureResult;
import org.robolectric.shadows.ShadowTotalCaptureResult;
import org.robolectric.util.ReflectionHelpers;
import stakeout.host.Events;
import stakeout.time.Clock;

/** A capture session: stills and the repeating request, made on the thread that plays the camera's hardware. */
final class VirtualSession extends CameraCaptureSession {
  /** Exposure of a still, in virtual milliseconds. */
  private static final long STILL_MILLIS = 100;
  private final VirtualCamera device;
  private final List<Surface> outputs;
  private final StateCallback state;
  private final Executor executor;
  private final Object pending = new Object();
  private final Pace pace = new Pace();
  private boolean closed;
  private int run, sequence;
  private long frame;

  VirtualSession(VirtualCamera device, List<Surface> outputs, StateCallback state, Executor executor) {
    this.device = device;
    this.outputs = outputs;
    this.state = state;
    this.executor = executor;
  }

  private void check() {
    if (closed) throw new IllegalStateException("Session has been closed; further changes are illegal.");
  }

  private static Collection<Surface> targets(CaptureRequest r) {
    return ReflectionHelpers.callInstanceMethod(r, "getTargets");
  }

  private void checkTargets(List<CaptureRequest> rs) {
    for (CaptureRequest r : rs) {
      Collection<Surface> t = targets(r);
      if (t.isEmpty()) throw new IllegalArgumentException("Each request must have at least one Surface target");
      for (Surface s : t) {
        if (!outputs.contains(s)) throw new IllegalArgumentException("CaptureRequest contains unconfigured Input/Output Surface!");
      }
    }
  }

  private void post(long delay, Runnable r) {
    Hal.handler().postAtTime(r, pending, Clock.now() + delay);
  }

  /** One exposure: started, then the images to each target, then completed, in the order that Android promises. */
  private void expose(CaptureRequest r, Executor e, CaptureCallback cb) {
    long n = frame++, t = Clock.now() * 1_000_000;
    if (cb != null) e.execute(() -> cb.onCaptureStarted(this, r, t, n));
    Integer degrees = r.get(CaptureRequest.JPEG_ORIENTATION);
    Byte quality = r.get(CaptureRequest.JPEG_QUALITY);
    for (Surface s : targets(r)) ReaderShadow.push(s, device.lens, device.open().session, t, degrees == null ? 0 : degrees, quality == null ? 90 : quality);
    if (cb == null) return;
    TotalCaptureResult result = ShadowTotalCaptureResult.newTotalCaptureResult();
    ShadowCaptureResult sr = Shadow.extract(result);
    sr.set(CaptureResult.CONTROL_AF_STATE, CaptureResult.CONTROL_AF_STATE_FOCUSED_LOCKED);
    sr.set(CaptureResult.CONTROL_AE_STATE, CaptureResult.CONTROL_AE_STATE_CONVERGED);
    sr.set(CaptureResult.CONTROL_AWB_STATE, CaptureResult.CONTROL_AWB_STATE_CONVERGED);
    sr.set(CaptureResult.LENS_STATE, CaptureResult.LENS_STATE_STATIONARY);
    sr.set(CaptureResult.SENSOR_TIMESTAMP, t);
    e.execute(() -> cb.onCaptureCompleted(this, r, result));
  }

  private int still(List<CaptureRequest> rs, Executor e, CaptureCallback cb) {
    check();
    checkTargets(rs);
    int seq = sequence++;
    boolean picture = rs.stream().flatMap(r -> targets(r).stream()).anyMatch(ReaderShadow::takesJpeg);
    if (picture) Events.fact("shutter", "session", device.open().session, "audible", false); // the app would have to play it itself
    post(STILL_MILLIS, () -> {
      if (closed) return;
      for (CaptureRequest r : rs) expose(r, e, cb);
      long last = frame - 1;
      if (cb != null) e.execute(() -> cb.onCaptureSequenceCompleted(this, seq, last));
    });
    return seq;
  }

  private int repeat(List<CaptureRequest> rs, Executor e, CaptureCallback cb) {
    check();
    checkTargets(rs);
    pace.reset();
    List<Surface> shown = rs.stream().flatMap(r -> targets(r).stream()).distinct().toList();
    for (Surface s : shown) {
      SurfaceTexture t = Surfaces.texture(s);
      TextureFrames.drawnBy(t != null ? t : s, device.lens, device.open());
    }
    device.open().previewing(() -> shown.stream().anyMatch(Surfaces::visible));
    next(++run, 0, rs, e, cb);
    executor.execute(() -> state.onActive(this));
    return sequence++;
  }

  private void next(int ofRun, int n, List<CaptureRequest> rs, Executor e, CaptureCallback cb) {
    CaptureRequest r = rs.get(n % rs.size());
    // without a reader and without a callback nobody notices whether a frame was made
    if (rs.size() == 1 && cb == null && targets(r).stream().noneMatch(ReaderShadow::reads)) return;
    post(pace.pause(Clock.now()), () -> {
      if (closed || run != ofRun) return;
      pace.took(Clock.now());
      expose(r, e, cb);
      next(ofRun, n + 1, rs, e, cb);
    });
  }

  void stop() {
    run++;
    if (device.open() != null) device.open().previewStopped();
  }

  private static Executor on(Handler h, CaptureCallback cb) {
    return cb == null ? Runnable::run : VirtualCamera.on(h);
  }

  @Override public int capture(CaptureRequest r, CaptureCallback cb, Handler h) { return still(List.of(r), on(h, cb), cb); }
  @Override public int captureSingleRequest(CaptureRequest r, Executor e, CaptureCallback cb) { return still(List.of(r), e, cb); }
  @Override public int captureBurst(List<CaptureRequest> r, CaptureCallback cb, Handler h) { return still(List.copyOf(r), on(h, cb), cb); }
  @Override public int captureBurstRequests(List<CaptureRequest> r, Executor e, CaptureCallback cb) { return still(List.copyOf(r), e, cb); }
  @Override public int setRepeatingRequest(CaptureRequest r, CaptureCallback cb, Handler h) { return repeat(List.of(r), on(h, cb), cb); }
  @Override public int setSingleRepeatingRequest(CaptureRequest r, Executor e, CaptureCallback cb) { return repeat(List.of(r), e, cb); }
  @Override public int setRepeatingBurst(List<CaptureRequest> r, CaptureCallback cb, Handler h) { return repeat(List.copyOf(r), on(h, cb), cb); }
  @Override public int setRepeatingBurstRequests(List<CaptureRequest> r, Executor e, CaptureCallback cb) { return repeat(List.copyOf(r), e, cb); }
  @Override public void stopRepeating() { check(); stop(); executor.execute(() -> state.onReady(this)); }
  @Override public void abortCaptures() { check(); stop(); Hal.handler().removeCallbacksAndMessages(pending); executor.execute(() -> state.onReady(this)); }
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
    Hal.handler().removeCallbacksAndMessages(pending);
    executor.execute(() -> state.onClosed(this));
  }
}
