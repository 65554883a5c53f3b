package @PKG@;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;

/** The alarm, and the boot after which the alarm must be set anew. */
public class TickReceiver extends BroadcastReceiver {
  static final String TICK = "@PKG@.TICK";

  @Override public void onReceive(Context c, Intent i) {
    if (TICK.equals(i.getAction())) Rounds.start(c.getApplicationContext(), "alarm", goAsync());
    else if (Rounds.begun(c)) Alarms.in(c, TickReceiver.class, TICK, Plan.AFTER_BOOT_S);
  }
}
