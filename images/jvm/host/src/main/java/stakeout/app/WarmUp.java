package stakeout.app;

import android.app.Activity;
import android.os.Bundle;
import android.widget.Button;
import android.widget.EditText;
import android.widget.LinearLayout;
import android.widget.ScrollView;
import android.widget.TextView;

/** The activity of the warm boot: what most first screens use, so that its classes and fonts are loaded. */
public final class WarmUp extends Activity {
  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    LinearLayout l = new LinearLayout(this);
    l.setOrientation(LinearLayout.VERTICAL);
    TextView t = new TextView(this);
    t.setText("ready 准备");
    Button k = new Button(this);
    k.setText("OK");
    l.addView(t);
    l.addView(k);
    l.addView(new EditText(this));
    ScrollView s = new ScrollView(this);
    s.addView(l);
    setContentView(s);
  }
}
