package stakeout.tap;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.Map;
import stakeout.host.Events;
import stakeout.host.Trial;

/** The `file` facts: what the app wrote, renamed and deleted, with a copy of what would else be gone. */
final class FileFacts {
  private FileFacts() {}

  private static final int MOST = 20_000;
  /** Length at the last `written`, by path: what lies on disk and is not here was written by native code. */
  private static final Map<Path, Long> WRITTEN = new HashMap<>();
  private static int told, untold;

  private static String name(Path p) {
    Path full = p.toAbsolutePath().normalize(), root = Trial.dataDir;
    return root != null && full.startsWith(root) ? root.relativize(full).toString() : full.toString();
  }

  private static void fact(Path p, String change, long bytes, String to) {
    synchronized (WRITTEN) {
      if (told >= MOST) {
        untold++;
        return;
      }
      told++;
    }
    Events.fact("file", "path", name(p), "change", change, "bytes", bytes, "to", to);
  }

  /** A file is about to be opened for writing from its start. */
  static void opening(Path p) {
    replacing(p);
  }

  /** A file's bytes are about to be replaced: they are kept if the app wrote them in this trial. */
  static void replacing(Path p) {
    boolean ours;
    synchronized (WRITTEN) {
      Long n = WRITTEN.get(p.toAbsolutePath().normalize());
      ours = n != null && n != 0;
    }
    if (!ours || !Files.isRegularFile(p)) return;
    long bytes = p.toFile().length();
    fact(p, "replaced", bytes, Artifacts.keep(p, "deleted", false));
  }

  /** A file is about to be written by a channel, of whose end nobody tells: it is told when the trial ends, by what lies there then. */
  static void channel(Path p) {
    replacing(p);
    synchronized (WRITTEN) {
      WRITTEN.put(p.toAbsolutePath().normalize(), -1L);
    }
  }

  static void written(Path p) {
    long bytes;
    try {
      bytes = Files.size(p);
    } catch (IOException e) {
      return; // deleted while open: the deletion was told
    }
    synchronized (WRITTEN) {
      WRITTEN.put(p.toAbsolutePath().normalize(), bytes);
    }
    fact(p, "written", bytes, null);
  }

  /** @return null when there is nothing to keep, else the artifact's name, empty when it could not be kept */
  static String deleting(Path p) {
    if (!Files.isRegularFile(p, java.nio.file.LinkOption.NOFOLLOW_LINKS)) return null;
    String kept = Artifacts.keep(p, "deleted", true);
    return kept == null ? "" : kept;
  }

  static void deleted(Path p, long bytes, String kept) {
    synchronized (WRITTEN) {
      WRITTEN.remove(p.toAbsolutePath().normalize());
    }
    fact(p, "deleted", bytes, kept.isEmpty() ? null : kept);
  }

  static void renamed(Path from, Path to) {
    Path f = from.toAbsolutePath().normalize(), t = to.toAbsolutePath().normalize();
    synchronized (WRITTEN) {
      Long n = WRITTEN.remove(f);
      if (n != null) WRITTEN.put(t, n);
    }
    fact(from, "renamed", to.toFile().length(), name(to));
  }

  /** Adds what native code (SQLite) wrote under the data folder, and what is still open; then the counts of what was not told. */
  static void finish() {
    Path root = Trial.dataDir;
    if (root != null && Files.isDirectory(root)) {
      try {
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
          @Override public FileVisitResult visitFile(Path p, BasicFileAttributes a) {
            Long known;
            synchronized (WRITTEN) {
              known = WRITTEN.get(p.toAbsolutePath().normalize());
            }
            if (a.isRegularFile() && (known == null || known != a.size())) fact(p, "written", a.size(), null);
            return FileVisitResult.CONTINUE;
          }
          @Override public FileVisitResult visitFileFailed(Path p, IOException e) { return FileVisitResult.CONTINUE; }
        });
      } catch (IOException e) {
        Events.fact("lost", "what", "list of files", "count", 1);
      }
    }
    synchronized (WRITTEN) {
      if (untold > 0) Events.fact("lost", "what", "file facts", "count", untold);
      untold = 0;
    }
  }
}
