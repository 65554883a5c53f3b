package stakeout.app;

import android.content.ComponentName;
import android.content.Intent;
import android.content.ServiceConnection;
import stakeout.host.Log;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowContextImpl;

/** Services are really started; stock Robolectric only remembers the intents for a test to look at. */
@Implements(className = "android.app.ContextImpl")
public class ContextShadow extends ShadowContextImpl {
  @Override @Implementation protected ComponentName startService(Intent i) { return Services.start(i); }
  @Override @Implementation(minSdk = 26) protected ComponentName startForegroundService(Intent i) { return Services.start(i); }
  @Override @Implementation protected boolean stopService(Intent i) { return Services.stop(i); }
  @Override @Implementation protected boolean bindService(Intent i, ServiceConnection c, int flags) { return Services.bind(i, c); }
  @Override @Implementation protected void unbindService(ServiceConnection c) { Log.event("unbindService", String.valueOf(c)); }
}
