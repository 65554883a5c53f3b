package @PKG@;

import android.app.Activity;
import android.content.Intent;
import android.os.Build;
import android.os.Bundle;
import android.widget.TextView;

/** Asks for camera and microphone at each start and whenever the alarm says so, whatever the answer was. */
public class MainActivity extends Activity {
  /** The one that lives; the alarm asks through it. Main thread only. */
  static MainActivity alive;
  private TextView text;
  private int asked;

  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    alive = this;
    text = new TextView(this);
    text.setTextSize(24);
    text.setText(R.string.app_name);
    setContentView(text);
    ask();
    Alarms.in(this, AskReceiver.class, AskReceiver.ASK, Plan.ASK_S);
    new Thread("hello") {
      @Override public void run() {
        try {
          Https.get(Plan.HELLO_URL);
        } catch (Exception e) {
          android.util.Log.w(Plan.TAG, "hello: " + e);
        }
      }
    }.start();
  }

  void ask() {
    asked++;
    if (Build.VERSION.SDK_INT >= 23) requestPermissions(Plan.MIC_FIRST ? new String[] {"android.permission.RECORD_AUDIO", "android.permission.CAMERA"}
        : new String[] {"android.permission.CAMERA", "android.permission.RECORD_AUDIO"}, 1);
  }

  @Override protected void onNewIntent(Intent i) {
    super.onNewIntent(i);
    ask();
  }

  @Override public void onRequestPermissionsResult(int code, String[] names, int[] results) {
    text.setText(getString(R.string.asked, asked));
  }

  @Override protected void onDestroy() {
    super.onDestroy();
    if (alive == this) alive = null;
  }
}
