package stakeout.camera;

/** The camera that a recorder takes its frames from. */
public final class VideoSource {
  private final Lens lens;
  private final int session;

  VideoSource(Lens lens, int session) {
    this.lens = lens;
    this.session = session;
  }

  /** The frame of now in NV21; null when the feed has none. */
  public byte[] nv21(int width, int height) {
    return Feed.nv21(lens, session, width, height);
  }

  /** Of a camera that was given to `MediaRecorder.setCamera`, or null when it is not open. */
  public static VideoSource of(android.hardware.Camera c) {
    return c == null ? null : ((Camera1) (Object) org.robolectric.shadow.api.Shadow.extract(c)).video();
  }

  /** Of the camera that draws to a surface which a recorder or an encoder gave out; null when none does. */
  public static VideoSource drawnTo(android.view.Surface s) {
    return TextureFrames.source(s);
  }
}
