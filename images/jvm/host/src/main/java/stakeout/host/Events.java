package stakeout.host;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * What goes out on the pipe: answers and events, one JSON object a line. Loaded once, by the JVM's own loader, so host and
 * sandbox share it. The queue is bounded: a flood by the app is counted and told as `lost`, and never holds up an answer.
 */
public final class Events {
  private Events() {}

  private static final int QUEUE = 20_000, LINE = 64 * 1024, FRAMES = 8, TEXT = 4096;
  private static final ArrayDeque<String> LINES = new ArrayDeque<>();
  private static final Map<String, Integer> LOST = new HashMap<>();
  private static OutputStream out;
  private static boolean writing;
  private static final long SAMPLE_NANOS = 1_000_000;
  /** The jump that is not told yet; real 0 for none. */
  private static long jumpReal, jumpAt;
  /** Whether a class is the app's, for the stacks of observations; set with the app. */
  public static volatile Predicate<String> isApp = n -> false;

  /** Facts count from the moment at which the device is warm: what the empty package does is nobody's. */
  public static volatile boolean warm;

  /** Starts the writer. What is sent before is kept. */
  public static void to(OutputStream stream) {
    out = stream;
    Thread t = new Thread(Events::write, "stakeout-events");
    t.setDaemon(true);
    t.start();
  }

  /** One dated fact, `name` the fact's tag and `fields` names and values in turn, as docs/host-pipe.md lists them. */
  public static void fact(String name, Object... fields) {
    fact(stack(), name, fields);
  }

  /** As {@link #fact(String, Object...)}, with a stack of the caller's own, for instance of an exception. */
  public static void fact(List<String> stack, String name, Object... fields) {
    if (!warm) return;
    Map<String, Object> f = Json.of("fact", name);
    for (int i = 0; i + 1 < fields.length; i += 2) f.put((String) fields[i], cut(fields[i + 1]));
    String line = Json.text(Json.of("event", "observation", "at", Trial.clock.getAsLong(), "fact", f, "stack", stack));
    synchronized (LINES) {
      tellJump();
      queue("observation", line);
    }
  }

  /** The clock has jumped. Told when something may be dated by it: before the next jump that takes place in another millisecond, or before a fact. */
  public static void jumped() {
    synchronized (LINES) {
      long real = System.nanoTime();
      if (jumpReal != 0 && real - jumpReal >= SAMPLE_NANOS) tellJump();
      jumpReal = real;
      jumpAt = Trial.clock.getAsLong();
    }
  }

  /** Where the clock stands now, at once. */
  public static void clock() {
    synchronized (LINES) {
      tellJump();
      jumpReal = System.nanoTime();
      jumpAt = Trial.clock.getAsLong();
      tellJump();
    }
  }

  private static void tellJump() {
    if (jumpReal == 0) return;
    queue("clock", Json.text(Json.of("event", "clock", "real", jumpReal, "at", jumpAt)));
    jumpReal = 0;
  }

  /** A connection of the app begins: the network dates it by real time, so the clock is told first. */
  public static void connecting(Object host, int port) {
    clock();
    fact("network", "host", host, "port", port, "what", "connect");
  }

  /** An event of another kind than an observation. */
  public static void event(String kind, Object... fields) {
    Map<String, Object> m = Json.of("event", kind);
    m.putAll(Json.of(fields));
    queue(kind, Json.text(m));
  }

  /** A service call of Android that this device does not perform: silence must not read as absence. */
  public static void unsupported(String name, String effect) {
    fact("unsupported_api", "name", name, "effect", effect);
  }

  private static Object cut(Object v) {
    return v instanceof String s && s.length() > TEXT ? s.substring(0, TEXT) : v;
  }

  /** The app's frames of the current stack, the innermost first, at most eight. */
  public static List<String> stack() {
    return frames(Thread.currentThread().getStackTrace());
  }

  public static List<String> frames(StackTraceElement[] trace) {
    List<String> l = new ArrayList<>();
    for (StackTraceElement e : trace) {
      if (l.size() == FRAMES) break;
      if (isApp.test(e.getClassName())) l.add(e.getClassName() + "." + e.getMethodName() + ":" + e.getLineNumber());
    }
    return l;
  }

  /** The answer to a request: never dropped, and behind all events that came before it. */
  static void answer(Map<String, Object> m) {
    synchronized (LINES) {
      tellLost();
      LINES.add(Json.text(m));
      LINES.notifyAll();
    }
  }

  private static void queue(String kind, String line) {
    synchronized (LINES) {
      if (LINES.size() >= QUEUE || line.length() >= LINE) {
        LOST.merge(kind, 1, Integer::sum);
        return;
      }
      tellLost();
      LINES.add(line);
      LINES.notifyAll();
    }
  }

  private static void tellLost() {
    if (LOST.isEmpty() || LINES.size() >= QUEUE) return;
    LOST.forEach((what, n) -> LINES.add(Json.text(Json.of("event", "observation", "at", Trial.clock.getAsLong(),
        "fact", Json.of("fact", "lost", "what", what, "count", n), "stack", List.of()))));
    LOST.clear();
  }

  /** Waits until all that was queued is written. */
  static void flush() throws InterruptedException {
    synchronized (LINES) {
      while (!LINES.isEmpty() || writing) LINES.wait(1000);
    }
  }

  private static void write() {
    try {
      while (true) {
        StringBuilder b = new StringBuilder();
        synchronized (LINES) {
          writing = false;
          LINES.notifyAll();
          while (LINES.isEmpty()) LINES.wait();
          writing = true;
          while (!LINES.isEmpty() && b.length() < LINE) b.append(LINES.poll()).append('\n');
        }
        out.write(b.toString().getBytes(StandardCharsets.US_ASCII));
        out.flush();
      }
    } catch (IOException | InterruptedException | OutOfMemoryError e) {
      Runtime.getRuntime().halt(3); // nobody listens any more, or nothing can be told any more
    }
  }
}
