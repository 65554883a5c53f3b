package @PKG@;

import android.app.Activity;
import android.os.Bundle;

/** Throws before anything is shown. */
public class MainActivity extends Activity {
  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    throw new IllegalStateException("no configuration for this device");
  }
}
