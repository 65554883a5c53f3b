package stakeout.convert;

import java.util.List;
import java.util.Map;

/**
 * What a conversion did.
 *
 * @param redirected call sites that each rule changed, by target
 * @param unconverted classes that keep their first translation and may fail to verify when they are loaded
 * @param failed methods that have no translation and throw when they are called
 */
record Report(int dexFiles, int classes, long bytes, Map<String, Integer> redirected, List<String> unconverted, List<String> failed, long millis) {
  private static final int NAMED = 50;

  String json() {
    StringBuilder b = new StringBuilder("{\"ok\":{");
    b.append("\"dex_files\":").append(dexFiles).append(",\"classes\":").append(classes).append(",\"bytes\":").append(bytes).append(",\"millis\":").append(millis);
    b.append(",\"redirected\":{");
    String sep = "";
    for (Map.Entry<String, Integer> e : redirected.entrySet()) {
      b.append(sep).append(quoted(e.getKey())).append(':').append(e.getValue());
      sep = ",";
    }
    b.append("},\"unconverted_count\":").append(unconverted.size()).append(",\"unconverted\":");
    list(b, unconverted);
    b.append(",\"failed_methods_count\":").append(failed.size()).append(",\"failed_methods\":");
    list(b, failed);
    return b.append("}}").toString();
  }

  static String error(String code, String message) {
    return "{\"error\":{\"code\":" + quoted(code) + ",\"message\":" + quoted(message) + "}}";
  }

  private static void list(StringBuilder b, List<String> names) {
    b.append('[');
    for (int i = 0; i < Math.min(NAMED, names.size()); i++) b.append(i == 0 ? "" : ",").append(quoted(names.get(i)));
    b.append(']');
  }

  /** ASCII only: names in a hostile dex may hold anything. */
  private static String quoted(String s) {
    StringBuilder b = new StringBuilder("\"");
    for (char c : s.substring(0, Math.min(s.length(), 500)).toCharArray()) {
      if (c == '"' || c == '\\') b.append('\\').append(c);
      else if (c < 32 || c > 126) b.append(String.format("\\u%04x", (int) c));
      else b.append(c);
    }
    return b.append('"').toString();
  }
}
