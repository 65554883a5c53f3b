package stakeout.camera;

import android.graphics.ImageFormat;
import android.graphics.Rect;
import android.hardware.camera2.CameraCharacteristics;
import android.util.Range;
import android.util.Size;
import android.util.SizeF;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowCameraCharacteristics;
import org.robolectric.shadows.StreamConfigurationMapBuilder;

/** What Camera2 tells of a camera: a LIMITED device with JPEG, YUV and preview streams. */
final class Characteristics {
  private Characteristics() {}

  private static final int HAL_BLOB = 0x21, HAL_PRIVATE = 0x22; // the builder takes the HAL's formats: JPEG is a blob there

  static CameraCharacteristics of(Lens lens) {
    CameraCharacteristics c = ShadowCameraCharacteristics.newCameraCharacteristics();
    ShadowCameraCharacteristics s = Shadow.extract(c);
    StreamConfigurationMapBuilder map = StreamConfigurationMapBuilder.newBuilder();
    for (Size z : Lens.SIZES) map.addOutputSize(HAL_BLOB, z).addOutputSize(ImageFormat.YUV_420_888, z).addOutputSize(HAL_PRIVATE, z);
    s.set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP, map.build());
    s.set(CameraCharacteristics.LENS_FACING, lens == Lens.BACK ? CameraCharacteristics.LENS_FACING_BACK : CameraCharacteristics.LENS_FACING_FRONT);
    s.set(CameraCharacteristics.SENSOR_ORIENTATION, lens.orientation);
    s.set(CameraCharacteristics.INFO_SUPPORTED_HARDWARE_LEVEL, CameraCharacteristics.INFO_SUPPORTED_HARDWARE_LEVEL_LIMITED);
    s.set(CameraCharacteristics.REQUEST_AVAILABLE_CAPABILITIES, new int[] {CameraCharacteristics.REQUEST_AVAILABLE_CAPABILITIES_BACKWARD_COMPATIBLE});
    s.set(CameraCharacteristics.REQUEST_MAX_NUM_OUTPUT_PROC, 3);
    s.set(CameraCharacteristics.REQUEST_MAX_NUM_OUTPUT_PROC_STALLING, 1);
    s.set(CameraCharacteristics.REQUEST_MAX_NUM_OUTPUT_RAW, 0);
    s.set(CameraCharacteristics.FLASH_INFO_AVAILABLE, lens == Lens.BACK);
    s.set(CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES, new int[] {0, 1, 3, 4});
    s.set(CameraCharacteristics.CONTROL_AE_AVAILABLE_MODES, new int[] {0, 1, 2, 3});
    s.set(CameraCharacteristics.CONTROL_AWB_AVAILABLE_MODES, new int[] {0, 1});
    s.set(CameraCharacteristics.CONTROL_MAX_REGIONS_AF, 1);
    s.set(CameraCharacteristics.CONTROL_MAX_REGIONS_AE, 1);
    s.set(CameraCharacteristics.CONTROL_AE_AVAILABLE_TARGET_FPS_RANGES, ranges());
    s.set(CameraCharacteristics.SCALER_AVAILABLE_MAX_DIGITAL_ZOOM, 1f);
    s.set(CameraCharacteristics.SENSOR_INFO_ACTIVE_ARRAY_SIZE, new Rect(0, 0, 1920, 1080));
    s.set(CameraCharacteristics.SENSOR_INFO_PIXEL_ARRAY_SIZE, new Size(1920, 1080));
    s.set(CameraCharacteristics.SENSOR_INFO_PHYSICAL_SIZE, new SizeF(5.6f, 4.2f));
    s.set(CameraCharacteristics.SENSOR_INFO_TIMESTAMP_SOURCE, 0);
    s.set(CameraCharacteristics.LENS_INFO_AVAILABLE_FOCAL_LENGTHS, new float[] {4.3f});
    s.set(CameraCharacteristics.LENS_INFO_MINIMUM_FOCUS_DISTANCE, 10f);
    return c;
  }

  @SuppressWarnings("unchecked")
  private static Range<Integer>[] ranges() {
    return new Range[] {new Range<>(15, 30), new Range<>(30, 30)};
  }
}
