package stakeout.camera;

import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.os.Handler;
import android.os.Looper;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowCameraManager;

/**
 * The two cameras for Camera2. Opening is caught at the public methods and gives a device class of ours: the framework's
 * CameraDeviceImpl would need another constructor for each Android version, and a class that SDK 34 lacks.
 */
@Implements(CameraManager.class)
public class ManagerShadow extends ShadowCameraManager {
  private static final Map<String, CameraCharacteristics> KNOWN = new HashMap<>();

  @Override @Implementation protected String[] getCameraIdList() {
    return Arrays.stream(Lens.values()).map(l -> l.id).toArray(String[]::new);
  }

  private static Lens lens(String id) {
    Lens l = id == null ? null : Lens.of(id);
    if (l == null) throw new IllegalArgumentException("getCameraCharacteristics: Unable to retrieve camera characteristics for unknown device " + id);
    return l;
  }

  @Override @Implementation protected CameraCharacteristics getCameraCharacteristics(String id) {
    Lens l = lens(id);
    synchronized (KNOWN) {
      return KNOWN.computeIfAbsent(id, k -> Characteristics.of(l));
    }
  }

  @Implementation protected void openCamera(String id, CameraDevice.StateCallback callback, Handler handler) throws CameraAccessException {
    Handler h = handler != null ? handler : looper();
    open(id, h::post, callback);
  }

  @Implementation(minSdk = 28) protected void openCamera(String id, Executor executor, CameraDevice.StateCallback callback) throws CameraAccessException {
    open(id, executor, callback);
  }

  private static Handler looper() {
    if (Looper.myLooper() == null) throw new IllegalArgumentException("Receiver handler is null, but no looper set!");
    return new Handler(Looper.myLooper());
  }

  /** A refusal by state is told twice, by the callback and by the exception, as the framework's API documents. */
  private void open(String id, Executor executor, CameraDevice.StateCallback callback) throws CameraAccessException {
    Lens l = lens(id);
    if (callback == null) throw new IllegalArgumentException("callback was null");
    String why = OpenCameras.refusal("CameraManager.openCamera(" + id + ")");
    String caller = "Caller \"" + RuntimeEnvironment.getApplication().getPackageName() + "\" (PID " + android.os.Process.myPid() + ", UID " + android.os.Process.myUid() + ") ";
    if ("permission".equals(why)) throw new SecurityException(caller + "cannot open camera \"" + id + "\" without camera permission");
    VirtualCamera camera = new VirtualCamera(l, executor, callback);
    if (why != null) {
      executor.execute(() -> callback.onError(camera, CameraDevice.StateCallback.ERROR_CAMERA_DISABLED));
      throw new CameraAccessException(CameraAccessException.CAMERA_DISABLED, caller + "cannot open camera \"" + id + "\" from background");
    }
    OpenCameras.evict(l);
    told("onCameraUnavailable", id);
    camera.opened(() -> told("onCameraAvailable", id));
    executor.execute(() -> callback.onOpened(camera));
  }

  // who asked to know when a camera is taken and free again

  private record Watcher(Object callback, Executor on) {}

  private static final List<Watcher> WATCHERS = new ArrayList<>();

  private static void told(String method, String id) {
    List<Watcher> all;
    synchronized (WATCHERS) {
      all = new ArrayList<>(WATCHERS);
    }
    for (Watcher w : all) {
      CameraManager.AvailabilityCallback c = (CameraManager.AvailabilityCallback) w.callback;
      w.on.execute(() -> {
        if (method.equals("onCameraAvailable")) c.onCameraAvailable(id);
        else c.onCameraUnavailable(id);
      });
    }
  }

  private void watch(CameraManager.AvailabilityCallback c, Executor on) {
    synchronized (WATCHERS) {
      WATCHERS.add(new Watcher(c, on));
    }
    for (Lens l : Lens.values()) on.execute(() -> c.onCameraAvailable(l.id));
  }

  @Override @Implementation protected void registerAvailabilityCallback(CameraManager.AvailabilityCallback c, Handler h) {
    Handler on = h != null ? h : looper();
    watch(c, on::post);
  }

  @Implementation(minSdk = 28) protected void registerAvailabilityCallback(Executor e, CameraManager.AvailabilityCallback c) { watch(c, e); }

  @Override @Implementation protected void unregisterAvailabilityCallback(CameraManager.AvailabilityCallback c) {
    synchronized (WATCHERS) {
      WATCHERS.removeIf(w -> w.callback == c);
    }
  }

  static void processEnded() {
    synchronized (WATCHERS) {
      WATCHERS.clear();
    }
  }
}
