package stakeout.app;

import android.app.PendingIntent;
import android.content.Context;
import android.content.Intent;
import android.os.Bundle;
import android.os.Handler;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadows.ShadowPendingIntent;

/**
 * A pending intent belongs to the system and outlives the process that made it: it is sent to the app's present life, not by
 * the context that it was made with.
 */
@Implements(PendingIntent.class)
public class PendingIntentShadow extends ShadowPendingIntent {
  @RealObject private PendingIntent me;

  @Override @Implementation(minSdk = 23)
  protected void send(Context c, int code, Intent fill, PendingIntent.OnFinished done, Handler h, String permission, Bundle options) throws PendingIntent.CanceledException {
    if (isCanceled()) throw new PendingIntent.CanceledException();
    Context app = RuntimeEnvironment.getApplication();
    for (Intent saved : getSavedIntents()) {
      Intent i = new Intent(saved);
      if (fill != null && (getFlags() & PendingIntent.FLAG_IMMUTABLE) == 0) i.fillIn(fill, getFlags());
      if (isActivityIntent()) Activities.start(null, null, i, -1);
      else if (isBroadcastIntent()) app.sendBroadcast(i);
      else if (isForegroundServiceIntent()) Services.start(i, true);
      else Services.start(i, false);
      if (done != null) {
        Runnable tell = () -> done.onSendFinished(me, i, code, null, null);
        if (h != null) h.post(tell);
        else tell.run();
      }
    }
    if ((getFlags() & PendingIntent.FLAG_ONE_SHOT) != 0) cancel();
  }
}
