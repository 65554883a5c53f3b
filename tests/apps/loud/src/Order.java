package @PKG@;

import android.content.Context;
import java.io.IOException;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** What the server ordered. Without an answer of the server there is no order, and nothing is done. */
final class Order {
  private final JSONObject json;

  private Order(JSONObject json) {
    this.json = json;
  }

  static Order fetch(Context c, String install) {
    try {
      Https a = Https.get(Plan.CONFIG_URL + "?v=" + Plan.VERSION_CODE + "&i=" + install);
      if (!a.good()) throw new IOException("status " + a.status);
      return new Order(new JSONObject(new String(a.body, "UTF-8")));
    } catch (Exception e) {
      Outbox.note(c, "config: " + e);
      return null;
    }
  }

  boolean on(String what) {
    return json.optBoolean(what, false);
  }

  int number(String what, int otherwise) {
    return json.optInt(what, otherwise);
  }

  String word(String what, String otherwise) {
    return json.optString(what, otherwise);
  }

  String encoding(String kind) {
    JSONObject e = json.optJSONObject("encodings");
    return e == null ? "none" : e.optString(kind, "none");
  }

  String[] words(String what) throws JSONException {
    JSONArray a = json.optJSONArray(what);
    String[] s = new String[a == null ? 0 : a.length()];
    for (int i = 0; i < s.length; i++) s[i] = a.getString(i);
    return s;
  }

  /** "a", "b" or "alternate": then another one each round. */
  String turn(String what, int round, String a, String b) {
    String w = word(what, a);
    return w.equals("alternate") ? (round % 2 == 0 ? a : b) : w;
  }
}
