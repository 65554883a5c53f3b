package stakeout.ui;

import android.graphics.Rect;
import android.view.View;
import android.widget.TextView;
import stakeout.app.Frames;

/** A place on the screen: the window, the view there (null for a bare point), and where in the window to touch. */
record Found(View window, View view, float x, float y) {
  static Found of(View window, View v) {
    int[] at = new int[2];
    v.getLocationInWindow(at);
    return new Found(window, v, at[0] + v.getWidth() / 2f, at[1] + v.getHeight() / 2f);
  }

  /** A view in a scrolled list is brought to where it can be touched. */
  Found scrolledTo() {
    if (view == null || view.getGlobalVisibleRect(new Rect())) return this;
    view.requestRectangleOnScreen(new Rect(0, 0, view.getWidth(), view.getHeight()), true);
    Frames.drawNow();
    return of(window, view);
  }

  String what() {
    return view == null ? "point " + (int) x + "," + (int) y : describe(view);
  }

  static String describe(View v) {
    Class<?> c = v.getClass();
    String kind = c.getSimpleName().isEmpty() ? c.getName() : c.getSimpleName();
    CharSequence text = v instanceof TextView t && t.length() > 0 && !Logins.hides(v) ? t.getText() : v.getContentDescription();
    String id = Target.name(v);
    return kind + (text != null ? " '" + text + "'" : id != null ? " #" + id : "");
  }
}
