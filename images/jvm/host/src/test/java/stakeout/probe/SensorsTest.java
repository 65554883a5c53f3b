package stakeout.probe;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import org.junit.Test;

/** An app in the foreground gets the feed's bytes by every way, on each framework; each opening is told. */
public class SensorsTest extends ProbeTest {
  private static final String[] STEPS = {"Cam1.list", "Cam1.hidden", "Cam1.buffered", "Cam1.shown", "Cam1.tiny", "Cam1.picture", "Cam1.silently", "Cam2.still",
      "Sound.shorts", "Sound.bytes", "Sound.periods", "Sound.amr", "Sound.wide", "Sound.aac", "Sound.video", "More.yuv"};

  @Test public void cameras_and_microphone_work_on_api_34() throws Exception {
    all(34, 34);
  }

  @Test public void cameras_and_microphone_work_on_api_27() throws Exception {
    all(27, 28);
  }

  @Test public void cameras_and_microphone_work_on_api_23() throws Exception {
    all(23, 22);
  }

  private void all(int api, int target) throws Exception {
    try (Handset h = handset(api).probe(target, api, "grant_on_request", every20Seconds(STEPS))) {
      h.seconds(20 * STEPS.length + 60);
      camera1(h);
      camera2(h);
      sound(h);
      files(h);
    }
  }

  private static void camera1(Handset h) throws Exception {
    assertEquals("2 cameras, second faces 1", h.said("Cam1.list"));
    assertTrue(h.said("Cam1.hidden"), h.said("Cam1.hidden").startsWith("10 frames in "));
    assertTrue(h.said("Cam1.buffered"), h.said("Cam1.buffered").startsWith("5 frames in "));
    assertTrue(h.said("Cam1.picture"), h.said("Cam1.picture").contains("bytes ffd8ffe1")); // the feed's JPEG with an Exif segment
    List<Object> visible = h.all("preview", "visible");
    assertEquals("hidden texture, buffers, a view that is seen, a view of one pixel", List.of(false, false, true, false), visible.subList(0, 4));
    assertEquals("with a shutter callback, and without", List.of(true, false), h.all("shutter", "audible").subList(0, 2));
    assertTrue(h.stacks("opened").get(0).get(0), h.stacks("opened").get(0).get(0).startsWith("app.probe.Cam1.preview:"));
    assertEquals(List.of("camera1", "0", "back"), List.of(h.all("opened", "api").get(0), h.all("opened", "id").get(0), h.all("opened", "facing").get(0)));
  }

  private static void camera2(Handset h) throws Exception {
    String said = h.said("Cam2.still");
    assertTrue(said, said.matches("yuv 76800 bytes [0-9a-f]{16} jpeg \\d+ bytes ffd8ffe1.* after 5 or more frames"));
    assertTrue(h.all("opened", "api").contains("camera2"));
  }

  private static void sound(Handset h) throws Exception {
    String said = h.said("Sound.shorts");
    assertTrue(said, said.contains(" 16000 not zero, first "));
    String[] n = said.replaceAll(".*first (\\d+) (\\d+) last (\\d+).*", "$1 $2 $3").split(" ");
    int first = Integer.parseInt(n[0]), second = Integer.parseInt(n[1]), last = Integer.parseInt(n[2]);
    assertEquals("samples follow each other without a gap", (first - 1 + 1) % 30_000 + 1, second);
    assertEquals("over the whole second", (first - 1 + 15_999) % 30_000 + 1, last);
    assertEquals("3200 and 3200", h.said("Sound.bytes"));
    assertEquals("10 notifications", h.said("Sound.periods"));
  }

  private static void files(Handset h) throws Exception {
    for (String step : List.of("Sound.amr", "Sound.wide", "Sound.aac", "Sound.video")) assertTrue(h.said(step), h.said(step).endsWith("has bytes"));
    assertEquals("a file of raw AMR-WB begins with its name", "#!AMR-WB\n", new String(Files.readAllBytes(h.file("w.amr")), 0, 9));
    assertEquals("true 320x240 grey 12", h.said("More.yuv"));
    assertEquals("each opening was closed", h.facts("opened").size(), h.facts("closed").size());
    assertTrue("no feed was lost", h.facts("lost").isEmpty());
  }

  @Test public void a_preview_that_nobody_takes_frames_of_asks_the_feed_for_none() throws Exception {
    try (Handset h = handset(34).probe(34, 34, "grant_on_request", every20Seconds("Cam1.keep"))) {
      h.seconds(600);
      assertEquals("kept", h.said("Cam1.keep"));
      assertTrue("no camera frame in ten minutes", h.feeds().isEmpty());
    }
  }

  @Test public void without_the_permission_nothing_opens_and_each_try_is_told() throws Exception {
    try (Handset h = handset(34).probe(34, 34, "deny", every20Seconds("Cam1.hidden", "Cam2.still", "Sound.shorts", "Sound.amr", "Data.contacts"))) {
      h.seconds(150);
      assertEquals("threw java.lang.RuntimeException: Fail to connect to camera service", h.said("Cam1.hidden"));
      assertTrue(h.said("Cam2.still"), h.said("Cam2.still").startsWith("threw java.lang.SecurityException"));
      assertTrue(h.said("Sound.shorts"), h.said("Sound.shorts").startsWith("threw java.lang.IllegalStateException"));
      assertEquals("threw java.lang.RuntimeException: setAudioSource failed.", h.said("Sound.amr"));
      assertTrue(h.said("Data.contacts"), h.said("Data.contacts").startsWith("threw java.lang.SecurityException: Permission Denial: opening provider"));
      assertEquals(5, h.facts("refused").stream().filter(f -> "permission".equals(f.get("reason"))).count());
      assertTrue(h.facts("opened").isEmpty());
      assertFalse(h.all("permission_requested", "answers").toString().contains("granted"));
    }
  }

  @Test public void what_does_nothing_here_is_told_once() throws Exception {
    try (Handset h = handset(34).probe(34, 34, "deny", every20Seconds("More.web", "More.natively", "More.natively", "Keep.pipes"))) {
      h.seconds(150);
      List<Object> names = h.all("unsupported_api", "name");
      assertEquals(1, names.stream().filter("android.webkit.WebView.loadUrl"::equals).count());
      assertEquals("twice called, once told", 1, names.stream().filter("android.opengl.GLES20.glClear"::equals).count());
      assertEquals(List.of("/proc/self/fd/4"), h.all("escape", "what"));
    }
  }

  @Test public void files_and_ciphers_are_kept_also_when_they_are_deleted() throws Exception {
    try (Handset h = handset(34).probe(34, 34, "deny", every20Seconds("Keep.files", "Keep.temporary", "Keep.again", "Keep.over", "Keep.code", "Keep.cipher", "Keep.sql"))) {
      h.seconds(190);
      h.run("stop");
      assertEquals("as on Android, in the app's cache", "true true", h.said("Keep.temporary"));
      assertEquals("first bytes", kept(h, "deleted/", change(h, "deleted").get("to")));
      assertEquals("the first", kept(h, "deleted/", change(h, "replaced").get("to")));
      assertEquals("done", h.said("Keep.over"));
      List<String> over = new java.util.ArrayList<>();
      for (Map<String, Object> f : h.facts("file")) if ("replaced".equals(f.get("change"))) over.add(kept(h, "deleted/", f.get("to")));
      assertEquals("what is only made longer loses nothing", List.of("the first", "old raf", "old bytes", "old channel", "old print"), over);
      Map<String, Object> crypto = h.facts("crypto").get(0);
      assertEquals("plain text", kept(h, "crypto/", crypto.get("plain")));
      assertEquals(16, Files.size(h.artifact((String) crypto.get("cipher"))));
      List<Object> code = h.all("dex_loaded", "artifact");
      assertEquals("loaded", h.said("Keep.code"));
      assertEquals(List.of("dex of a file", "dex of memory"), List.of(kept(h, "code/", code.get(0)), kept(h, "code/", code.get(1))));
      assertEquals(List.of(), h.facts("lost"));
      assertTrue("a database, which native code writes", h.all("file", "path").toString().contains("kept.db"));
    }
  }

  private static Map<String, Object> change(Handset h, String change) {
    return h.facts("file").stream().filter(f -> change.equals(f.get("change"))).findFirst().orElseThrow();
  }

  /** What an artifact holds. The device takes three folders and nothing else, so its name begins with one of them. */
  private static String kept(Handset h, String folder, Object name) throws Exception {
    assertTrue(String.valueOf(name), name instanceof String s && s.startsWith(folder));
    return Files.readString(h.artifact((String) name));
  }
}
