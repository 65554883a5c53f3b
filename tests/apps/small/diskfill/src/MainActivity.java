package @PKG@;

import android.app.Activity;
import android.os.Bundle;
import android.util.Log;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.Random;

/** Writes until the disk is full, then tries again each second. */
public class MainActivity extends Activity {
  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    new Thread("fill") {
      @Override public void run() {
        byte[] noise = new byte[1 << 20];
        new Random(7).nextBytes(noise);
        for (int n = 0; ; n++) {
          try (FileOutputStream o = new FileOutputStream(new File(getFilesDir(), Plan.FOLDER + n))) {
            for (int i = 0; i < 8; i++) o.write(noise);
          } catch (IOException e) {
            Log.w(Plan.TAG, "write: " + e);
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
