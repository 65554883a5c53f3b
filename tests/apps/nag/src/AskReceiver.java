package @PKG@;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.util.Log;

/** The alarm: asks through the living activity, or starts one that asks (which newer Androids refuse in the background). */
public class AskReceiver extends BroadcastReceiver {
  static final String ASK = "@PKG@.ASK";

  @Override public void onReceive(Context c, Intent i) {
    Alarms.in(c, AskReceiver.class, ASK, Plan.ASK_S);
    if (!ASK.equals(i.getAction())) return;
    try {
      if (MainActivity.alive != null) MainActivity.alive.ask();
      else c.startActivity(new Intent(c, MainActivity.class).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK));
    } catch (RuntimeException e) {
      Log.w(Plan.TAG, "ask: " + e);
    }
  }
}
