package stakeout.probe;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.util.List;
import org.junit.Test;

/** Roundabout ways out of the app's world are refused and told; roundabout ways inside of it work and are not. */
public class OutTest extends ProbeTest {
  @Test public void roundabout_ways_are_seen() throws Exception {
    try (Handset h = handset(34).probe(34, 34, "deny", every20Seconds("Out.fine", "Out.made", "Out.twice", "Out.handle", "Out.links", "Out.descriptor", "Out.names", "Out.page", "Out.sends"))) {
      h.seconds(70);
      assertEquals("4 own true", h.said("Out.fine"));
      assertEquals("deleted true", h.said("Out.made"));
      assertEquals("a file that is made and deleted by reflection", List.of("files/made"), h.facts("file").stream().filter(f -> "deleted".equals(f.get("change"))).map(f -> tail(f.get("path"))).toList());
      assertEquals("nothing of it is a way out", List.of("exec one refused"), h.all("escape", "what"));
      h.seconds(110);
      List<Object> told = h.all("escape", "what");
      assertTrue(h.said("Out.twice"), h.said("Out.twice").contains("threw"));
      assertTrue(h.said("Out.handle"), h.said("Out.handle").contains("Permission denied"));
      assertTrue(told.toString(), told.contains("exec two refused"));
      assertEquals("truetruetrue", h.said("Out.links"));
      assertEquals(3, told.stream().filter(w -> w.toString().endsWith("fd/4") || w.toString().endsWith("/files/link")).count());
      assertTrue(told.toString(), told.containsAll(List.of("access to java.io.FileDescriptor.fd", "a stream on descriptor 1")));
      assertEquals("no no Keep", h.said("Out.names"));
      assertTrue(told.toString(), told.containsAll(List.of("class stakeout.tap.Files refused", "class stakeout.time.VTime refused")));
      assertTrue("the code itself names none of the host's classes", told.stream().noneMatch(w -> w.toString().contains("code names")));
      h.seconds(160);
      assertEquals("shown", h.said("Out.page"));
      String page = "android.content.Context.startActivity of android.intent.action.";
      List<Object> pages = h.all("unsupported_api", "name").stream().filter(n -> n.toString().startsWith(page)).distinct().toList();
      assertEquals(List.of(page + "VIEW, with data", page + "DIAL"), pages);
      h.seconds(40);
      assertEquals("sent", h.said("Out.sends"));
      List<Object> sent = h.all("unsupported_api", "name");
      assertTrue(sent.toString(), sent.containsAll(List.of("android.content.Context.sendBroadcast of told, with data", "android.app.DownloadManager.enqueue",
          "android.telephony.SmsManager.sendMultimediaMessage", "android.app.backup.BackupManager.dataChanged")));
      assertEquals("who is told nothing, and the app itself", 1, sent.stream().filter(n -> n.toString().contains("sendBroadcast")).count());
    }
  }

  private static String tail(Object path) {
    String s = String.valueOf(path);
    return s.substring(s.indexOf("files/"));
  }
}
