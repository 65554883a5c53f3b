package stakeout.host;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.BeforeClass;
import org.junit.ClassRule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/**
 * The whole protocol with a real app, one boot for each API level. Slow, so it runs only where the environment names the
 * folder that build.sh made: {@code STAKEOUT_JVM=OUT mvn test}.
 */
public class DeviceTest {
  private static final long SECOND = 1_000_000_000L;
  @ClassRule public static final TemporaryFolder FOLDER = new TemporaryFolder();
  private static Path out;
  private static SampleApp app;

  @BeforeClass public static void build() throws Exception {
    String folder = System.getenv("STAKEOUT_JVM");
    assumeTrue("STAKEOUT_JVM is not set", folder != null);
    out = Path.of(folder).toAbsolutePath();
    app = SampleApp.build(Path.of("src/test/apps/flows").toAbsolutePath(), out, FOLDER.newFolder().toPath());
  }

  @Test public void the_converter_says_what_it_redirected() {
    Map<?, ?> ok = (Map<?, ?>) Json.object(app.report().trim()).get("ok");
    assertEquals(1L, ((Map<?, ?>) ok.get("redirected")).get("java/lang/System.exit"));
    assertEquals(0L, ok.get("unconverted_count"));
  }

  @Test public void an_app_lives_through_a_trial_on_api_34() throws Exception {
    trial(34);
  }

  @Test public void an_app_lives_through_a_trial_on_api_27() throws Exception {
    trial(27);
  }

  @Test public void an_app_lives_through_a_trial_on_api_23() throws Exception {
    trial(23);
  }

  private void trial(int api) throws Exception {
    Path work = FOLDER.newFolder().toPath(), picture = work.resolve("shot.png");
    try (Guest g = new Guest(out, work.resolve("log"))) {
      assertEquals("bad_request", g.code("launch"));
      assertEquals((long) api, g.ok("boot", "api", api, "locale", "zh-CN", "width", 1080, "height", 1920, "density", 420).get("api"));
      g.ok("assign", "start_millis", 1455000000000L, "timezone", "Asia/Shanghai", "seed", 1, "permissions", "grant_on_request", "rules", api, "hold_cap_ms", 1000);
      assertEquals("not_found", g.code("install", "apk", "/none.apk", "jar", "/none", "data_dir", "/tmp", "artifacts_dir", "/tmp"));
      Map<String, Object> installed = g.ok("install", "apk", app.apk().toString(), "splits", List.of(), "jar", app.jar().toString(),
          "data_dir", work.resolve("data").toString(), "artifacts_dir", work.resolve("artifacts").toString());
      assertEquals("t.flows", installed.get("package"));
      assertEquals("Flows", installed.get("label"));
      assertTrue("nothing runs before the launch", g.facts("activity").isEmpty());

      assertEquals("t.flows.Main", g.ok("launch").get("activity"));
      assertEquals(5 * SECOND, g.ok("advance", "nanos", 5 * SECOND).get("at"));
      assertEquals(1080.0, ((Long) g.ok("screenshot", "path", picture.toString()).get("width")).doubleValue(), 4);
      assertTrue(Files.size(picture) > 1000);

      assertEquals("Button 'Open second'", g.ok("input", "action", "tap", "text", "open.*").get("what"));
      g.ok("input", "action", "tap", "text", "Done");
      g.ok("input", "action", "tap", "text", "result 5 -1 v");
      g.ok("input", "action", "text", "view_id", "name", "value", "Bob");
      assertEquals("not_found", g.code("input", "action", "tap", "text", "no such thing"));
      assertEquals(false, g.ok("input", "action", "tap", "text", "no such thing", "optional", true).get("found"));
      g.ok("input", "action", "tap", "text", "Escape");
      assertTrue(g.facts("escape").toString().contains("exec su"));

      g.ok("background");
      g.ok("screen", "on", false);
      assertEquals("unsupported", g.code("screenshot", "path", picture.toString()));
      g.ok("advance", "nanos", 3600 * SECOND);
      boolean plain = g.facts("network").stream().noneMatch(f -> "cleartext_refused".equals(f.get("what")) && "example.org".equals(f.get("host")));
      assertEquals("an app for Android 14 may not speak plain HTTP, where Android knows that rule", api < 28, plain);
      assertTrue("the exact alarm is on time", g.facts("alarm").stream().anyMatch(f -> f.get("second").equals(600L)));
      assertTrue("the one-shot job ran once", g.facts("job").stream().filter(f -> f.get("what").toString().endsWith("id 2")).count() == 1);
      assertTrue("an idle device is one that nobody has used for 71 minutes", g.facts("job").stream().noneMatch(f -> f.get("what").toString().endsWith("id 3")));
      g.ok("advance", "nanos", 700 * SECOND);
      assertTrue("now it is", g.facts("job").stream().anyMatch(f -> f.get("what").toString().endsWith("id 3")));

      g.ok("screen", "on", true);
      g.ok("foreground");
      assertEquals("app_crashed", g.code("input", "action", "tap", "text", "Crash"));
      assertEquals("java.lang.IllegalStateException: boom", g.facts("crashed").get(0).get("message"));
      g.ok("launch");
      leave(g);
      g.ok("input", "action", "tap", "text", "Done");
      g.ok("launch");
      g.ok("input", "action", "tap", "text", "Exit");
      g.ok("advance", "nanos", 10 * SECOND);

      int alarms = g.facts("alarm").size();
      g.ok("reboot");
      assertTrue(g.facts("broadcast").toString().contains("BOOT_COMPLETED"));
      g.ok("advance", "nanos", 1700 * SECOND);
      assertEquals("alarms are gone after a reboot", alarms, g.facts("alarm").size());
      assertTrue(g.ok("stop").containsKey("peak_kib"));
      assertEquals(0, g.exit());
      assertTrue(g.events.stream().anyMatch(e -> e.get("event").equals("clock")));
    }
  }

  /** As a sign-in does: what was typed is in no answer, and the next activity is opened by one that ends itself. */
  private static void leave(Guest g) throws Exception {
    assertEquals("EditText #pass", g.ok("input", "action", "text", "view_id", "pass", "value", "hunter2-hunter2").get("what"));
    String seen = Json.text(g.ask("input", "action", "tap", "text", "no such thing"));
    assertTrue(seen, seen.contains("Leave") && !seen.contains("hunter2"));
    int before = g.facts("activity").size();
    g.ok("input", "action", "tap", "text", "Leave");
    g.ok("advance", "nanos", SECOND);
    List<String> changes = g.facts("activity").stream().skip(before).map(f -> f.get("name") + " " + f.get("change")).toList();
    assertEquals(List.of("t.flows.Main paused", "t.flows.Second resumed", "t.flows.Main stopped", "t.flows.Main destroyed"), changes);
  }
}
