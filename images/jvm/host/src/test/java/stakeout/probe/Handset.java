package stakeout.probe;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import stakeout.host.Json;

/**
 * A host process with a feed and the probe app, driven over its four pipes as docs/host-pipe.md says. Its cameras see frames
 * whose first four bytes are the frame's number; its microphone hears samples that count up. The shell makes the
 * pipes 3 and 4, as Java gives a child only the first three, and joins them to named ones.
 */
final class Handset implements AutoCloseable {
  private final Path out, work;
  private final Process process;
  private final BufferedReader answers;
  private final List<Map<String, Object>> observations = new ArrayList<>(), feeds = new ArrayList<>();
  private long id;

  /** @param out what images/jvm/build.sh made */
  Handset(Path out, Path work, int api) throws Exception {
    this.out = out;
    this.work = work;
    String ask = work + "/ask", reply = work + "/reply";
    if (new ProcessBuilder("mkfifo", ask, reply).start().waitFor() != 0) throw new IOException("mkfifo");
    process = new ProcessBuilder("bash", "-c", "exec java -Xmx1g @host.args 3> >(exec cat > '" + ask + "') 4< <(exec cat '" + reply + "')").directory(out.toFile())
        .redirectError(new File(work + "/host.log")).start();
    answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
    Thread feed = new Thread(() -> feed(ask, reply), "feed");
    feed.setDaemon(true);
    feed.start();
    run("boot", "api", api, "locale", "en-US", "width", 1080, "height", 1920, "density", 420);
  }

  private void feed(String ask, String reply) {
    try (RandomAccessFile in = new RandomAccessFile(ask, "rw"); OutputStream out = new FileOutputStream(reply)) {
      for (String line; (line = in.readLine()) != null; ) {
        Map<String, Object> q = Json.object(line);
        synchronized (feeds) {
          feeds.add(q);
        }
        byte[] b = q.get("sensor").equals("microphone") ? sound(q) : picture(q);
        out.write((Json.text(Json.of("id", q.get("id"), "frame", frame(q), "bytes", b.length)) + "\n").getBytes(StandardCharsets.US_ASCII));
        out.write(b);
      }
    } catch (IOException e) {
      // the host has ended
    }
  }

  private static long number(Map<String, Object> q, String name) {
    return (Long) q.get(name);
  }

  private static long frame(Map<String, Object> q) {
    return number(q, "at") * 30 / 1_000_000_000L;
  }

  private static byte[] picture(Map<String, Object> q) {
    int w = (int) number(q, "width"), h = (int) number(q, "height");
    boolean jpeg = q.get("format").equals("jpeg");
    ByteBuffer b = ByteBuffer.allocate(jpeg ? 1000 : q.get("format").equals("rgb") ? 3 * w * h : w * h * 3 / 2);
    if (jpeg) b.putShort((short) 0xffd8);
    return b.putInt((int) frame(q)).array();
  }

  private static byte[] sound(Map<String, Object> q) {
    long first = number(q, "at") * number(q, "rate") / 1_000_000_000L;
    ByteBuffer b = ByteBuffer.allocate(2 * (int) number(q, "frames")).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; b.hasRemaining(); i++) b.putShort((short) ((first + i) % 30_000 + 1));
    return b.array();
  }

  /** One request. @throws IllegalStateException with the host's error */
  @SuppressWarnings("unchecked")
  Map<String, Object> run(String verb, Object... parameters) throws IOException {
    Map<String, Object> m = Json.of("id", ++id, "verb", verb);
    m.putAll(Json.of(parameters));
    process.getOutputStream().write((Json.text(m) + "\n").getBytes(StandardCharsets.US_ASCII));
    process.getOutputStream().flush();
    for (String line; (line = answers.readLine()) != null; ) {
      Map<String, Object> a = Json.object(line);
      if ("observation".equals(a.get("event"))) observations.add(a);
      if (!Long.valueOf(id).equals(a.get("id"))) continue;
      if (a.get("error") != null) throw new IllegalStateException(verb + ": " + Json.text(a.get("error")));
      return (Map<String, Object>) a.get("ok");
    }
    throw new IOException("the host ended at `" + verb + "`");
  }

  /** Plants src/test/apps/plant.json with `steps` on the clipboard, installs the probe and launches it. */
  Handset probe(int target, int rules, String permissions, String steps) throws Exception {
    Process p = new ProcessBuilder("bash", "src/test/apps/build.sh", out.toString(), "probe", "" + target).redirectError(new File(work + "/build.log")).start();
    String[] made = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8).trim().split(" ");
    if (p.waitFor() != 0 || made.length != 2) throw new IOException("the probe was not built: " + Files.readString(work.resolve("build.log")));
    run("assign", "start_millis", 1_455_000_000_000L, "timezone", "Asia/Shanghai", "seed", 1, "permissions", permissions, "rules", rules, "hold_cap_ms", 60_000);
    Map<String, Object> data = Json.object(Files.readString(Path.of("src/test/apps/plant.json")).replace("\n", " ").trim());
    data.put("clipboard", steps);
    run("plant", "data", data);
    run("install", "apk", made[0], "splits", List.of(), "jar", made[1], "data_dir", work + "/data", "artifacts_dir", work + "/artifacts");
    run("launch");
    return this;
  }

  void seconds(long n) throws IOException {
    run("advance", "nanos", n * 1_000_000_000L);
  }

  /** What a step of the probe said, each time that it ran. */
  String said(String step) throws IOException {
    try (Stream<String> lines = Files.lines(file("log.txt"))) {
      return lines.filter(l -> l.startsWith(step + " | ")).map(l -> l.substring(step.length() + 3)).collect(Collectors.joining(" / "));
    }
  }

  /** A file of the probe's. */
  Path file(String name) throws IOException {
    try (Stream<Path> all = Files.walk(work.resolve("data"))) {
      return all.filter(p -> p.endsWith(name)).findFirst().orElseThrow(() -> new IOException("no file " + name));
    }
  }

  Path artifact(String name) {
    return work.resolve("artifacts").resolve(name);
  }

  List<Map<String, Object>> feeds() {
    synchronized (feeds) {
      return new ArrayList<>(feeds);
    }
  }

  /** The facts with this tag, the oldest first. */
  @SuppressWarnings("unchecked")
  List<Map<String, Object>> facts(String tag) {
    return observations.stream().map(o -> (Map<String, Object>) o.get("fact")).filter(f -> tag.equals(f.get("fact"))).toList();
  }

  /** One field of all facts with this tag. */
  List<Object> all(String tag, String field) {
    return facts(tag).stream().map(f -> f.get(field)).toList();
  }

  /** The stacks of all facts with this tag. */
  @SuppressWarnings("unchecked")
  List<List<String>> stacks(String tag) {
    return observations.stream().filter(o -> tag.equals(((Map<?, ?>) o.get("fact")).get("fact"))).map(o -> (List<String>) o.get("stack")).toList();
  }

  @Override public void close() {
    process.destroyForcibly();
  }
}
