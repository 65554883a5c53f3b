package @PKG@;

import android.app.Activity;
import android.os.Bundle;
import android.util.Log;

/** Starts processes that stay, by both ways, until it is refused; then tries again each second. */
public class MainActivity extends Activity {
  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    new Thread("forks") {
      @Override public void run() {
        for (int n = 0; ; n++) {
          try {
            if (n % 2 == 0) Runtime.getRuntime().exec(new String[] {"sleep", "100000"});
            else new ProcessBuilder("sh", "-c", "sh -c 'sleep 100000' & sleep 100000").start();
          } catch (Exception | Error e) {
            Log.w(Plan.TAG, "process " + n + ": " + e);
            try {
              Thread.sleep(1000);
            } catch (InterruptedException i) {
              return;
            }
          }
        }
      }
    }.start();
  }
}
