package stakeout.audio;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import stakeout.camera.Hal;
import stakeout.camera.VideoSource;
import stakeout.honesty.Numbers;
import stakeout.host.Events;
import stakeout.time.Clock;

/**
 * One running MediaRecorder: sound and pictures are asked from the feed while virtual time passes, never afterwards, and go
 * to encoders that write the app's file. A video is sound and pictures in two passes: the pictures are encoded as they come.
 */
final class Recording {
  /** Frames a second of a video file; each is asked for at first, then every tenth, repeated. */
  static final int FPS = 10;
  private static final int ALL_FRAMES = 30 * FPS;
  private static final long CHUNK_MILLIS = 1000;

  /** What the app configured. `audioCodec` null: no sound; `video` null: no pictures. */
  record Plan(String path, String container, String audioCodec, int rate, int channels, String bitrate, VideoSource video, int width, int height) {}

  private final Plan plan;
  private final Mic mic;
  private final long startedAt = Clock.trialNanos();
  private final Ffmpeg sound, pictures;
  private final File videoOnly, soundOnly;
  private long samples, frames;
  private byte[] last;
  private int peak;
  private boolean ended;

  Recording(Plan plan) throws IOException {
    this.plan = plan;
    mic = plan.audioCodec == null ? null : Mic.open("media_recorder");
    try {
      boolean both = plan.video != null && mic != null;
      videoOnly = both ? temporary(".mp4") : null;
      soundOnly = both ? temporary(".mka") : null;
      sound = mic == null ? null : Ffmpeg.start(soundArguments(both), both ? soundOnly.getPath() : plan.path);
      pictures = plan.video == null ? null : Ffmpeg.start(videoArguments(), both ? videoOnly.getPath() : plan.path);
    } catch (IOException e) {
      if (mic != null) mic.close();
      Events.unsupported("android.media.MediaRecorder: encoder does not start", "threw");
      throw e;
    }
    if (mic != null) mic.begin(startedAt, plan.rate);
    if (mic != null) Hal.handler().postDelayed(this::chunk, CHUNK_MILLIS);
    if (pictures != null) Hal.handler().post(this::frame);
  }

  private static File temporary(String end) throws IOException {
    return File.createTempFile("stakeout-recording-" + Numbers.session(), end, stakeout.host.Trial.TEMPORARY.toFile());
  }

  private List<String> soundArguments(boolean both) {
    List<String> a = new ArrayList<>(List.of("-f", "s16le", "-ar", "" + plan.rate, "-ac", "1", "-i", "-", "-c:a", plan.audioCodec, "-b:a", plan.bitrate, "-ac", "" + plan.channels, "-ar", "" + plan.rate));
    a.addAll(List.of("-f", both ? "matroska" : plan.container));
    return a;
  }

  private List<String> videoArguments() {
    return List.of("-f", "rawvideo", "-pix_fmt", "nv21", "-s", plan.width + "x" + plan.height, "-r", "" + FPS, "-i", "-",
        "-c:v", "libx264", "-preset", "ultrafast", "-crf", "20", "-pix_fmt", "yuv420p", "-f", plan.container.equals("3gp") ? "3gp" : "mp4");
  }

  private synchronized void chunk() {
    if (ended) return;
    pull();
    Hal.handler().postDelayed(this::chunk, CHUNK_MILLIS);
  }

  /** The sound since the last chunk. */
  private void pull() {
    long due = (Clock.trialNanos() - startedAt) / 1000 * plan.rate / 1_000_000;
    int n = (int) Math.min(due - samples, 30L * plan.rate);
    if (n <= 0) return;
    byte[] pcm = mic.pcm(samples, n);
    for (int i = 0; i + 1 < pcm.length; i += 2) peak = Math.max(peak, Math.abs((short) (pcm[i] & 255 | pcm[i + 1] << 8)));
    samples += n;
    Clock.standStill(() -> sound.write(pcm));
  }

  private synchronized void frame() {
    if (ended) return;
    int repeat = frames < ALL_FRAMES ? 1 : FPS;
    byte[] f = plan.video.nv21(plan.width, plan.height);
    if (f != null) last = f;
    if (last == null) last = new byte[plan.width * plan.height * 3 / 2];
    byte[] now = last;
    Clock.standStill(() -> {
      for (int i = 0; i < repeat; i++) pictures.write(now);
    });
    frames += repeat;
    Hal.handler().postDelayed(this::frame, repeat * 1000L / FPS);
  }

  synchronized int takePeak() {
    int p = peak;
    peak = 0;
    return p;
  }

  long millis() {
    return (Clock.trialNanos() - startedAt) / 1_000_000;
  }

  /** Writes the file's end. @throws IOException when there is no whole file */
  void finish() throws IOException {
    IOException[] failed = new IOException[1];
    synchronized (this) {
      if (ended) return;
      if (mic != null) pull();
      ended = true;
    }
    if (mic != null) mic.close();
    Clock.standStill(() -> {
      try {
        if (sound != null) sound.finish();
        if (pictures != null) pictures.finish();
        if (sound != null && pictures != null) {
          Ffmpeg.start(List.of("-i", videoOnly.getPath(), "-i", soundOnly.getPath(), "-c", "copy", "-f", plan.container), plan.path).finish();
        }
      } catch (IOException e) {
        failed[0] = e;
      } finally {
        clean();
      }
    });
    if (failed[0] != null) throw failed[0];
  }

  /** Ends without a whole file, as `reset` or `release` while recording do. */
  void abandon() {
    synchronized (this) {
      if (ended) return;
      ended = true;
    }
    if (mic != null) mic.close();
    if (sound != null) sound.kill();
    if (pictures != null) pictures.kill();
    clean();
  }

  private void clean() {
    for (File f : new File[] {videoOnly, soundOnly}) {
      if (f != null) f.delete();
    }
  }
}
