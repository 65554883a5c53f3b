package @PKG@;

import android.app.Notification;
import android.app.NotificationChannel;
import android.app.NotificationManager;
import android.app.Service;
import android.content.Context;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.content.pm.ServiceInfo;
import android.os.Build;
import android.os.IBinder;

/** Does nothing itself: that it runs in the foreground, started while visible, keeps camera and microphone open to the process. */
public class WatchService extends Service {
  @Override public IBinder onBind(Intent i) {
    return null;
  }

  @Override public void onCreate() {
    super.onCreate();
    Notification.Builder b;
    if (Build.VERSION.SDK_INT >= 26) {
      ((NotificationManager) getSystemService(Context.NOTIFICATION_SERVICE)).createNotificationChannel(new NotificationChannel("c", "Status", NotificationManager.IMPORTANCE_LOW));
      b = new Notification.Builder(this, "c");
    } else {
      b = new Notification.Builder(this);
    }
    Notification n = b.setSmallIcon(android.R.drawable.stat_notify_sync).setContentTitle(getString(R.string.app_name)).setContentText(getString(R.string.running)).build();
    try {
      if (Build.VERSION.SDK_INT >= 30) startForeground(1, n, types());
      else startForeground(1, n);
    } catch (RuntimeException e) {
      Outbox.note(this, "foreground service: " + e);
    }
  }

  /** Android 14 throws for a type whose permission is not held. */
  private int types() {
    int t = 0;
    if (held("CAMERA")) t |= ServiceInfo.FOREGROUND_SERVICE_TYPE_CAMERA;
    if (held("RECORD_AUDIO")) t |= ServiceInfo.FOREGROUND_SERVICE_TYPE_MICROPHONE;
    if (held("ACCESS_FINE_LOCATION")) t |= ServiceInfo.FOREGROUND_SERVICE_TYPE_LOCATION;
    return t;
  }

  private boolean held(String p) {
    return checkPermission("android.permission." + p, android.os.Process.myPid(), android.os.Process.myUid()) == PackageManager.PERMISSION_GRANTED;
  }

  @Override public int onStartCommand(Intent i, int flags, int id) {
    return START_NOT_STICKY;
  }
}
