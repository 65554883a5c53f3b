package stakeout.host;

import java.io.BufferedInputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * The Java host of a jvm device: one process for one app. It reads requests from fd 0 one after the other and answers on
 * fd 1, as docs/host-pipe.md says. Args: EMPTY.apk, the package of the warm boot.
 */
public final class Main {
  private static final int LINE = 16 << 20;
  private static Verbs device;

  private Main() {}

  public static void main(String[] args) throws Exception {
    InputStream requests = new BufferedInputStream(new FileInputStream(FileDescriptor.in));
    Events.to(new FileOutputStream(FileDescriptor.out));
    System.setIn(InputStream.nullInputStream());
    System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8));
    if (isPipe(3) && isPipe(4)) { // opened to append: nothing that is opened here may be emptied by it
      FeedPipe.open(new FileOutputStream("/dev/fd/3", true), new BufferedInputStream(new FileInputStream("/dev/fd/4")));
    }
    Path empty = Path.of(args[0]);
    for (String line; (line = line(requests)) != null; ) {
      boolean last = answer(line, empty);
      if (last) break;
    }
    Events.flush();
    System.err.flush();
    Runtime.getRuntime().halt(0); // threads of the app may live on, and hooks of the app's are not wanted
  }

  /** Without a feed these numbers are files of the JVM itself (fd 3 is its image of the class library), which must not be written. */
  static boolean isPipe(int fd) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd)).toString().startsWith("pipe:[");
    } catch (IOException e) {
      return false;
    }
  }

  private static String line(InputStream in) throws IOException {
    java.io.ByteArrayOutputStream b = new java.io.ByteArrayOutputStream();
    for (int c; (c = in.read()) >= 0; b.write(c)) {
      if (c == '\n') return b.toString(StandardCharsets.UTF_8);
      if (b.size() > LINE) throw new IOException("a request of more than " + LINE + " bytes");
    }
    return null;
  }

  /** @return whether this was the last request */
  private static boolean answer(String line, Path empty) {
    Object id = null;
    try {
      Map<String, Object> r = Json.object(line);
      id = r.get("id");
      if (!(r.get("verb") instanceof String verb)) throw new Failure("bad_request", "`verb` is missing");
      Map<String, Object> ok = run(verb, r, empty);
      Events.answer(Json.of("id", id, "ok", ok));
      return verb.equals("stop");
    } catch (Failure e) {
      fail(id, e.code, e.getMessage());
    } catch (IllegalArgumentException | ClassCastException e) {
      e.printStackTrace();
      fail(id, "bad_request", String.valueOf(e.getMessage()));
    } catch (OutOfMemoryError e) {
      fail(id, "out_of_memory", String.valueOf(e.getMessage()));
    } catch (Throwable e) {
      e.printStackTrace();
      fail(id, "failed", e.toString());
    }
    return false;
  }

  private static void fail(Object id, String code, String message) {
    Events.answer(Json.of("id", id, "error", Json.of("code", code, "message", message)));
  }

  private static Map<String, Object> run(String verb, Map<String, Object> r, Path empty) throws Exception {
    if (!verb.equals("boot")) {
      if (device == null) throw new Failure("bad_request", "`" + verb + "` before `boot`");
      return device.run(verb, r);
    }
    if (device != null) throw new Failure("bad_request", "booted already");
    Trial.api = (int) Parameters.number(r, "api", 34);
    Trial.rules = Trial.api;
    Trial.locale = Parameters.text(r, "locale", "en-US");
    Trial.width = (int) Parameters.number(r, "width", 1080);
    Trial.height = (int) Parameters.number(r, "height", 1920);
    Trial.density = (int) Parameters.number(r, "density", 420);
    device = Sandbox.boot(Trial.api, empty);
    return device.run("boot", r);
  }
}
