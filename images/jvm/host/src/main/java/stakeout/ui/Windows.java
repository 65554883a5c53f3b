package stakeout.ui;

import android.view.View;
import android.view.ViewGroup;
import android.widget.EditText;
import android.widget.TextView;
import java.util.ArrayList;
import java.util.List;
import org.robolectric.util.ReflectionHelpers;
import stakeout.app.Activities;
import stakeout.app.Uid;

/** The windows of the app that the user sees: dialogs and menus before the activity below them. */
public final class Windows {
  private Windows() {}

  /** The roots of all windows, the topmost first; windows of activities that are not on top are left out. */
  public static List<View> top() {
    List<View> l = new ArrayList<>();
    if (!Uid.visible() || Activities.topActivity() == null) return l;
    View activity = Activities.topActivity().getWindow().getDecorView();
    Object global = ReflectionHelpers.callStaticMethod(ReflectionHelpers.loadClass(Windows.class.getClassLoader(), "android.view.WindowManagerGlobal"), "getInstance");
    List<View> all = ReflectionHelpers.getField(global, "mViews");
    int from = all.indexOf(activity);
    for (int i = all.size() - 1; i >= Math.max(0, from); i--) {
      View v = all.get(i);
      if (v.getVisibility() == View.VISIBLE && v.isShown()) l.add(v);
    }
    if (from < 0) l.add(activity);
    return l;
  }

  /** The text field that has the focus, or else the first one. */
  static EditText field(List<View> windows) {
    for (View w : windows) if (w.findFocus() instanceof EditText e) return e;
    for (View w : windows) {
      EditText e = field(w);
      if (e != null) return e;
    }
    return null;
  }

  private static EditText field(View v) {
    if (v.getVisibility() != View.VISIBLE) return null;
    if (v instanceof EditText e) return e;
    if (!(v instanceof ViewGroup g)) return null;
    for (int i = 0; i < g.getChildCount(); i++) {
      EditText e = field(g.getChildAt(i));
      if (e != null) return e;
    }
    return null;
  }

  /** What could have been meant, for messages: at most twenty texts. */
  static List<String> texts(List<View> windows) {
    List<String> l = new ArrayList<>();
    for (View w : windows) texts(w, l);
    return l;
  }

  private static void texts(View v, List<String> l) {
    if (v.getVisibility() != View.VISIBLE || l.size() >= 20) return;
    if (v instanceof TextView t && t.length() > 0 && !Logins.hides(v)) l.add(t.getText().toString());
    if (v instanceof ViewGroup g) for (int i = 0; i < g.getChildCount(); i++) texts(g.getChildAt(i), l);
  }
}
