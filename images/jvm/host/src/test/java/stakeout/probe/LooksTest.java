package stakeout.probe;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.Test;

/** Who looks for the device meets a phone, or is told; so is who reads a clock that is not the device's. */
public class LooksTest extends ProbeTest {
  private static final String[] STEPS = {"Looks.build", "Looks.files", "Looks.prop", "Looks.uptime", "Looks.reveals", "Looks.ticks", "Looks.date", "Looks.motion", "Hog.survives"};

  @Test public void api_34_looks_like_a_phone() throws Exception {
    all(34, 34);
  }

  @Test public void api_27_looks_like_a_phone() throws Exception {
    all(27, 28);
  }

  @Test public void api_23_looks_like_a_phone() throws Exception {
    all(23, 22);
  }

  private void all(int api, int target) throws Exception {
    try (Handset h = handset(api).probe(target, api, "grant_on_request", every20Seconds(STEPS))) {
      h.seconds(20 * STEPS.length + 30);
      assertEquals("a phone true [] " + api, h.said("Looks.build"));
      assertEquals("false true false app.probe falsetruetrue true true", h.said("Looks.files"));
      String closed = "threw java.io.FileNotFoundException: /system/build.prop: open failed: EACCES (Permission denied)";
      assertEquals(api >= 26 ? closed : "", h.said("Looks.prop"));
      assertEquals("true now true Tue, 02 Feb 2016 08:00:00 GMT", h.said("Looks.date"));
      assertEquals("by the device's clock", "true", h.said("Looks.uptime"));
      assertEquals(List.of("true"), asPhone(h, "the property ro.kernel.qemu"));
      assertEquals(List.of("true"), asPhone(h, "/dev/qemu_pipe"));
      assertEquals("what the phone is not known to have may tell the device", List.of("false"), asPhone(h, "/opt/stakeout"));
      assertEquals("the uptime is the device's and is not told", List.of("/proc/self/stat", "the Date header of 127.0.0.1"), h.all("real_time", "what"));
      assertTrue(h.all("unsupported_api", "name").toString(), h.all("unsupported_api", "name").contains("android.hardware.SensorManager.getDefaultSensor"));
      assertEquals("caught java.lang.OutOfMemoryError", h.said("Hog.survives"));
      assertEquals("who swallows that there was no memory is told", 1, h.facts("out_of_memory").size());
    }
  }

  private static List<String> asPhone(Handset h, String what) {
    return h.facts("looked").stream().filter((Map<String, Object> f) -> what.equals(f.get("what"))).map(f -> String.valueOf(f.get("as_phone"))).toList();
  }
}
