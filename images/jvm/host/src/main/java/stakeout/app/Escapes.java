package stakeout.app;

import java.io.File;
import java.io.IOException;
import stakeout.host.Events;

/** Ways out of the converted code: native libraries and programs of Android do not exist here; a verdict must know of them. */
public final class Escapes {
  private Escapes() {}

  public static void loadLibrary(String name) {
    Events.fact("native_library", "name", name, "how", "loadLibrary");
  }

  public static void load(String path) {
    Events.fact("native_library", "name", path, "how", "load");
  }

  public static void loadLibrary(Runtime r, String name) {
    loadLibrary(name);
  }

  public static void load(Runtime r, String path) {
    load(path);
  }

  /** The JVM is the device and must not end with the app's process. */
  public static void exit(int code) {
    AppProcess.exit("exit(" + code + ")");
  }

  public static void exit(Runtime r, int code) {
    exit(code);
  }

  public static void halt(Runtime r, int code) {
    exit(code);
  }

  public static void killProcess(int pid) {
    if (pid == android.os.Process.myPid()) AppProcess.exit("killProcess");
  }

  /** Android ends a process without running hooks; here they would run in the host. */
  public static void addShutdownHook(Runtime r, Thread t) {}

  public static Process exec(Runtime r, String command) throws IOException {
    return refuse(command);
  }

  public static Process exec(Runtime r, String[] command) throws IOException {
    return refuse(String.join(" ", command));
  }

  public static Process exec(Runtime r, String command, String[] env) throws IOException {
    return refuse(command);
  }

  public static Process exec(Runtime r, String command, String[] env, File dir) throws IOException {
    return refuse(command);
  }

  public static Process exec(Runtime r, String[] command, String[] env) throws IOException {
    return refuse(String.join(" ", command));
  }

  public static Process exec(Runtime r, String[] command, String[] env, File dir) throws IOException {
    return refuse(String.join(" ", command));
  }

  public static Process start(ProcessBuilder b) throws IOException {
    return refuse(String.join(" ", b.command()));
  }

  private static Process refuse(String command) throws IOException {
    Events.fact("escape", "what", "exec " + command + " refused");
    String program = command.trim().split("\\s+")[0];
    throw new IOException("Cannot run program \"" + program + "\": error=13, Permission denied");
  }
}
