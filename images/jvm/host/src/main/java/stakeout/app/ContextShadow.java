package stakeout.app;

import android.content.BroadcastReceiver;
import android.content.ComponentName;
import android.content.Intent;
import android.content.ServiceConnection;
import android.os.Bundle;
import android.os.Handler;
import android.os.Looper;
import android.os.UserHandle;
import java.io.File;
import java.util.concurrent.Executor;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowContextImpl;
import stakeout.host.AppLoader;

/** Services and broadcasts really happen; stock Robolectric only remembers the intents for a test to look at. */
@Implements(className = "android.app.ContextImpl")
public class ContextShadow extends ShadowContextImpl {
  private static void onMain(Runnable r) {
    new Handler(Looper.getMainLooper()).post(r);
  }

  @Override @Implementation protected ClassLoader getClassLoader() { return AppLoader.current(); }

  @Override @Implementation protected ComponentName startService(Intent i) {
    explicit(i);
    return Services.start(i, false);
  }

  @Override @Implementation(minSdk = 26) protected ComponentName startForegroundService(Intent i) {
    explicit(i);
    return Services.start(i, true);
  }

  @Override @Implementation protected boolean stopService(Intent i) {
    explicit(i);
    return Services.stop(i);
  }

  @Override @Implementation protected boolean bindService(Intent i, ServiceConnection c, int flags) {
    explicit(i);
    return Services.bind(i, c, flags, ContextShadow::onMain);
  }

  @Override @Implementation(minSdk = 29) protected boolean bindService(Intent i, int flags, Executor e, ServiceConnection c) {
    explicit(i);
    return Services.bind(i, c, flags, e);
  }

  @Override @Implementation protected void unbindService(ServiceConnection c) { Services.unbind(c); }

  /** Since API 21 an implicit intent for a service is an error, if the app targets that level. */
  private void explicit(Intent i) {
    if (Installed.target() >= 21) validateServiceIntent(i);
  }

  @Override @Implementation protected void sendBroadcast(Intent i) {
    Receivers.send(i);
    super.sendBroadcast(i);
  }

  @Override @Implementation protected void sendBroadcast(Intent i, String permission) {
    Receivers.send(i);
    super.sendBroadcast(i, permission);
  }

  @Override @Implementation(minSdk = 33) protected void sendBroadcast(Intent i, String permission, Bundle options) {
    Receivers.send(i);
    super.sendBroadcast(i, permission, options);
  }

  @Override @Implementation protected void sendBroadcastAsUser(Intent i, UserHandle user) {
    Receivers.send(i);
    super.sendBroadcastAsUser(i, user);
  }

  @Override @Implementation protected void sendOrderedBroadcast(Intent i, String permission) {
    Receivers.send(i);
    super.sendOrderedBroadcast(i, permission);
  }

  @Override @Implementation protected void sendOrderedBroadcast(Intent i, String permission, BroadcastReceiver result, Handler h, int code, String data, Bundle extras) {
    Receivers.send(i);
    super.sendOrderedBroadcast(i, permission, result, h, code, data, extras);
  }

  @Override @Implementation protected File getExternalFilesDir(String type) {
    File dir = DataDirectory.external().resolve("Android/data/" + Installed.packageName() + "/files").toFile();
    if (type != null) dir = new File(dir, type);
    dir.mkdirs();
    return dir;
  }

  @Implementation protected File getExternalCacheDir() {
    File dir = DataDirectory.external().resolve("Android/data/" + Installed.packageName() + "/cache").toFile();
    dir.mkdirs();
    return dir;
  }

  @Implementation protected File[] getExternalCacheDirs() {
    return new File[] {getExternalCacheDir()};
  }
}
