package stakeout.audio;

import android.media.MediaRecorder;
import android.os.Handler;
import android.os.Looper;
import stakeout.host.Log;
import stakeout.perm.Permissions;
import stakeout.tap.Files;
import stakeout.time.Clock;
import java.io.File;
import java.io.FileDescriptor;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadows.ShadowMediaRecorder;
import org.robolectric.util.ReflectionHelpers;

/** MediaRecorder with a real file: made at stop, by ffmpeg, as long as virtual time has passed. Sound only so far. */
@Implements(MediaRecorder.class)
public class RecorderShadow extends ShadowMediaRecorder {
  @RealObject private MediaRecorder me;
  private String path;
  private int format, encoder, maxMillis;
  private long startedAt = -1;
  private MediaRecorder.OnInfoListener info;

  @Override @Implementation protected void setAudioSource(int source) {
    if (!Permissions.granted("RECORD_AUDIO")) {
      Log.event("denied", "MediaRecorder without RECORD_AUDIO");
      throw new RuntimeException("setAudioSource failed.");
    }
    super.setAudioSource(source);
  }

  @Override @Implementation protected void setOutputFormat(int f) {
    super.setOutputFormat(f);
    format = f;
  }

  @Override @Implementation protected void setAudioEncoder(int e) {
    super.setAudioEncoder(e);
    encoder = e;
  }

  @Override @Implementation protected void setMaxDuration(int ms) {
    super.setMaxDuration(ms);
    maxMillis = ms;
  }

  @Implementation protected void setOutputFile(File f) { setOutputFile(f.getPath()); }
  @Override @Implementation protected void setOutputFile(String p) {
    super.setOutputFile(p);
    path = p;
  }

  /** The JVM cannot write through a descriptor that only a program knows of; its path is known to Linux. */
  @Override @Implementation protected void setOutputFile(FileDescriptor fd) {
    int n = ReflectionHelpers.getField(fd, "fd");
    try {
      setOutputFile(new File("/proc/self/fd/" + n).getCanonicalPath());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override @Implementation protected void setOnInfoListener(MediaRecorder.OnInfoListener l) {
    super.setOnInfoListener(l);
    info = l;
  }

  @Override @Implementation protected void start() {
    super.start();
    startedAt = Clock.now();
    Log.event("mic.start", "MediaRecorder to " + path);
    if (maxMillis > 0) {
      long of = startedAt;
      new Handler(Looper.getMainLooper()).postDelayed(() -> {
        if (startedAt == of && info != null) info.onInfo(me, MediaRecorder.MEDIA_RECORDER_INFO_MAX_DURATION_REACHED, 0);
      }, maxMillis);
    }
  }

  @Override @Implementation protected void stop() {
    super.stop();
    long ms = Clock.now() - startedAt;
    startedAt = -1;
    if (ms < 100) throw new RuntimeException("stop failed."); // nothing recorded: Android throws as well
    Clock.standStill(() -> encode(maxMillis > 0 ? Math.min(ms, maxMillis) : ms));
  }

  @Implementation protected int getMaxAmplitude() { return startedAt >= 0 && !Permissions.idle() ? 9000 : 0; }

  private void encode(long ms) {
    boolean amr = encoder == MediaRecorder.AudioEncoder.AMR_NB || encoder == 0;
    int rate = amr ? 8000 : 44100;
    String container = switch (format) {
      case MediaRecorder.OutputFormat.RAW_AMR -> "amr";
      case MediaRecorder.OutputFormat.AAC_ADTS -> "adts";
      case MediaRecorder.OutputFormat.MPEG_4 -> "mp4";
      default -> "3gp";
    };
    try {
      Process p = new ProcessBuilder(List.of("ffmpeg", "-loglevel", "error", "-y", "-f", "s16le", "-ar", "" + rate, "-ac", "1", "-i", "-",
          "-c:a", amr ? "libopencore_amrnb" : "aac", "-b:a", amr ? "12.2k" : "64k", "-f", container, path)).redirectErrorStream(true).start();
      try (OutputStream o = p.getOutputStream()) {
        o.write(Mic.pcm(ms * rate / 1000, rate, Permissions.idle()));
      }
      String said = new String(p.getInputStream().readAllBytes());
      if (p.waitFor() != 0) throw new IOException(said);
      Files.closed(path, "MediaRecorder");
      Log.event("mic.file", container + (amr ? " AMR-NB " : " AAC ") + ms + " ms -> " + new File(path).length() + " bytes");
    } catch (IOException | InterruptedException e) {
      Log.event("mic.file_failed", String.valueOf(e));
    }
  }
}
