package stakeout.ui;

import android.view.View;
import android.view.ViewGroup;
import android.widget.TextView;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import stakeout.host.Failure;
import stakeout.host.Parameters;

/**
 * What is to be found: a text (a regular expression for the whole text, hint or description, case ignored), the name of a
 * view's id, or a point in pixels of the display.
 */
record Target(Pattern text, String id, float[] point) {
  static Target of(Map<String, Object> p) throws Failure {
    String text = Parameters.text(p, "text", null), id = Parameters.text(p, "view_id", null);
    float[] point = null;
    if (p.get("point") instanceof List<?> l && l.size() == 2 && l.get(0) instanceof Number x && l.get(1) instanceof Number y) {
      point = new float[] {x.floatValue(), y.floatValue()};
    }
    try {
      return new Target(text == null ? null : Pattern.compile(text, Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE | Pattern.DOTALL), id, point);
    } catch (PatternSyntaxException e) {
      throw new Failure("bad_request", "`text` is no regular expression: " + e.getDescription());
    }
  }

  boolean empty() {
    return text == null && id == null && point == null;
  }

  /** In the first window that has it; null when none has. */
  Found find(List<View> windows) throws Failure {
    if (empty()) throw new Failure("bad_request", "`text`, `view_id` or `point` is needed");
    for (View w : windows) {
      if (point != null) return new Found(w, null, point[0], point[1]);
      View v = find(w);
      if (v != null) return Found.of(w, v);
    }
    return null;
  }

  /** Depth first, what is drawn last is on top and tried first. */
  private View find(View v) {
    if (v.getVisibility() != View.VISIBLE) return null;
    if (v instanceof ViewGroup g) {
      for (int i = g.getChildCount() - 1; i >= 0; i--) {
        View found = find(g.getChildAt(i));
        if (found != null) return found;
      }
    }
    return matches(v) ? v : null;
  }

  private boolean matches(View v) {
    if (id != null) return id.equals(name(v));
    if (is(v.getContentDescription())) return true;
    return v instanceof TextView t && (is(t.getText()) || t.length() == 0 && is(t.getHint()));
  }

  private boolean is(CharSequence s) {
    return s != null && s.length() > 0 && text.matcher(s.toString().trim()).matches();
  }

  /** The id's name without its package, or null. */
  static String name(View v) {
    if (v.getId() == View.NO_ID || v.getResources() == null) return null;
    try {
      return v.getResources().getResourceEntryName(v.getId());
    } catch (android.content.res.Resources.NotFoundException e) {
      return null;
    }
  }

  @Override public String toString() {
    return text != null ? "text `" + text + "`" : id != null ? "id `" + id + "`" : "a text field";
  }
}
