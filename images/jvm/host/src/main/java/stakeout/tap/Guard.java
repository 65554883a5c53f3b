package stakeout.tap;

import java.io.FileDescriptor;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import stakeout.host.Events;

/** Paths that lead out of the app's world into the process that hosts it: refused, and told once each. */
final class Guard {
  private Guard() {}

  private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();
  private static final int MOST_TOLD = 200, MOST_LINKS = 40;

  static void tell(String what) {
    if (TOLD.size() < MOST_TOLD && TOLD.add(what)) Events.fact("escape", "what", what);
  }

  /** @throws FileNotFoundException for descriptors and memory of this process: the pipes to the device are among them */
  static void path(String path) throws FileNotFoundException {
    if (path == null || !leadsOut(path)) return;
    tell(path);
    throw new FileNotFoundException(path + ": open failed: EACCES (Permission denied)");
  }

  static boolean leadsOut(String path) {
    try {
      Path p = Path.of(path).toAbsolutePath();
      if (isOut(p.normalize().toString())) return true;
      for (int i = 0; i < MOST_LINKS; i++) { // links are followed one by one: a descriptor is a link whose target is no path
        Path parent = p.getParent();
        if (parent == null || !Files.isDirectory(parent)) return false;
        p = parent.toRealPath().resolve(p.getFileName()).normalize();
        if (isOut(p.toString())) return true;
        if (!Files.isSymbolicLink(p)) return false;
        p = p.resolveSibling(Files.readSymbolicLink(p));
      }
      return true;
    } catch (InvalidPathException | IOException e) {
      return false; // no such file can be: the JDK's own exception follows
    }
  }

  /** A stream on one of the first five descriptors is the host's pipe; on Android these are open to nothing. */
  static FileDescriptor descriptor(FileDescriptor fd) {
    if (fd != FileDescriptor.in && fd != FileDescriptor.out && fd != FileDescriptor.err && !(number(fd) >= 0 && number(fd) < 5)) return fd;
    tell("a stream on descriptor " + number(fd));
    return new FileDescriptor();
  }

  private static int number(FileDescriptor fd) {
    if (fd == null) return -1;
    try {
      Field f = FileDescriptor.class.getDeclaredField("fd"); // --add-opens java.base/java.io
      f.setAccessible(true);
      return f.getInt(fd);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean isOut(String p) {
    if (p.startsWith("/dev/fd") || p.startsWith("/dev/std")) return true;
    if (!p.startsWith("/proc/")) return false;
    return p.contains("/fd") || p.endsWith("/mem") || p.endsWith("/maps") || p.endsWith("/environ") || p.contains("/root") || p.contains("/task/");
  }
}
