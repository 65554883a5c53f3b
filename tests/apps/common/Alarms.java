package @PKG@;

import android.app.AlarmManager;
import android.app.PendingIntent;
import android.content.Context;
import android.content.Intent;
import android.os.Build;

/** One alarm that also fires while the phone dozes; it is set anew at each tick. */
final class Alarms {
  static void in(Context c, Class<?> receiver, String action, long seconds) {
    AlarmManager am = (AlarmManager) c.getSystemService(Context.ALARM_SERVICE);
    Intent i = new Intent(c, receiver).setAction(action);
    int flags = PendingIntent.FLAG_UPDATE_CURRENT | (Build.VERSION.SDK_INT >= 23 ? PendingIntent.FLAG_IMMUTABLE : 0);
    PendingIntent p = PendingIntent.getBroadcast(c, 1, i, flags);
    long at = System.currentTimeMillis() + seconds * 1000;
    if (Build.VERSION.SDK_INT >= 23) am.setAndAllowWhileIdle(AlarmManager.RTC_WAKEUP, at, p);
    else am.set(AlarmManager.RTC_WAKEUP, at, p);
  }
}
