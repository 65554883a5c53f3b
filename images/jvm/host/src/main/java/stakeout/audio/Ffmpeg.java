package stakeout.audio;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import stakeout.time.Clock;

/** One child `ffmpeg` that encodes what it is given on its standard input. Its absence is told, never papered over. */
public final class Ffmpeg {
  private static final long PATIENCE_SECONDS = 60;
  private static Boolean present;
  private final Process process;
  private final OutputStream in;
  private IOException failure;

  private Ffmpeg(Process process) {
    this.process = process;
    in = process.getOutputStream();
  }

  /** Whether this machine has it; not started for it, as its libraries take a tenth of a second. One that does not run fails each recording, which is told. */
  public static synchronized boolean present() {
    if (present == null) {
      String path = System.getenv("PATH");
      present = path != null && Arrays.stream(path.split(":")).anyMatch(d -> Files.isExecutable(Path.of(d, "ffmpeg")));
    }
    return present;
  }

  /** @param arguments between `ffmpeg` and the output's path; the input is `-` in them */
  static Ffmpeg start(List<String> arguments, String path) throws IOException {
    List<String> all = new ArrayList<>(List.of("ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-threads", "1"));
    all.addAll(arguments);
    all.add("file:" + path);
    Process[] started = new Process[1];
    IOException[] failed = new IOException[1];
    Clock.standStill(() -> {
      try {
        started[0] = new ProcessBuilder(all).redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      } catch (IOException e) {
        failed[0] = e;
      }
    });
    if (failed[0] != null) throw failed[0];
    return new Ffmpeg(started[0]);
  }

  /** More input; after a failure nothing, {@link #finish} tells. */
  void write(byte[] b) {
    if (failure != null) return;
    try {
      in.write(b);
    } catch (IOException e) {
      failure = e;
    }
  }

  /** Ends the input and waits for the file. @throws IOException when there is no whole file */
  void finish() throws IOException {
    try {
      in.close();
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IOException("ffmpeg did not end");
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      throw new IOException("interrupted while ffmpeg ran", e);
    }
    if (failure != null) throw failure;
    if (process.exitValue() != 0) throw new IOException("ffmpeg ended with " + process.exitValue());
  }

  void kill() {
    process.destroyForcibly();
  }
}
