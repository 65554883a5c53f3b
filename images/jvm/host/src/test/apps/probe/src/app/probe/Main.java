package app.probe;

import android.app.Activity;
import android.content.ClipboardManager;
import android.content.Context;
import android.os.Build;
import android.os.Bundle;
import android.os.Handler;
import android.os.HandlerThread;
import android.view.SurfaceView;
import android.view.ViewGroup;
import android.widget.LinearLayout;

/** Does what the clipboard says: `millis:step` pairs, separated by `;`. Each step writes one line to files/log.txt. */
public class Main extends Activity {
  static SurfaceView shown, tiny;
  static Main me;

  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    me = this;
    LinearLayout l = new LinearLayout(this);
    l.setOrientation(LinearLayout.VERTICAL);
    shown = new SurfaceView(this);
    tiny = new SurfaceView(this);
    l.addView(shown, new LinearLayout.LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, 800));
    l.addView(tiny, new LinearLayout.LayoutParams(1, 1));
    setContentView(l);
    CharSequence text = ((ClipboardManager) getSystemService(Context.CLIPBOARD_SERVICE)).getText();
    HandlerThread t = new HandlerThread("steps");
    t.start();
    Handler h = new Handler(t.getLooper());
    for (String s : String.valueOf(text).split(";")) {
      final String[] p = s.split(":");
      if (p.length != 2) continue;
      h.postDelayed(new Runnable() {
        @Override public void run() {
          Step.run(Main.this, p[1]);
        }
      }, Long.parseLong(p[0]));
    }
  }

  void ask(final String... names) {
    if (Build.VERSION.SDK_INT < 23) return;
    runOnUiThread(new Runnable() {
      @Override public void run() {
        requestPermissions(names, 7);
      }
    });
  }

  @Override public void onRequestPermissionsResult(int code, String[] names, int[] results) {
    StringBuilder b = new StringBuilder();
    for (int r : results) b.append(r).append(' ');
    Step.log(this, "answer", b.toString().trim());
  }
}
