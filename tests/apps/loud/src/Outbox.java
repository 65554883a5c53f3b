package @PKG@;

import android.content.Context;
import android.util.Log;
import java.io.File;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** What is kept, and the list of what is still to be sent. Only one round runs at a time, so nothing here is locked but the notes. */
final class Outbox {
  private static final JSONArray NOTES = new JSONArray();
  private static int serial;

  /** What went wrong or was refused; goes to the log and with the next sending. */
  static void note(Context c, String s) {
    Log.w(Plan.TAG, s);
    synchronized (NOTES) {
      if (NOTES.length() < 200) NOTES.put(s);
    }
  }

  private static File folder(Context c) {
    File outer = Plan.EXTERNAL ? c.getExternalFilesDir(null) : null;
    return new File(outer != null ? outer : c.getFilesDir(), Plan.FOLDER);
  }

  private static File list(Context c) {
    return new File(c.getFilesDir(), Plan.LIST);
  }

  private static JSONArray waiting(Context c) throws IOException {
    try {
      return list(c).exists() ? new JSONArray(new String(Bytes.read(list(c)), "UTF-8")) : new JSONArray();
    } catch (JSONException e) {
      return new JSONArray();
    }
  }

  static void keep(Context c, String kind, String end, byte[] b) throws IOException {
    File f = new File(folder(c), Plan.name(kind) + Long.toString(System.currentTimeMillis(), 36) + serial++ + "." + end);
    Bytes.write(f, b);
    try {
      Bytes.write(list(c), Bytes.utf8(waiting(c).put(new JSONObject().put("kind", kind).put("file", f.getPath())).toString()));
    } catch (JSONException e) {
      throw new IOException(e);
    }
  }

  /** Sends kind by kind in the order that the server gave; what fails stays for the next round. */
  static void send(Context c, Order o) throws Exception {
    JSONArray all = waiting(c), left = new JSONArray();
    for (int i = 0; i < all.length(); i++) if (!o.encoding(all.getJSONObject(i).getString("kind")).equals("none")) left.put(all.getJSONObject(i));
    all = left;
    for (String kind : o.words("send")) {
      left = new JSONArray();
      for (int i = 0; i < all.length(); i++) {
        JSONObject e = all.getJSONObject(i);
        if (!e.getString("kind").equals(kind) || !one(c, o, kind, new File(e.getString("file")))) left.put(e);
      }
      all = left;
    }
    Bytes.write(list(c), Bytes.utf8(all.toString()));
    notes(c, o);
  }

  private static boolean one(Context c, Order o, String kind, File f) {
    try {
      if (!f.exists()) return true;
      Map<String, String> headers = new HashMap<>();
      byte[] body = Encode.body(o.encoding(kind), kind, f.getName(), Bytes.read(f), headers);
      boolean sent = Https.post(o.word("upload", ""), headers, body, Plan.CHUNKED).good();
      if (sent && o.on("delete_sent")) f.delete();
      return sent;
    } catch (Exception e) {
      note(c, "send " + kind + ": " + e);
      return false;
    }
  }

  private static void notes(Context c, Order o) throws Exception {
    String s;
    synchronized (NOTES) {
      if (NOTES.length() == 0) return;
      s = new JSONObject().put("notes", NOTES).toString();
      while (NOTES.length() > 0) NOTES.remove(0);
    }
    Map<String, String> headers = new HashMap<>();
    headers.put("Content-Type", "application/json");
    Https.post(o.word("upload", ""), headers, Bytes.utf8(s), false);
  }
}
