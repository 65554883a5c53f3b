package stakeout.probe;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.util.List;
import org.junit.Test;

/** Planted data comes back by Android's own APIs, and each read is told with who read. */
public class DataTest extends ProbeTest {
  private static final String[] STEPS = {"Data.contacts", "Data.phones", "Data.emails", "Data.whose", "Data.calls", "Data.sms", "Data.calendar", "Data.media", "Data.cells",
      "Data.imei", "Data.line", "Data.androidId", "Data.wifi", "Data.location", "Data.accounts", "Data.apps"};
  private static final List<String> KINDS = List.of("contacts", "call_log", "sms", "calendar", "media_files", "cell", "identifiers", "wifi", "location", "accounts", "clipboard");

  @Test public void planted_data_is_read_and_told_on_api_34() throws Exception {
    all(34, 34);
  }

  @Test public void planted_data_is_read_and_told_on_api_27() throws Exception {
    all(27, 28);
  }

  @Test public void planted_data_is_read_and_told_on_api_23() throws Exception {
    all(23, 22);
  }

  private void all(int api, int target) throws Exception {
    try (Handset h = handset(api).probe(target, api, "grant_on_request", every20Seconds(STEPS))) {
      h.seconds(20 * STEPS.length + 30);
      assertEquals("2 [2,Other Li,1,null] [1,Canary Zhang,1,null]", h.said("Data.contacts"));
      assertEquals("1 [Canary Zhang,+86 139 1234 5678]", h.said("Data.phones"));
      assertEquals("1 [z@example.org]", h.said("Data.emails"));
      assertEquals("1 [Canary Zhang]", h.said("Data.whose"));
      assertEquals("1 [10086,3,61]", h.said("Data.calls"));
      assertEquals("1 [10010,code 1234]", h.said("Data.sms"));
      assertEquals("1 [dentist,here]", h.said("Data.calendar"));
      assertEquals("1 [1,p.jpg,image/jpeg] read 4", h.said("Data.media"));
      assertEquals("gsm 4711/815 lte 22/333 at 4711/815", h.said("Data.cells"));
      assertEquals("+8613800138000", h.said("Data.line"));
      assertEquals("feedfacecafebeef", h.said("Data.androidId"));
      assertEquals("Canary-AP/02:11:22:33:44:55 on \"Canary-AP\" 02:11:22:33:44:55", h.said("Data.wifi"));
      assertEquals("31.25,121.5", h.said("Data.location"));
      assertEquals("who@example.org", h.said("Data.accounts").trim());
      if (api >= 29) assertTrue(h.said("Data.imei"), h.said("Data.imei").startsWith("threw java.lang.SecurityException: getDeviceId"));
      else assertEquals("490154203237518", h.said("Data.imei"));
      assertEquals("since API 30 an app sees itself only", api >= 30 ? "app.probe" : "app.probe com.bank", h.said("Data.apps").trim());
      List<Object> read = h.all("read", "data");
      assertTrue(read.toString(), read.containsAll(KINDS));
      int contacts = read.indexOf("contacts");
      assertTrue(h.stacks("read").get(contacts).toString(), h.stacks("read").get(contacts).toString().contains("app.probe.Data.contacts:"));
      if (target < 23) assertTrue("an old app is granted all at install", h.all("permission_granted", "permissions").toString().contains("android.permission.CAMERA"));
    }
  }
}
