package app.probe;

import android.content.Context;
import java.io.File;
import java.io.FileWriter;
import java.io.PrintWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;

/** Runs one named step and logs what it says, or what it throws. */
final class Step {
  static void run(final Context c, String name) {
    String said;
    try {
      Class<?> room = Class.forName("app.probe." + name.substring(0, name.indexOf('.')));
      Method m = room.getDeclaredMethod(name.substring(name.indexOf('.') + 1), Context.class);
      m.setAccessible(true);
      said = String.valueOf(m.invoke(null, c));
    } catch (InvocationTargetException e) {
      said = "threw " + e.getCause();
    } catch (Exception e) {
      said = "failed " + e;
    }
    log(c, name, said);
  }

  static synchronized void log(Context c, String name, String said) {
    try {
      PrintWriter w = new PrintWriter(new FileWriter(new File(c.getFilesDir(), "log.txt"), true));
      w.println(name + " | " + said.replace('\n', ' '));
      w.close();
    } catch (Exception e) {
      throw new RuntimeException(e);
    }
  }

  /** The first bytes, and how many: enough to know a feed's bytes again. */
  static String head(byte[] b, int from) {
    if (b == null) return "null";
    StringBuilder s = new StringBuilder().append(b.length).append(" bytes ");
    for (int i = from; i < Math.min(b.length, from + 8); i++) s.append(String.format("%02x", b[i]));
    return s.toString();
  }
}
