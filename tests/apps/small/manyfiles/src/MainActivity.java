package @PKG@;

import android.app.Activity;
import android.os.Bundle;
import android.util.Log;
import java.io.File;
import java.io.IOException;

/** 100,000 files of a few bytes, in folders of a thousand. */
public class MainActivity extends Activity {
  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    new Thread("files") {
      @Override public void run() {
        try {
          for (int n = 0; n < 100000; n++) Bytes.write(new File(getFilesDir(), Plan.FOLDER + "/" + n / 1000 + "/" + n), Bytes.utf8("n" + n));
        } catch (IOException e) {
          Log.w(Plan.TAG, "files: " + e);
        }
      }
    }.start();
  }
}
