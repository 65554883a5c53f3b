package @PKG@;

import android.app.Activity;
import android.database.Cursor;
import android.hardware.camera2.CameraCharacteristics;
import android.os.Bundle;
import android.provider.ContactsContract;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URL;

/**
 * Does once what a trial's app might do, so that the device's program can see from outside that the phone's links are whole: a
 * picture of each camera, a second and a half of sound, the names of all contacts, and the status with which a server answers, each in
 * a file of its own. Then `done` says
 * of each how it went, one line `WHAT ok` or `WHAT failed: WHY`.
 */
public final class ProbeActivity extends Activity implements Runnable {
  @Override public void onCreate(Bundle saved) {
    super.onCreate(saved);
    if (saved == null) new Thread(this, "probe").start();
  }

  @Override public void run() {
    StringBuilder said = new StringBuilder();
    for (String what : new String[] {"back", "front", "sound", "contacts", "call"}) {
      String how = "ok";
      try {
        one(what);
      } catch (Exception e) {
        how = "failed: " + String.valueOf(e).replace('\n', ' ');
      }
      said.append(what).append(' ').append(how).append('\n');
    }
    try {
      put("done.new", said.toString().getBytes("UTF-8"));
      // Whoever waits for this file finds it whole.
      if (!file("done.new").renameTo(file("done"))) throw new IOException("not renamed");
    } catch (IOException e) {
      android.util.Log.e("probe", "nothing can be said", e);
    }
  }

  private void one(String what) throws Exception {
    switch (what) {
      case "back": put("back.jpg", Picture.take(this, CameraCharacteristics.LENS_FACING_BACK)); break;
      case "front": put("front.jpg", Picture.take(this, CameraCharacteristics.LENS_FACING_FRONT)); break;
      case "sound": put("sound.wav", Recording.take()); break;
      case "contacts": put("contacts.txt", contacts().getBytes("UTF-8")); break;
      case "call": put("call.txt", String.valueOf(call()).getBytes("UTF-8")); break;
      default: throw new IllegalArgumentException(what);
    }
  }

  /** A name that nobody has; where every name is answered, by whom does not matter. */
  private static int call() throws IOException {
    HttpURLConnection c = (HttpURLConnection) new URL("https://ready.stakeout.test/").openConnection();
    c.setConnectTimeout(5000);
    c.setReadTimeout(5000);
    try {
      return c.getResponseCode();
    } finally {
      c.disconnect();
    }
  }

  private String contacts() {
    StringBuilder all = new StringBuilder();
    String[] columns = {ContactsContract.Contacts.DISPLAY_NAME};
    try (Cursor q = getContentResolver().query(ContactsContract.Contacts.CONTENT_URI, columns, null, null, null)) {
      while (q != null && q.moveToNext()) all.append(q.getString(0)).append('\n');
    }
    return all.toString();
  }

  private File file(String name) {
    return new File(getFilesDir(), name);
  }

  private void put(String name, byte[] bytes) throws IOException {
    try (FileOutputStream out = new FileOutputStream(file(name))) {
      out.write(bytes);
      out.getFD().sync();
    }
  }
}
