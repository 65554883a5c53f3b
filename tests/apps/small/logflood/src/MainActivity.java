package @PKG@;

import android.app.Activity;
import android.os.Bundle;
import android.util.Log;

/** Log lines and output without end, some of them very long. */
public class MainActivity extends Activity {
  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    StringBuilder s = new StringBuilder();
    while (s.length() < 1 << 20) s.append("0123456789abcdef");
    final String wide = s.toString();
    new Thread("flood") {
      @Override public void run() {
        for (long n = 0; ; n++) {
          Log.i(Plan.TAG, "line " + n);
          System.out.println("out " + n);
          System.err.println("err " + n);
          if (n % 1000 == 0) System.out.println(wide);
          if (n % 1000 == 0) Log.e(Plan.TAG, wide);
        }
      }
    }.start();
  }
}
