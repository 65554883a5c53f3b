package stakeout.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Checked access to the fields of a request; all throw `bad_request` with the field's name. */
public final class Parameters {
  private Parameters() {}

  public static String text(Map<String, Object> m, String name, String otherwise) throws Failure {
    Object v = m.get(name);
    if (v == null) return otherwise;
    if (v instanceof String s) return s;
    throw new Failure("bad_request", "`" + name + "` is not a string");
  }

  public static String text(Map<String, Object> m, String name) throws Failure {
    String s = text(m, name, null);
    if (s == null) throw new Failure("bad_request", "`" + name + "` is missing");
    return s;
  }

  public static long number(Map<String, Object> m, String name, long otherwise) throws Failure {
    Object v = m.get(name);
    if (v == null) return otherwise;
    if (v instanceof Number n) return n.longValue();
    throw new Failure("bad_request", "`" + name + "` is not a number");
  }

  public static boolean flag(Map<String, Object> m, String name, boolean otherwise) throws Failure {
    Object v = m.get(name);
    if (v == null) return otherwise;
    if (v instanceof Boolean b) return b;
    throw new Failure("bad_request", "`" + name + "` is not true or false");
  }

  public static List<String> texts(Map<String, Object> m, String name) throws Failure {
    Object v = m.get(name);
    List<String> out = new ArrayList<>();
    if (v == null) return out;
    if (!(v instanceof List<?> l)) throw new Failure("bad_request", "`" + name + "` is not a list");
    for (Object o : l) out.add(String.valueOf(o));
    return out;
  }
}
