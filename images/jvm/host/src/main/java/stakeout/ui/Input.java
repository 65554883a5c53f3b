package stakeout.ui;

import android.view.KeyEvent;
import android.view.MotionEvent;
import android.view.View;
import android.widget.EditText;
import android.os.SystemClock;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.robolectric.shadows.ShadowLooper;
import stakeout.app.Activities;
import stakeout.app.Frames;
import stakeout.host.Failure;
import stakeout.host.Json;
import stakeout.host.Parameters;

/** What the user does with the screen, on the real view tree. All but {@link #run}'s checks happen on the main thread. */
public final class Input {
  private Input() {}

  /**
   * The answer of the request `input`. Called on the main thread.
   *
   * @param early told the answer before the app's code runs, which may not come back before time passes
   */
  public static Map<String, Object> run(Map<String, Object> p, Consumer<Map<String, Object>> early) throws Failure {
    String action = Parameters.text(p, "action");
    Frames.lively();
    Frames.drawNow(); // what is looked for may just have been laid out
    Map<String, Object> answer = switch (action) {
      case "tap" -> tap(p, early);
      case "text" -> text(p, early);
      case "key" -> key(Parameters.text(p, "key"), early);
      default -> throw new Failure("bad_request", "`action` is `" + action + "`, expected `tap`, `text` or `key`");
    };
    ShadowLooper.shadowMainLooper().idle();
    Frames.drawNow();
    return answer;
  }

  private static Map<String, Object> tap(Map<String, Object> p, Consumer<Map<String, Object>> early) throws Failure {
    Target t = Target.of(p);
    Found f = t.find(Windows.top());
    if (f == null) return missing(t, p);
    Map<String, Object> answer = Json.of("found", true, "what", f.what());
    early.accept(answer);
    f = f.scrolledTo();
    touch(f.window(), f.x(), f.y());
    return answer;
  }

  /** Real touch events, so that whatever lies above the view or intercepts its touches does so here as well. */
  private static void touch(View window, float x, float y) {
    long now = SystemClock.uptimeMillis();
    for (int action : new int[] {MotionEvent.ACTION_DOWN, MotionEvent.ACTION_UP}) {
      MotionEvent e = MotionEvent.obtain(now, now, action, x, y, 0);
      e.setSource(android.view.InputDevice.SOURCE_TOUCHSCREEN);
      window.dispatchTouchEvent(e);
      e.recycle();
      ShadowLooper.shadowMainLooper().idle();
    }
  }

  private static Map<String, Object> text(Map<String, Object> p, Consumer<Map<String, Object>> early) throws Failure {
    String value = Parameters.text(p, "value");
    List<View> windows = Windows.top();
    Target t = Target.of(p);
    Found found = t.empty() ? null : t.find(windows);
    EditText field = t.empty() ? Windows.field(windows) : found != null && found.view() instanceof EditText e ? e : null;
    if (field == null) return missing(t, p);
    early.accept(Json.of("found", true, "what", Found.describe(field)));
    field.requestFocus();
    field.setText(value);
    field.setSelection(field.length());
    return Json.of("found", true, "what", Found.describe(field));
  }

  private static Map<String, Object> key(String key, Consumer<Map<String, Object>> early) throws Failure {
    int code = switch (key) {
      case "back" -> KeyEvent.KEYCODE_BACK;
      case "enter" -> KeyEvent.KEYCODE_ENTER;
      case "camera" -> KeyEvent.KEYCODE_CAMERA;
      case "home" -> KeyEvent.KEYCODE_HOME;
      default -> throw new Failure("bad_request", "`key` is `" + key + "`, expected `back`, `enter`, `home` or `camera`");
    };
    if (code == KeyEvent.KEYCODE_HOME) {
      Activities.pressHome();
      return Json.of("found", true, "what", "key home");
    }
    early.accept(Json.of("found", true, "what", "key " + key));
    List<View> windows = Windows.top();
    if (windows.isEmpty()) return Json.of("found", false, "what", null);
    View window = windows.get(0);
    long now = SystemClock.uptimeMillis();
    for (int action : new int[] {KeyEvent.ACTION_DOWN, KeyEvent.ACTION_UP}) {
      window.dispatchKeyEvent(new KeyEvent(now, now, action, code, 0));
      ShadowLooper.shadowMainLooper().idle();
    }
    return Json.of("found", true, "what", "key " + key);
  }

  private static Map<String, Object> missing(Target t, Map<String, Object> p) throws Failure {
    if (Parameters.flag(p, "optional", false)) return Json.of("found", false);
    List<String> seen = Windows.texts(Windows.top());
    throw new Failure("not_found", "nothing on the screen matches " + t + "; seen: " + seen);
  }
}
