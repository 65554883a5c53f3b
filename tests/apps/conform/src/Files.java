package @PKG@;

import android.content.Context;
import android.util.Log;
import java.io.File;
import java.io.IOException;

/** Below files/: what the acts store, said/ for what became of them, life/ for how often something happened. */
final class Files {
  static void put(Context c, String name, byte[] bytes) throws IOException {
    Bytes.write(new File(c.getFilesDir(), name), bytes);
  }

  static void write(Context c, String name, String text) {
    try {
      put(c, name, Bytes.utf8(text));
    } catch (IOException e) {
      Log.w(Plan.TAG, name + ": " + e);
    }
  }

  static void say(Context c, String act, String what) {
    write(c, "said/" + act, what);
  }

  static synchronized void count(Context c, String what) {
    File f = new File(c.getFilesDir(), "life/" + what);
    int n = 0;
    try {
      if (f.isFile()) n = Integer.parseInt(new String(Bytes.read(f), "UTF-8"));
    } catch (Exception e) {
      Log.w(Plan.TAG, what + ": " + e);
    }
    write(c, "life/" + what, String.valueOf(n + 1));
  }
}
