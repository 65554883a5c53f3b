package stakeout.host;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A host process at the other end of its pipes, without a feed. */
final class Guest implements AutoCloseable {
  private final Process process;
  private final BufferedReader answers;
  private long id;
  final List<Map<String, Object>> events = new ArrayList<>();

  Guest(Path out, Path log) throws IOException {
    process = new ProcessBuilder("java", "-Xmx1g", "@host.args").directory(out.toFile()).redirectError(log.toFile()).start();
    answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
  }

  /** @return the whole answer, with `ok` or `error` */
  Map<String, Object> ask(String verb, Object... parameters) throws IOException {
    Map<String, Object> r = Json.of("id", ++id, "verb", verb);
    r.putAll(Json.of(parameters));
    process.getOutputStream().write((Json.text(r) + "\n").getBytes(StandardCharsets.US_ASCII));
    process.getOutputStream().flush();
    for (String line; (line = answers.readLine()) != null; ) {
      Map<String, Object> m = Json.object(line);
      if (!m.containsKey("event")) return m;
      events.add(m);
    }
    throw new IOException("the host ended during `" + verb + "`");
  }

  @SuppressWarnings("unchecked")
  Map<String, Object> ok(String verb, Object... parameters) throws IOException {
    Map<String, Object> a = ask(verb, parameters);
    if (!(a.get("ok") instanceof Map<?, ?> ok)) throw new AssertionError(verb + ": " + Json.text(a));
    return (Map<String, Object>) ok;
  }

  @SuppressWarnings("unchecked")
  String code(String verb, Object... parameters) throws IOException {
    Map<String, Object> a = ask(verb, parameters);
    return a.get("error") instanceof Map<?, ?> e ? (String) ((Map<String, Object>) e).get("code") : "ok";
  }

  /** The facts of one kind so far, each with its `at` in seconds as `second`. */
  @SuppressWarnings("unchecked")
  List<Map<String, Object>> facts(String kind) {
    List<Map<String, Object>> l = new ArrayList<>();
    for (Map<String, Object> e : events) {
      if (!(e.get("fact") instanceof Map<?, ?> f) || !kind.equals(f.get("fact"))) continue;
      Map<String, Object> copy = new java.util.TreeMap<>((Map<String, Object>) f);
      copy.put("second", (Long) e.get("at") / 1_000_000_000);
      l.add(copy);
    }
    return l;
  }

  int exit() throws InterruptedException {
    return process.waitFor();
  }

  @Override public void close() {
    process.destroyForcibly();
  }
}
