package stakeout.ui;

import android.app.Activity;
import android.text.InputType;
import android.text.method.PasswordTransformationMethod;
import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import stakeout.app.Activities;
import stakeout.host.Events;
import stakeout.host.Log;

/**
 * What stands between the user and the app when the user leaves: a field for a password, or a dialog that nobody answered. What
 * lies behind it is not reached, and a verdict must say so.
 */
public final class Logins {
  private Logins() {}

  private static final Set<String> TOLD = new HashSet<>();

  /** Tells `login_screen` and `dialog_open` once for each class of activities. Called on the main thread, while what the user sees stands still. */
  public static void look() {
    try {
      Activity a = Activities.topActivity();
      if (a == null) return;
      String name = a.getClass().getName();
      List<View> windows = Windows.top();
      if (windows.stream().anyMatch(Logins::password) && TOLD.add("login " + name)) Events.fact(List.of(), "login_screen", "activity", name);
      if (windows.isEmpty() || windows.get(0) == a.getWindow().getDecorView() || !TOLD.add("dialog " + name)) return;
      Events.fact(List.of(), "dialog_open", "activity", name, "texts", Windows.texts(windows.subList(0, 1)));
    } catch (RuntimeException e) { // a view of the app's own
      Log.event("login", "the screen is not readable: " + e);
    }
  }

  private static boolean password(View v) {
    if (v.getVisibility() != View.VISIBLE) return false;
    if (v instanceof EditText) return hides(v);
    if (!(v instanceof ViewGroup g)) return false;
    for (int i = 0; i < g.getChildCount(); i++) if (password(g.getChildAt(i))) return true;
    return false;
  }

  /** Whether what the user types there is hidden from who looks: then it is in no answer either. */
  static boolean hides(View v) {
    return v instanceof EditText e && (hides(e.getInputType()) || e.getTransformationMethod() instanceof PasswordTransformationMethod);
  }

  static boolean hides(int type) {
    int variation = type & InputType.TYPE_MASK_VARIATION;
    return switch (type & InputType.TYPE_MASK_CLASS) {
      case InputType.TYPE_CLASS_TEXT -> variation == InputType.TYPE_TEXT_VARIATION_PASSWORD || variation == InputType.TYPE_TEXT_VARIATION_VISIBLE_PASSWORD
          || variation == InputType.TYPE_TEXT_VARIATION_WEB_PASSWORD;
      case InputType.TYPE_CLASS_NUMBER -> variation == InputType.TYPE_NUMBER_VARIATION_PASSWORD;
      default -> false;
    };
  }
}
