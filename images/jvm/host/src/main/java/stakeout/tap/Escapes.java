package stakeout.tap;

import stakeout.host.Log;
import java.io.IOException;

/** Ways out of the converted code: native libraries and programs of Android do not exist here; a verdict must know of them. */
public final class Escapes {
  public static void loadLibrary(String name) {
    Log.event("unsupported_api", "native library " + name);
  }

  public static void load(String path) {
    Log.event("unsupported_api", "native library " + path);
  }

  /** The process is the device: it must not end with the app. */
  public static void exit(int code) {
    Log.event("exit", String.valueOf(code));
    throw new ThreadDeath();
  }

  public static Process exec(Runtime r, String command) throws IOException {
    return exec(r, new String[] {command});
  }

  public static Process exec(Runtime r, String[] command) throws IOException {
    Log.event("exec", String.join(" ", command));
    throw new IOException("Cannot run program \"" + command[0] + "\": error=13, Permission denied");
  }

  public static Process start(ProcessBuilder b) throws IOException {
    return exec(null, b.command().toArray(new String[0]));
  }
}
