package stakeout.time;

import android.os.Looper;
import android.os.Message;
import android.os.MessageQueue;
import java.lang.reflect.Field;
import org.robolectric.shadows.ShadowLooper;

/** The messages of all loopers. Robolectric's own getNextScheduledTaskTime stops the looper's thread for it, so they are read here. */
final class Loopers {
  private Loopers() {}

  private static final Field HEAD = field(MessageQueue.class, "mMessages");
  private static final Field NEXT = field(Message.class, "next");
  private static final Field WHEN = field(Message.class, "when");
  private static final Field TARGET = field(Message.class, "target");

  private static Field field(Class<?> c, String name) {
    try {
      Field f = c.getDeclaredField(name);
      f.setAccessible(true);
      return f;
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException(e);
    }
  }

  /** When the earliest message is due, Long.MAX_VALUE for none. */
  static long nextMessage() {
    long first = Long.MAX_VALUE;
    for (Looper l : ShadowLooper.getAllLoopers()) {
      if (!l.getThread().isAlive()) continue;
      MessageQueue q = l.getQueue();
      synchronized (q) {
        try {
          Message m = (Message) HEAD.get(q);
          if (m != null && TARGET.get(m) == null) { // a barrier: only asynchronous messages pass
            do m = (Message) NEXT.get(m); while (m != null && !m.isAsynchronous());
          }
          if (m != null) first = Math.min(first, WHEN.getLong(m));
        } catch (IllegalAccessException e) {
          throw new IllegalStateException(e);
        }
      }
    }
    return first;
  }
}
