package @PKG@;

import android.app.Activity;
import android.os.Bundle;

/** Never comes back from its first callback. */
public class MainActivity extends Activity {
  private static volatile long turns;

  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    while (turns >= 0) turns = turns + 1 & Long.MAX_VALUE;
  }
}
