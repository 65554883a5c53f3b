package @PKG@;

import android.app.Activity;
import android.os.Bundle;
import android.widget.TextView;

/** All attempts once while visible; the alarm makes them again while idle. */
public class MainActivity extends Activity {
  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    TextView t = new TextView(this);
    t.setText(R.string.app_name);
    setContentView(t);
    AgainReceiver.go(this, "start", null);
  }
}
