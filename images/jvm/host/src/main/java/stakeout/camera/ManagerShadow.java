package stakeout.camera;

import android.graphics.ImageFormat;
import android.graphics.Rect;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.os.Handler;
import android.os.Looper;
import android.util.Size;
import android.util.SizeF;
import stakeout.host.Log;
import stakeout.perm.Permissions;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executor;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowCameraCharacteristics;
import org.robolectric.shadows.ShadowCameraManager;
import org.robolectric.shadows.StreamConfigurationMapBuilder;

/**
 * Two cameras for Camera2. Opening is caught at the public methods and gives a device class of ours: the framework's
 * CameraDeviceImpl would need another constructor for each Android version, and a class that SDK 34 lacks.
 */
@Implements(CameraManager.class)
public class ManagerShadow extends ShadowCameraManager {
  private static final Size[] SIZES = {new Size(1920, 1080), new Size(1280, 720), new Size(640, 480), new Size(320, 240)};
  private static final int HAL_BLOB = 0x21, HAL_PRIVATE = 0x22; // the builder takes the HAL's formats: JPEG is a blob there
  private static final Map<String, CameraCharacteristics> KNOWN = new HashMap<>();

  @Override @Implementation protected String[] getCameraIdList() { return new String[] {"0", "1"}; }

  @Override @Implementation protected CameraCharacteristics getCameraCharacteristics(String id) {
    if (!id.equals("0") && !id.equals("1")) throw new IllegalArgumentException("no camera " + id);
    return KNOWN.computeIfAbsent(id, ManagerShadow::characteristics);
  }

  private static CameraCharacteristics characteristics(String id) {
    CameraCharacteristics c = ShadowCameraCharacteristics.newCameraCharacteristics();
    ShadowCameraCharacteristics s = Shadow.extract(c);
    StreamConfigurationMapBuilder map = StreamConfigurationMapBuilder.newBuilder();
    for (Size z : SIZES) map.addOutputSize(HAL_BLOB, z).addOutputSize(ImageFormat.YUV_420_888, z).addOutputSize(HAL_PRIVATE, z);
    s.set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP, map.build());
    s.set(CameraCharacteristics.LENS_FACING, id.equals("0") ? CameraCharacteristics.LENS_FACING_BACK : CameraCharacteristics.LENS_FACING_FRONT);
    s.set(CameraCharacteristics.SENSOR_ORIENTATION, id.equals("0") ? 90 : 270);
    s.set(CameraCharacteristics.INFO_SUPPORTED_HARDWARE_LEVEL, CameraCharacteristics.INFO_SUPPORTED_HARDWARE_LEVEL_LIMITED);
    s.set(CameraCharacteristics.REQUEST_AVAILABLE_CAPABILITIES, new int[] {CameraCharacteristics.REQUEST_AVAILABLE_CAPABILITIES_BACKWARD_COMPATIBLE});
    s.set(CameraCharacteristics.FLASH_INFO_AVAILABLE, id.equals("0"));
    s.set(CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES, new int[] {0, 1, 4});
    s.set(CameraCharacteristics.SENSOR_INFO_ACTIVE_ARRAY_SIZE, new Rect(0, 0, 1920, 1080));
    s.set(CameraCharacteristics.SENSOR_INFO_PHYSICAL_SIZE, new SizeF(5.6f, 4.2f));
    s.set(CameraCharacteristics.LENS_INFO_AVAILABLE_FOCAL_LENGTHS, new float[] {4.3f});
    return c;
  }

  @Implementation protected void openCamera(String id, CameraDevice.StateCallback callback, Handler handler) throws CameraAccessException {
    Handler h = handler != null ? handler : new Handler(Looper.myLooper() != null ? Looper.myLooper() : Looper.getMainLooper());
    open(id, h::post, callback);
  }

  @Implementation(minSdk = 28) protected void openCamera(String id, Executor executor, CameraDevice.StateCallback callback) throws CameraAccessException {
    open(id, executor, callback);
  }

  private static void open(String id, Executor executor, CameraDevice.StateCallback callback) throws CameraAccessException {
    Permissions.enforce("CAMERA", "openCamera " + id);
    if (Permissions.idle()) {
      Log.event("denied", "openCamera " + id + " while idle");
      throw new CameraAccessException(CameraAccessException.CAMERA_DISABLED, "Camera \"" + id + "\" disabled by policy");
    }
    VirtualCamera camera = new VirtualCamera(id, executor, callback);
    OpenCameras.opened(camera, "Camera2 " + id, camera::disconnect);
    executor.execute(() -> callback.onOpened(camera));
  }
}
