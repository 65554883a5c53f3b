package stakeout.probe;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.Test;

/** What each Android lets an idle app do with camera and microphone. */
public class IdleTest extends ProbeTest {
  /** A minute in the foreground, then Home; the steps at 200 s and later find the app idle. */
  private Handset idle(int api, int target, int rules, String steps) throws Exception {
    Handset h = handset(api).probe(target, rules, "grant_on_request", "10:Data.ask;" + steps);
    h.seconds(60);
    h.run("background");
    h.seconds(300);
    return h;
  }

  private static final String BOTH = "200000:Cam1.hidden;220000:Cam2.still;240000:Sound.shorts;260000:Data.again";

  @Test public void an_idle_app_gets_no_camera_and_silence_since_api_28() throws Exception {
    try (Handset h = idle(34, 34, 34, BOTH)) {
      assertEquals("threw java.lang.RuntimeException: Fail to connect to camera service", h.said("Cam1.hidden"));
      assertTrue(h.said("Cam2.still"), h.said("Cam2.still").contains("CAMERA_DISABLED"));
      assertTrue(h.said("Sound.shorts"), h.said("Sound.shorts").contains(" 0 not zero"));
      assertEquals(List.of("idle_uid", "idle_uid", "idle_uid"), h.all("refused", "reason"));
      assertEquals("a second request is counted as well", 2, h.facts("permission_requested").size());
    }
  }

  @Test public void an_idle_app_gets_both_until_api_27() throws Exception {
    try (Handset h = idle(23, 22, 23, BOTH)) {
      assertTrue(h.said("Cam1.hidden"), h.said("Cam1.hidden").startsWith("10 frames"));
      assertTrue(h.said("Sound.shorts"), h.said("Sound.shorts").contains(" 16000 not zero"));
      assertTrue(h.facts("refused").isEmpty());
    }
  }

  @Test public void a_foreground_service_started_while_visible_keeps_both() throws Exception {
    try (Handset h = idle(34, 34, 34, "5000:Watch.start;" + BOTH)) {
      assertTrue(h.said("Cam1.hidden"), h.said("Cam1.hidden").startsWith("10 frames"));
      assertTrue(h.said("Sound.shorts"), h.said("Sound.shorts").contains(" 16000 not zero"));
      assertTrue(h.facts("refused").isEmpty());
    }
  }

  @Test public void an_open_camera_is_taken_away_when_the_app_becomes_idle() throws Exception {
    try (Handset h = idle(34, 34, 34, "20000:Cam1.keep")) {
      assertEquals("the framework tells CAMERA_ERROR_DISABLED as CAMERA_ERROR_EVICTED to a public callback", "2", h.said("Cam1.error"));
      assertEquals(List.of("idle_uid"), h.all("refused", "reason"));
      assertEquals(1, h.facts("closed").size());
    }
  }

  @Test public void a_dialog_that_nobody_answers_is_told_and_one_that_was_answered_is_not() throws Exception {
    try (Handset h = handset(34).probe(34, 34, "grant_on_request", "1000:Dialogs.ask")) {
      h.seconds(5);
      h.run("background");
      Map<?, ?> told = h.facts("dialog_open").get(0);
      assertTrue(told.toString(), told.get("texts").toString().contains("May we watch you?") && told.get("texts").toString().contains("I agree"));
    }
    try (Handset h = handset(34).probe(34, 34, "grant_on_request", "1000:Dialogs.ask")) {
      h.seconds(5);
      assertEquals(true, h.run("input", "action", "tap", "text", "I agree").get("found"));
      h.seconds(5);
      h.run("background");
      assertEquals(List.of(), h.facts("dialog_open"));
    }
  }

  @Test public void doze_cuts_the_network_and_the_places() throws Exception {
    try (Handset h = handset(27).probe(27, 27, "grant_on_request", "10:Data.ask;5000:Net.listen;50000:Net.look;400000:Net.look;1200000:Net.look;3800000:Net.look;4200000:Net.look")) {
      h.seconds(60);
      h.run("background");
      h.run("screen", "on", false);
      h.run("doze", "on", true);
      h.seconds(4200);
      h.run("doze", "on", false);
      h.seconds(10);
      String[] said = h.said("Net.look").split(" / ");
      assertTrue(said[0], said[0].startsWith("true tried heard 0 places 5,1"));
      assertTrue("a phone that lies still is at one place", said[0].endsWith(",1"));
      assertTrue(said[1], said[1].startsWith("false cut heard 1"));
      assertEquals("no places while it dozes", said[1], said[2]);
      assertTrue("in a maintenance window", said[3].startsWith("true tried heard 2"));
      assertTrue(said[4], said[4].startsWith("false cut heard 3"));
      assertEquals(3, h.all("network", "what").stream().filter("doze_refused"::equals).count());
    }
  }

  @Test public void a_foreground_service_keeps_its_network_in_doze() throws Exception {
    try (Handset h = handset(27).probe(27, 27, "grant_on_request", "10:Data.ask;5000:Watch.start;400000:Net.look")) {
      h.seconds(60);
      h.run("background");
      h.run("screen", "on", false);
      h.run("doze", "on", true);
      h.seconds(600);
      assertTrue(h.said("Net.look"), h.said("Net.look").startsWith("true tried"));
    }
  }
}
