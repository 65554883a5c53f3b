package android.media;

/** Stands for Android's. */
public class MediaRecorder {
  public void start() {}
}
