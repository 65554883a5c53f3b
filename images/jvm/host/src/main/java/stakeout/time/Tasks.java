package stakeout.time;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * The threads as Linux sees them. A thread that was just notified looks parked to Java until it gets a processor, which on a
 * busy machine takes milliseconds; to Linux it is runnable from the moment of the notification on.
 */
final class Tasks {
  private Tasks() {}

  /** Linux keeps 15 bytes of a thread's name. */
  private static final int NAME = 15;
  /** The JVM's own, which work at any time, and ours that wait for nothing but wake nobody. */
  private static final Set<String> OTHERS = Set.of("VM Thread", "VM Periodic Tas", "C1 CompilerThre", "C2 CompilerThre", "Sweeper thread", "Service Thread",
      "Monitor Deflati", "Signal Dispatch", "Reference Handl", "Finalizer", "Common-Cleaner", "Notification Th", "stakeout-clock", "stakeout-events");
  private static final File FOLDER = new File("/proc/self/task");
  private static final Map<String, RandomAccessFile> OPEN = new HashMap<>();
  private static final byte[] LINE = new byte[256];

  static String shortName(String thread) {
    byte[] b = thread.getBytes(StandardCharsets.UTF_8);
    return new String(b, 0, Math.min(NAME, b.length), StandardCharsets.ISO_8859_1);
  }

  /**
   * Whether a thread is about to run. Called by the clock's thread only.
   * @param except short names of threads that are known to run for ever
   */
  static boolean runnable(Set<String> except) {
    String[] ids = FOLDER.list();
    if (ids == null) return false;
    if (OPEN.size() > 2 * ids.length) close();
    for (String id : ids) {
      String s = stat(id);
      int open = s.indexOf('('), end = s.lastIndexOf(')');
      if (open < 0 || end < 0 || end + 2 >= s.length() || s.charAt(end + 2) != 'R') continue;
      String name = s.substring(open + 1, end);
      if (!OTHERS.contains(name) && !except.contains(name)) return true;
    }
    return false;
  }

  /** Empty when the thread has ended. */
  private static String stat(String id) {
    RandomAccessFile f = OPEN.get(id);
    try {
      if (f == null) OPEN.put(id, f = new RandomAccessFile("/proc/self/task/" + id + "/stat", "r"));
      f.seek(0);
      int n = f.read(LINE);
      return n <= 0 ? "" : new String(LINE, 0, n, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      OPEN.remove(id);
      try {
        if (f != null) f.close();
      } catch (IOException again) {
        return "";
      }
      return "";
    }
  }

  private static void close() {
    for (RandomAccessFile f : OPEN.values()) {
      try {
        f.close();
      } catch (IOException e) {
        continue; // of a thread that is gone
      }
    }
    OPEN.clear();
  }
}
