package app.probe;

import android.app.Notification;
import android.app.NotificationChannel;
import android.app.NotificationManager;
import android.app.Service;
import android.content.Context;
import android.content.Intent;
import android.os.Build;
import android.os.IBinder;

/** A service in the foreground. */
public class Watch extends Service {
  @Override public IBinder onBind(Intent i) {
    return null;
  }

  @Override public int onStartCommand(Intent i, int flags, int id) {
    Notification.Builder b;
    if (Build.VERSION.SDK_INT >= 26) {
      ((NotificationManager) getSystemService(NOTIFICATION_SERVICE)).createNotificationChannel(new NotificationChannel("c", "c", NotificationManager.IMPORTANCE_LOW));
      b = new Notification.Builder(this, "c");
    } else b = new Notification.Builder(this);
    startForeground(1, b.setSmallIcon(android.R.drawable.ic_menu_camera).setContentTitle("watch").build());
    return START_STICKY;
  }

  static String start(Context c) {
    Intent i = new Intent(c, Watch.class);
    if (Build.VERSION.SDK_INT >= 26) c.startForegroundService(i);
    else c.startService(i);
    return "started";
  }
}
