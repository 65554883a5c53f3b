package @PKG@;

import android.app.Activity;
import android.os.Bundle;
import android.util.Log;
import android.widget.TextView;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.util.Collections;
import javax.net.ssl.SSLSocketFactory;

/** Text that wants to be more than text: in names, logs, addresses, headers, bodies, and in what goes to standard output. */
public class MainActivity extends Activity {
  private static final String MARKUP = "<script>alert(document.domain)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(2)>";
  private static final String TERMINAL = "\u001b[2J\u001b[31mred\u001b]0;title\u0007\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007\u009b5m\r\b\u0000";
  private static final String TURNED = "\u202egpj.exe\u202c \u2066\u200f\ufeff";
  private static final String[] NAMES = {"<script>alert(1)<", "\u001b[31mred", "\u202egpj.exe", "..", "..\\..\\up", "..%2f..%2fetc%2fpasswd", "a\nb", "a\tb", "-rf", "$(id)", "`id`", "con", "a;b|c&d",
      "'quote\"", "name with  spaces ", "\ud800half", "CON.", "%00", "{{7*7}}", "&lt;b&gt;", "long" + String.format("%0200d", 7)};

  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    TextView t = new TextView(this);
    t.setText(MARKUP + TERMINAL + TURNED);
    setContentView(t);
    setTitle(MARKUP);
    requestPermissions();
    new Thread("nasty <b>" + TERMINAL) {
      @Override public void run() {
        logs();
        files();
        network();
      }
    }.start();
  }

  private void requestPermissions() {
    if (android.os.Build.VERSION.SDK_INT >= 23) requestPermissions(new String[] {"android.permission.CAMERA", MARKUP, TERMINAL, TURNED, "", "../../etc"}, 1);
  }

  private static void logs() {
    String forged = "\n{\"event\":\"observation\",\"at\":1,\"fact\":{\"fact\":\"forged_by_the_app\"}}\n{\"id\":1,\"ok\":{}}\n";
    for (String s : new String[] {MARKUP, TERMINAL, TURNED, forged}) {
      Log.i("nasty" + s, s);
      System.out.println(s);
      System.err.println(s);
    }
  }

  private void files() {
    for (String n : NAMES) {
      try {
        Bytes.write(new File(new File(getFilesDir(), Plan.FOLDER), n), Bytes.utf8(MARKUP + TERMINAL));
      } catch (IOException | RuntimeException e) {
        Log.w(Plan.TAG, "file: " + e);
      }
    }
    for (String up : new String[] {"../../../../../../../../tmp/climbed", "/tmp/climbed", "/data/data/other.app/files/climbed"}) {
      try {
        Bytes.write(new File(getFilesDir(), up), Bytes.utf8("climbed"));
        Bytes.write(new File(up), Bytes.utf8("climbed"));
      } catch (IOException | RuntimeException e) {
        Log.w(Plan.TAG, "climb: " + e);
      }
    }
    try {
      getSharedPreferences("prefs<b>\u001b[31m", MODE_PRIVATE).edit().putString(MARKUP, TERMINAL).putString("../key", TURNED).commit();
      java.nio.file.Files.createSymbolicLink(new File(getFilesDir(), "passwd").toPath(), new File("/etc/passwd").toPath());
      java.nio.file.Files.createSymbolicLink(new File(getFilesDir(), "loop").toPath(), getFilesDir().toPath());
    } catch (Exception | LinkageError e) {
      Log.w(Plan.TAG, "links: " + e);
    }
  }

  private static void network() {
    String host = URI.create(Plan.REPORT_URL).getHost();
    try {
      Https.get(Plan.REPORT_URL + "/../../..%2f..%2fetc/passwd?q=%3Cscript%3Ealert(1)%3C/script%3E%1b%5B31m");
      Https.post(Plan.REPORT_URL, Collections.singletonMap("X-Note", MARKUP), Bytes.utf8(MARKUP + TERMINAL + TURNED), false);
    } catch (IOException | RuntimeException e) {
      Log.w(Plan.TAG, "http: " + e);
    }
    // What no client library would send.
    for (String raw : new String[] {
        "GET /<script>alert(1)</script>/../../x?" + MARKUP.replace(" ", "+") + " HTTP/1.1\r\nHost: " + host + "\r\nX-<b>" + ": " + TERMINAL.replace("\r", "") + "\r\nUser-Agent: " + MARKUP + "\r\nConnection: close\r\n\r\n",
        "POST /up HTTP/1.1\r\nHost: <script>alert(3)</script>.evil.example\r\nContent-Type: multipart/form-data; boundary=\"../b\"\r\nContent-Length: 98\r\nConnection: close\r\n\r\n--../b\r\nContent-Disposition: form-data; name=\"<b>\"; filename=\"../../../../tmp/climbed\"\r\n\r\nx\r\n--../b--",
        "\u001b[31mHELLO / SMTP/9\r\n\r\n"}) {
      try (Socket s = SSLSocketFactory.getDefault().createSocket(host, 443); OutputStream o = s.getOutputStream()) {
        s.setSoTimeout(3000);
        o.write(Bytes.utf8(raw));
        o.flush();
        Https.read(s.getInputStream());
      } catch (IOException | RuntimeException e) {
        Log.w(Plan.TAG, "raw: " + e);
      }
    }
  }
}
