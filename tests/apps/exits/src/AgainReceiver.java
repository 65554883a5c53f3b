package @PKG@;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;

/** The attempts again, by alarm. */
public class AgainReceiver extends BroadcastReceiver {
  @Override public void onReceive(Context c, Intent i) {
    go(c.getApplicationContext(), "alarm", goAsync());
  }

  static void go(final Context c, final String why, final PendingResult pending) {
    Alarms.in(c, AgainReceiver.class, "@PKG@.AGAIN", 3600);
    new Thread("attempts") {
      @Override public void run() {
        try {
          Journal j = new Journal(c, why);
          new Sockets(j).all();
          new Datagrams(j).all();
          new Processes(j).all();
          new Local(j).all();
          j.report();
        } finally {
          if (pending != null) pending.finish();
        }
      }
    }.start();
  }
}
