package stakeout.host;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Frames and sound from outside: keys never enter this process, so it cannot forge a code. One exchange at a time. The caller
 * must let virtual time stand still meanwhile ({@code Clock.standStill}).
 */
public final class FeedPipe {
  private FeedPipe() {}

  /** One answer: the frame's number (or -1), and the bytes as the format says. */
  public record Answer(long frame, byte[] bytes) {}

  private static final int MOST = 64 << 20;
  private static OutputStream out;
  private static DataInputStream in;
  private static long id;

  public static synchronized void open(OutputStream requests, java.io.InputStream answers) {
    out = requests;
    in = new DataInputStream(answers);
  }

  /** @param format `nv21`, `rgb` or `jpeg`; @param at virtual nanoseconds since the trial began */
  public static Answer camera(String facing, long at, int session, int width, int height, String format, int quality) throws IOException {
    return ask(Json.of("sensor", "camera", "facing", facing, "at", at, "session", session, "width", width, "height", height, "format", format, "quality", quality));
  }

  /** Signed 16 bit little endian, mono: `frames` samples at `rate` Hz of the sound from `at` on. */
  public static byte[] microphone(long at, int session, int rate, int frames) throws IOException {
    return ask(Json.of("sensor", "microphone", "at", at, "session", session, "rate", rate, "frames", frames)).bytes();
  }

  private static synchronized Answer ask(Map<String, Object> request) throws IOException {
    if (out == null) throw new IOException("no feed");
    request.put("id", ++id);
    out.write((Json.text(request) + "\n").getBytes(StandardCharsets.US_ASCII));
    out.flush();
    Map<String, Object> a = Json.object(line());
    if (a.get("error") != null) throw new IOException("feed: " + Json.text(a.get("error")));
    if (!(a.get("id") instanceof Long n) || n != id) throw new IOException("feed: answer to another request");
    long bytes = a.get("bytes") instanceof Long b ? b : -1;
    if (bytes < 0 || bytes > MOST) throw new IOException("feed: `bytes` is " + bytes);
    byte[] data = new byte[(int) bytes];
    in.readFully(data);
    return new Answer(a.get("frame") instanceof Long f ? f : -1, data);
  }

  private static String line() throws IOException {
    StringBuilder b = new StringBuilder();
    for (int c; (c = in.read()) != '\n'; ) {
      if (c < 0 || b.length() > 65536) throw new IOException("feed: ended");
      b.append((char) c);
    }
    return b.toString();
  }
}
