package @PKG@;

import android.app.Activity;
import android.os.Build;
import android.os.Bundle;
import android.view.View;
import android.widget.Button;
import android.widget.FrameLayout;
import android.widget.LinearLayout;
import android.widget.TextView;

/** Photos of receipts: the camera is opened by the button, with its preview in this window, and closed after one picture. */
public class MainActivity extends Activity {
  private FrameLayout frame;
  private TextView said;
  private Preview preview;

  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    LinearLayout box = new LinearLayout(this);
    box.setOrientation(LinearLayout.VERTICAL);
    TextView title = new TextView(this);
    title.setText(R.string.app_name);
    title.setTextSize(28);
    Button photo = new Button(this);
    photo.setId(R.id.shoot);
    photo.setText(R.string.photo);
    photo.setOnClickListener(new View.OnClickListener() {
      @Override public void onClick(View v) {
        open();
      }
    });
    said = new TextView(this);
    frame = new FrameLayout(this);
    float d = getResources().getDisplayMetrics().density;
    box.addView(title);
    box.addView(photo);
    box.addView(said);
    box.addView(frame, new LinearLayout.LayoutParams((int) (320 * d), (int) (240 * d)));
    setContentView(box);
    if (Build.VERSION.SDK_INT >= 23) requestPermissions(new String[] {"android.permission.CAMERA", "android.permission.RECORD_AUDIO"}, 1);
    BeatReceiver.beat(this, "start", null);
  }

  private void open() {
    if (preview != null) return;
    preview = new Preview(this, new Preview.Taken() {
      @Override public void photo(final byte[] jpeg, final String error) {
        runOnUiThread(new Runnable() {
          @Override public void run() {
            close();
            said.setText(error != null ? error : getString(R.string.kept, jpeg.length));
          }
        });
      }
    });
    frame.addView(preview.view());
  }

  private void close() {
    if (preview != null) preview.close();
    preview = null;
    frame.removeAllViews();
  }

  @Override protected void onStop() {
    super.onStop();
    close();
  }
}
