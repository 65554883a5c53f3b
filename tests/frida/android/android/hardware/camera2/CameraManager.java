package android.hardware.camera2;

/** Stands for Android's. */
public class CameraManager {
  public void openCamera(String id, Object callback, Object handler) {}
}
