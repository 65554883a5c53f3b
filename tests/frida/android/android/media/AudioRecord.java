package android.media;

/** Stands for Android's. */
public class AudioRecord {
  public void startRecording() {}
}
