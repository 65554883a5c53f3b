package t.flows;
import android.app.*; import android.content.*; import android.os.*;
public class Fgs extends Service {
  public IBinder onBind(Intent i) { return null; }
  @Override public int onStartCommand(Intent i, int f, int id) {
    getSystemService(NotificationManager.class).createNotificationChannel(new NotificationChannel("c", "c", 2));
    try { startForeground(1, new Notification.Builder(this, "c").setSmallIcon(android.R.drawable.ic_delete).build()); App.log("in the foreground"); } catch (RuntimeException e) { App.log("fgs " + e); stopSelf(); }
    return START_NOT_STICKY; }
}
