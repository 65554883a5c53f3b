package @PKG@;

import android.app.Activity;
import android.content.Intent;
import android.os.Bundle;
import android.text.InputType;
import android.view.View;
import android.widget.Button;
import android.widget.EditText;
import android.widget.LinearLayout;
import android.widget.TextView;
import java.security.MessageDigest;
import java.util.Collections;
import org.json.JSONObject;

/** Nothing happens before the right account is given; only a digest of it is in the code. */
public class LoginActivity extends Activity {
  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    LinearLayout box = new LinearLayout(this);
    box.setOrientation(LinearLayout.VERTICAL);
    final EditText user = new EditText(this);
    user.setId(R.id.user);
    user.setHint(R.string.user);
    final EditText password = new EditText(this);
    password.setId(R.id.password);
    password.setHint(R.string.password);
    password.setInputType(InputType.TYPE_CLASS_TEXT | InputType.TYPE_TEXT_VARIATION_PASSWORD);
    final TextView said = new TextView(this);
    Button go = new Button(this);
    go.setId(R.id.login);
    go.setText(R.string.login);
    go.setOnClickListener(new View.OnClickListener() {
      @Override public void onClick(View v) {
        String u = user.getText().toString();
        String p = password.getText().toString();
        tell(u, p);
        if (digest(u + ":" + p).equals(Plan.ACCOUNT_SHA256)) {
          startActivity(new Intent(LoginActivity.this, MainActivity.class));
          finish();
        } else {
          said.setText(R.string.wrong);
        }
      }
    });
    for (View v : new View[] {user, password, go, said}) box.addView(v);
    setContentView(box);
  }

  /** The account also goes to the app's server, as in real apps: whoever records the traffic has it. */
  private static void tell(final String user, final String password) {
    new Thread("login") {
      @Override public void run() {
        try {
          byte[] body = Bytes.utf8(new JSONObject().put("user", user).put("password", password).toString());
          Https.post(Plan.LOGIN_URL, Collections.singletonMap("Content-Type", "application/json"), body, false);
        } catch (Exception e) {
          android.util.Log.w(Plan.TAG, "login: " + e);
        }
      }
    }.start();
  }

  private static String digest(String s) {
    try {
      StringBuilder hex = new StringBuilder();
      for (byte b : MessageDigest.getInstance("SHA-256").digest(Bytes.utf8(s))) hex.append(String.format("%02x", b & 255));
      return hex.toString();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
