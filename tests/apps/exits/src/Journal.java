package @PKG@;

import android.content.Context;
import android.util.Log;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.Collections;
import org.json.JSONException;
import org.json.JSONObject;

/** Each attempt as one JSON line: `what`, `to`, `result` (a word) and `detail`. */
final class Journal {
  /** One attempt: gives its result's word, then `: ` and details; an exception is a result too. */
  interface Attempt {
    String make() throws Exception;
  }

  private final File file;
  private final String why;
  private final StringBuilder lines = new StringBuilder();

  Journal(Context c, String why) {
    this.file = new File(c.getFilesDir(), "attempts.jsonl");
    this.why = why;
  }

  void attempt(String what, String to, Attempt a) {
    String result, detail = "";
    try {
      String s = a.make();
      int i = s.indexOf(": ");
      result = i < 0 ? s : s.substring(0, i);
      detail = i < 0 ? "" : s.substring(i + 2);
    } catch (java.net.SocketTimeoutException e) {
      result = "timeout";
      detail = String.valueOf(e);
    } catch (Exception | LinkageError e) {
      result = "refused";
      detail = String.valueOf(e);
    }
    try {
      String line = new JSONObject().put("why", why).put("what", what).put("to", to).put("result", result).put("detail", detail.length() > 300 ? detail.substring(0, 300) : detail).toString();
      lines.append(line).append('\n');
      try (FileOutputStream o = new FileOutputStream(file, true)) {
        o.write(Bytes.utf8(line + "\n"));
      }
      Log.i(Plan.TAG, line);
    } catch (JSONException | IOException e) {
      Log.w(Plan.TAG, String.valueOf(e));
    }
  }

  void report() {
    try {
      Https.post(Plan.REPORT_URL, Collections.singletonMap("Content-Type", "application/x-ndjson"), Bytes.utf8(lines.toString()), false);
    } catch (IOException e) {
      Log.w(Plan.TAG, "report: " + e);
    }
  }

  static String hex(byte[] b, int n) {
    StringBuilder s = new StringBuilder();
    for (int i = 0; i < Math.min(n, 32); i++) s.append(String.format("%02x", b[i] & 255));
    return s.toString();
  }
}
