package t.flows;
import android.app.*; import android.content.*; import android.os.*; import android.widget.*;
public class Second extends Activity {
  @Override protected void onCreate(Bundle b) { super.onCreate(b); Button k = new Button(this); k.setText("Done"); setContentView(k); k.setOnClickListener(v -> { setResult(RESULT_OK, new Intent().putExtra("k", "v")); finish(); }); }
}
