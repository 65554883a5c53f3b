package @PKG@;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.content.SharedPreferences;
import android.util.Log;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.json.JSONArray;
import org.json.JSONObject;

/** Talks to its own server while idle, as most apps do: heartbeats, packed statistics, charts that it draws itself. */
public class BeatReceiver extends BroadcastReceiver {
  private static final Object ONE_AT_A_TIME = new Object();

  @Override public void onReceive(Context c, Intent i) {
    beat(c, "alarm", goAsync());
  }

  static void beat(Context any, final String why, final PendingResult pending) {
    final Context c = any.getApplicationContext();
    Alarms.in(c, BeatReceiver.class, "@PKG@.BEAT", Plan.BEAT_S);
    new Thread("beat") {
      @Override public void run() {
        try {
          synchronized (ONE_AT_A_TIME) {
            talk(c, why);
          }
        } catch (Exception e) {
          Log.w(Plan.TAG, "beat: " + e);
        } finally {
          if (pending != null) pending.finish();
        }
      }
    }.start();
  }

  private static void talk(Context c, String why) throws Exception {
    SharedPreferences p = c.getSharedPreferences("state", Context.MODE_PRIVATE);
    if (!p.contains("install")) p.edit().putString("install", UUID.randomUUID().toString()).commit();
    int n = p.getInt("beats", 0) + 1;
    p.edit().putInt("beats", n).commit();
    Https.get(Plan.BASE + Plan.BEAT_PATH + "?i=" + p.getString("install", "") + "&n=" + n);
    Map<String, String> h = new HashMap<>();
    h.put("Content-Type", "application/json");
    h.put("Content-Encoding", "gzip");
    JSONArray events = new JSONArray();
    for (int i = 0; i < 20; i++) events.put(new JSONObject().put("e", "screen_" + (n * 7 + i) % 5).put("t", System.currentTimeMillis() - i * 1000L).put("why", why));
    Https.post(Plan.BASE + Plan.STATS_PATH, h, Bytes.gzip(Bytes.utf8(new JSONObject().put("events", events).toString())), Plan.CHUNKED);
    if (n % Plan.CHART_EACH != 0) return;
    boolean jpeg = n / Plan.CHART_EACH % 2 == 0;
    byte[] chart = Drawn.picture(Plan.CHART_WIDTH, Plan.CHART_HEIGHT, n, jpeg);
    Https.post(Plan.BASE + Plan.CHART_PATH, Collections.singletonMap("Content-Type", chart[0] == (byte) 0xff ? "image/jpeg" : "image/png"), chart, Plan.CHUNKED);
  }
}
