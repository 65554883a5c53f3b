package @PKG@;

import android.app.Activity;
import android.os.Bundle;
import android.util.Log;
import android.widget.TextView;

/** Its whole work is in a library; without it there is a message and nothing else. */
public class MainActivity extends Activity {
  private static native String work(String order);

  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    TextView t = new TextView(this);
    setContentView(t);
    try {
      System.loadLibrary("core_engine");
      t.setText(work("start"));
    } catch (UnsatisfiedLinkError e) {
      Log.w(Plan.TAG, "library: " + e);
      t.setText("This device is not supported");
    }
  }
}
