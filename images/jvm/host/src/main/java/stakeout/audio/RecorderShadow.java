package stakeout.audio;

import android.media.MediaRecorder;
import android.os.Handler;
import android.os.Looper;
import android.view.Surface;
import java.io.File;
import java.io.FileDescriptor;
import java.io.IOException;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadows.ShadowMediaRecorder;
import org.robolectric.util.ReflectionHelpers;
import stakeout.camera.Hal;
import stakeout.camera.VideoSource;
import stakeout.host.Events;
import stakeout.host.Log;
import stakeout.tap.Files;

/** MediaRecorder with a real file: 3gp or raw AMR-NB and AMR-WB, AAC in mp4 or ADTS, and video, by ffmpeg. */
@Implements(MediaRecorder.class)
public class RecorderShadow extends ShadowMediaRecorder {
  private static final int OUTPUT_AMR_WB = 4, OUTPUT_WEBM = 9, OUTPUT_OGG = 11, ENCODER_AMR_WB = 2, ENCODER_VORBIS = 6, ENCODER_OPUS = 7;
  /** Nothing that an encoder could end: Android throws as well. */
  private static final long SHORTEST_MILLIS = 100;

  @RealObject private MediaRecorder me;
  private String path;
  private long maxBytes;
  private Recording recording;
  private Surface input;
  private boolean withSound, withPictures;
  private final Handler handler = new Handler(Looper.myLooper() != null ? Looper.myLooper() : Looper.getMainLooper());

  @Override @Implementation protected void setAudioSource(int source) {
    if (!Mic.permitted("android.media.MediaRecorder.setAudioSource")) throw new RuntimeException("setAudioSource failed.");
    super.setAudioSource(source);
    withSound = true;
  }

  @Override @Implementation protected void setVideoSource(int source) {
    super.setVideoSource(source);
    withPictures = true;
  }

  @Override @Implementation protected void setMaxFileSize(long bytes) {
    super.setMaxFileSize(bytes);
    maxBytes = bytes;
  }

  @Implementation(minSdk = 26) protected void setOutputFile(File f) { setOutputFile(f.getPath()); }

  @Override @Implementation protected void setOutputFile(String p) {
    super.setOutputFile(p);
    path = p;
  }

  /** ffmpeg is another process: it opens the file by the name that Linux knows for the descriptor. */
  @Override @Implementation protected void setOutputFile(FileDescriptor fd) {
    super.setOutputFile(fd);
    int n = ReflectionHelpers.getField(fd, "fd");
    try {
      String p = new File("/proc/self/fd/" + n).getCanonicalPath();
      path = new File(p).isFile() ? p : null;
    } catch (IOException e) {
      path = null;
    }
    if (path == null) Events.unsupported("android.media.MediaRecorder.setOutputFile(FileDescriptor) of a pipe or socket", "threw");
  }

  /** A surface for Camera2 and EGL; which camera draws to it is asked at start. */
  @Override @Implementation protected Surface getSurface() {
    if (input == null) input = new Input();
    return input;
  }

  private static final class Input extends Surface {
    @Override public boolean isValid() { return true; }
  }

  @Override @Implementation protected void prepare() {
    if (path == null || path.isEmpty()) throw sneaky(new IOException("No valid output file"));
    if (!Ffmpeg.present()) {
      Events.unsupported("android.media.MediaRecorder: no ffmpeg on this device", "threw");
      throw sneaky(new IOException("prepare failed."));
    }
    try {
      Files.opening(path, "MediaRecorder");
      new java.io.FileOutputStream(path).close(); // Android makes the file here, and fails here when it cannot
    } catch (IOException e) {
      throw sneaky(e);
    }
    super.prepare();
  }

  private static RuntimeException sneaky(IOException e) {
    return RecorderShadow.<RuntimeException>thrown(e);
  }

  @SuppressWarnings("unchecked")
  private static <E extends Throwable> E thrown(Throwable e) throws E {
    throw (E) e;
  }

  private Recording.Plan plan() throws IOException {
    boolean sound = withSound, pictures = withPictures;
    int format = getOutputFormat(), encoder = getAudioEncoder();
    boolean wide = encoder == ENCODER_AMR_WB || format == OUTPUT_AMR_WB, narrow = !wide && encoder <= MediaRecorder.AudioEncoder.AMR_NB && !pictures;
    if (format == OUTPUT_WEBM || format == OUTPUT_OGG || encoder == ENCODER_VORBIS || encoder == ENCODER_OPUS) throw unsupported("format " + format + ", encoder " + encoder);
    String container = switch (format) {
      case MediaRecorder.OutputFormat.RAW_AMR, OUTPUT_AMR_WB -> "amr";
      case MediaRecorder.OutputFormat.AAC_ADTS -> "adts";
      case MediaRecorder.OutputFormat.MPEG_4 -> "mp4";
      case MediaRecorder.OutputFormat.MPEG_2_TS -> "mpegts";
      default -> pictures ? "mp4" : "3gp";
    };
    if (container.equals("adts")) wide = narrow = false;
    String codec = !sound ? null : wide ? "libvo_amrwbenc" : narrow ? "libopencore_amrnb" : "aac";
    int rate = wide ? 16000 : narrow ? 8000 : getAudioSamplingRate() > 0 ? getAudioSamplingRate() : 44100;
    int channels = wide || narrow ? 1 : Math.max(1, Math.min(2, getAudioChannels()));
    String bits = wide ? "23.85k" : narrow ? "12.2k" : "" + (getAudioEncodingBitRate() > 0 ? getAudioEncodingBitRate() : 64000);
    VideoSource video = null;
    if (pictures) {
      video = getCamera() != null ? VideoSource.of(getCamera()) : input != null ? VideoSource.drawnTo(input) : null;
      if (video == null) throw unsupported("video whose frames no camera draws");
    }
    int w = getVideoWidth() > 0 ? getVideoWidth() & ~1 : 640, h = getVideoHeight() > 0 ? getVideoHeight() & ~1 : 480;
    return new Recording.Plan(path, container, codec, rate, channels, bits, video, w, h);
  }

  private static IOException unsupported(String what) {
    Events.unsupported("android.media.MediaRecorder: " + what, "threw");
    return new IOException(what);
  }

  @Override @Implementation protected void start() {
    if (getState() != STATE_PREPARED) throw new IllegalStateException();
    try {
      recording = new Recording(plan());
    } catch (IOException e) {
      Log.event("recorder", "start failed: " + e.getMessage());
      throw new RuntimeException("start failed.");
    }
    super.start();
    Recording r = recording;
    if (getMaxDuration() > 0) Hal.handler().postDelayed(() -> limit(r, MediaRecorder.MEDIA_RECORDER_INFO_MAX_DURATION_REACHED), getMaxDuration());
    if (maxBytes > 0) watchSize(r);
  }

  /** A limit ends the recording by itself; the app is told and calls stop later, or never. */
  private void limit(Recording r, int what) {
    if (recording != r) return;
    finish(r);
    MediaRecorder.OnInfoListener l = getInfoListener();
    if (l != null) handler.post(() -> l.onInfo(me, what, 0));
  }

  private void watchSize(Recording r) {
    Hal.handler().postDelayed(() -> {
      if (recording != r) return;
      if (new File(path).length() >= maxBytes) limit(r, MediaRecorder.MEDIA_RECORDER_INFO_MAX_FILESIZE_REACHED);
      else watchSize(r);
    }, 1000);
  }

  private boolean finish(Recording r) {
    try {
      r.finish();
      Files.closed(path, "MediaRecorder");
      return true;
    } catch (IOException e) {
      Log.event("recorder", "no file: " + e.getMessage());
      Events.unsupported("android.media.MediaRecorder: encoder failed", "threw");
      return false;
    }
  }

  @Override @Implementation protected void stop() {
    Recording r = recording;
    if (r == null) throw new IllegalStateException();
    recording = null;
    super.stop();
    if (r.millis() < SHORTEST_MILLIS) {
      r.abandon();
      throw new RuntimeException("stop failed.");
    }
    if (!finish(r)) throw new RuntimeException("stop failed.");
  }

  @Override @Implementation protected void reset() {
    abandon();
    super.reset();
    path = null;
    input = null;
    maxBytes = 0;
    withSound = withPictures = false;
  }

  @Override @Implementation protected void release() {
    abandon();
    super.release();
  }

  private void abandon() {
    Recording r = recording;
    recording = null;
    if (r != null) r.abandon();
  }

  @Implementation protected int getMaxAmplitude() {
    Recording r = recording;
    return r == null ? 0 : r.takePeak();
  }

  @Implementation(minSdk = 24) protected void pause() { Events.unsupported("android.media.MediaRecorder.pause", "ignored"); }
  @Implementation(minSdk = 24) protected void resume() {}
}
