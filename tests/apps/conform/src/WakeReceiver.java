package @PKG@;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;

/** Woken by the alarm, and after a boot. */
public class WakeReceiver extends BroadcastReceiver {
  static final String ALARM = "@PKG@.ALARM";

  @Override public void onReceive(Context c, Intent i) {
    if (ALARM.equals(i.getAction())) Files.write(c, "alarm.txt", "the alarm came");
    else if (Intent.ACTION_BOOT_COMPLETED.equals(i.getAction())) Files.count(c, "boot");
  }
}
