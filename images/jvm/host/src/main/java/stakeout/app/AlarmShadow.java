package stakeout.app;

import android.app.AlarmManager;
import android.app.PendingIntent;
import android.content.pm.PackageManager;
import android.os.Handler;
import android.os.Looper;
import android.os.SystemClock;
import android.os.WorkSource;
import java.util.concurrent.Executor;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import stakeout.host.Events;
import stakeout.time.Clock;

/** All ways to set an alarm end in one private method of the framework, whose parameters grew with time; it is taken over here. */
@Implements(AlarmManager.class)
public class AlarmShadow {
  private static final int WHILE_IDLE = 1 << 2 | 1 << 3 | 1 << 5 | 1 << 6;
  private static final int ELAPSED = 2;

  private static void set(int type, long at, long window, long interval, int flags, PendingIntent op, AlarmManager.OnAlarmListener l, Executor e) {
    boolean exact = window == 0, whileIdle = (flags & WHILE_IDLE) != 0;
    if (exact && l == null && !mayBeExact()) {
      Events.fact("refused", "sensor", null, "data", null, "what", "exact alarm", "reason", "permission");
      throw new SecurityException("Caller " + Installed.packageName() + " needs to hold android.permission.SCHEDULE_EXACT_ALARM or android.permission.USE_EXACT_ALARM to set exact alarms.");
    }
    long when = type >= ELAPSED ? at - SystemClock.elapsedRealtime() + Clock.now() : at;
    Runnable tell = l == null ? null : () -> e.execute(l::onAlarm);
    Alarms.set(when, interval, exact, whileIdle, op, l, tell);
  }

  private static boolean mayBeExact() {
    return !Installed.ruled(31) || has("SCHEDULE_EXACT_ALARM") && !Installed.ruled(33) || has("USE_EXACT_ALARM");
  }

  private static boolean has(String permission) {
    return RuntimeEnvironment.getApplication().checkSelfPermission("android.permission." + permission) == PackageManager.PERMISSION_GRANTED;
  }

  private static Executor on(Handler h) {
    Handler used = h != null ? h : new Handler(Looper.getMainLooper());
    return used::post;
  }

  @Implementation(maxSdk = 23)
  protected void setImpl(int type, long at, long window, long interval, int flags, PendingIntent op, WorkSource w, AlarmManager.AlarmClockInfo clock) {
    set(type, at, window, interval, clock != null ? flags | 4 : flags, op, null, null);
  }

  @Implementation(minSdk = 24, maxSdk = 30)
  protected void setImpl(int type, long at, long window, long interval, int flags, PendingIntent op, AlarmManager.OnAlarmListener l, String tag, Handler h,
      WorkSource w, AlarmManager.AlarmClockInfo clock) {
    set(type, at, window, interval, clock != null ? flags | 4 : flags, op, l, on(h));
  }

  @Implementation(minSdk = 31)
  protected void setImpl(int type, long at, long window, long interval, int flags, PendingIntent op, AlarmManager.OnAlarmListener l, String tag, Executor e,
      WorkSource w, AlarmManager.AlarmClockInfo clock) {
    set(type, at, window, interval, clock != null ? flags | 4 : flags, op, l, e != null ? e : on(null));
  }

  @Implementation protected void cancel(PendingIntent op) {
    Alarms.cancel(op, null);
  }

  @Implementation(minSdk = 24) protected void cancel(AlarmManager.OnAlarmListener l) {
    Alarms.cancel(null, l);
  }

  @Implementation(minSdk = 34) protected void cancelAll() {
    Alarms.cancelAll();
  }

  @Implementation(minSdk = 31) protected boolean canScheduleExactAlarms() {
    return mayBeExact();
  }

  @Implementation protected AlarmManager.AlarmClockInfo getNextAlarmClock() {
    return null;
  }

  @Implementation protected void setTime(long millis) {
    throw new SecurityException("setTime requires android.permission.SET_TIME");
  }

  @Implementation protected void setTimeZone(String zone) {
    throw new SecurityException("setTimeZone requires android.permission.SET_TIME_ZONE");
  }
}
