package app.probe;

import android.content.Context;

/** Asks for more than there is, and goes on. */
final class Hog {
  static String survives(Context c) {
    try {
      return "got " + new byte[Integer.MAX_VALUE - 16].length;
    } catch (Throwable e) {
      return "caught " + e.getClass().getName();
    }
  }
}
