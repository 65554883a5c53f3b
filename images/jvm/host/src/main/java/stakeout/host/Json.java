package stakeout.host;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON as the pipe needs it: maps, lists, strings, longs, doubles, booleans, null. Written here because any library on the
 * class path could be reached, and patched, by the app's code. Depth and length are bounded by the caller's line limit.
 */
public final class Json {
  private static final int DEPTH = 64;
  private final String s;
  private int i;
  private int depth;

  private Json(String s) {
    this.s = s;
  }

  /** One object from one line. @throws IllegalArgumentException when it is no JSON object */
  @SuppressWarnings("unchecked")
  public static Map<String, Object> object(String line) {
    Json j = new Json(line);
    Object v = j.value();
    j.blanks();
    if (j.i != line.length() || !(v instanceof Map)) throw new IllegalArgumentException("not one JSON object");
    return (Map<String, Object>) v;
  }

  /** A map of the given names and values, in this order. */
  public static Map<String, Object> of(Object... pairs) {
    Map<String, Object> m = new LinkedHashMap<>();
    for (int k = 0; k + 1 < pairs.length; k += 2) m.put((String) pairs[k], pairs[k + 1]);
    return m;
  }

  private void blanks() {
    while (i < s.length() && " \t\r\n".indexOf(s.charAt(i)) >= 0) i++;
  }

  private char next() {
    blanks();
    if (i >= s.length()) throw new IllegalArgumentException("unexpected end");
    return s.charAt(i);
  }

  private void expect(char c) {
    if (next() != c) throw new IllegalArgumentException("expected `" + c + "` at " + i);
    i++;
  }

  private Object value() {
    char c = next();
    switch (c) {
      case '{': return map();
      case '[': return list();
      case '"': return string();
      case 't': return word("true", true);
      case 'f': return word("false", false);
      case 'n': return word("null", null);
      default: return number();
    }
  }

  private Object word(String w, Object v) {
    if (!s.startsWith(w, i)) throw new IllegalArgumentException("unknown word at " + i);
    i += w.length();
    return v;
  }

  private Object number() {
    int from = i;
    while (i < s.length() && "+-.eE0123456789".indexOf(s.charAt(i)) >= 0) i++;
    String n = s.substring(from, i);
    try {
      if (n.matches("-?\\d+")) return n.length() > 18 ? new java.math.BigInteger(n).longValue() : Long.parseLong(n);
      return Double.parseDouble(n);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("no number at " + from);
    }
  }

  private Map<String, Object> map() {
    Map<String, Object> m = new LinkedHashMap<>();
    expect('{');
    deeper();
    if (next() != '}') {
      do {
        if (next() != '"') throw new IllegalArgumentException("expected a name at " + i);
        String name = string();
        expect(':');
        m.put(name, value());
      } while (comma());
    }
    expect('}');
    depth--;
    return m;
  }

  private List<Object> list() {
    List<Object> l = new ArrayList<>();
    expect('[');
    deeper();
    if (next() != ']') {
      do l.add(value()); while (comma());
    }
    expect(']');
    depth--;
    return l;
  }

  private void deeper() {
    if (++depth > DEPTH) throw new IllegalArgumentException("nested deeper than " + DEPTH);
  }

  private boolean comma() {
    if (next() != ',') return false;
    i++;
    return true;
  }

  private String string() {
    StringBuilder b = new StringBuilder();
    for (i++; ; i++) {
      if (i >= s.length()) throw new IllegalArgumentException("open string");
      char c = s.charAt(i);
      if (c == '"') break;
      if (c != '\\') {
        b.append(c);
        continue;
      }
      if (++i >= s.length()) throw new IllegalArgumentException("open string");
      char e = s.charAt(i);
      int k = "\"\\/bfnrt".indexOf(e);
      if (k >= 0) b.append("\"\\/\b\f\n\r\t".charAt(k));
      else if (e == 'u' && i + 4 < s.length()) {
        b.append((char) Integer.parseInt(s.substring(i + 1, i + 5), 16));
        i += 4;
      } else throw new IllegalArgumentException("unknown escape at " + i);
    }
    i++;
    return b.toString();
  }

  /** One line of ASCII: what is not is escaped, so that no app's text can break a line or an encoding. */
  public static String text(Object v) {
    StringBuilder b = new StringBuilder();
    write(b, v);
    return b.toString();
  }

  private static void write(StringBuilder b, Object v) {
    if (v instanceof Map<?, ?> m) {
      String sep = "{";
      if (m.isEmpty()) b.append(sep);
      for (Map.Entry<?, ?> e : m.entrySet()) {
        b.append(sep);
        quote(b, String.valueOf(e.getKey()));
        b.append(':');
        write(b, e.getValue());
        sep = ",";
      }
      b.append('}');
    } else if (v instanceof Iterable<?> l) {
      b.append('[');
      String sep = "";
      for (Object x : l) {
        b.append(sep);
        write(b, x);
        sep = ",";
      }
      b.append(']');
    } else if (v instanceof Object[] a) {
      write(b, java.util.Arrays.asList(a));
    } else if (v == null || v instanceof Number || v instanceof Boolean) {
      boolean finite = !(v instanceof Double d) || Double.isFinite(d);
      b.append(finite ? String.valueOf(v) : "null");
    } else {
      quote(b, String.valueOf(v));
    }
  }

  private static void quote(StringBuilder b, String s) {
    b.append('"');
    for (int k = 0; k < s.length(); k++) {
      char c = s.charAt(k);
      if (c == '"' || c == '\\') b.append('\\').append(c);
      else if (c < 32 || c > 126) b.append(String.format("\\u%04x", (int) c));
      else b.append(c);
    }
    b.append('"');
  }
}
