package stakeout.tap;

import stakeout.host.Log;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.CopyOption;
import java.nio.file.FileVisitResult;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.LinkedHashMap;
import java.util.Map;

/** Every file that the app wrote, with size and digest at each close; a copy is kept of what it deletes. */
public final class Files {
  private static final class Entry {
    int writes;
    long bytes;
    String sha = "", state = "open", by = "";
  }

  private static final Map<String, Entry> SEEN = new LinkedHashMap<>();
  private static Path kept;
  private static int copies;

  /** @param dir where copies of deleted files go; on the same file system they are hard links, so free */
  public static synchronized void keepIn(Path dir) throws IOException {
    java.nio.file.Files.createDirectories(dir);
    kept = dir;
  }

  private static Entry entry(String path) {
    return SEEN.computeIfAbsent(new File(path).getAbsolutePath(), k -> new Entry());
  }

  static synchronized void opened(String path, String by) {
    Entry e = entry(path);
    e.by = by;
    e.state = "open";
  }

  public static synchronized void closed(String path, String by) {
    Entry e = entry(path);
    e.by = by;
    e.writes++;
    e.state = "present";
    measure(e, new File(path).toPath());
  }

  private static void measure(Entry e, Path p) {
    try {
      byte[] b = java.nio.file.Files.readAllBytes(p);
      e.bytes = b.length;
      e.sha = hex(MessageDigest.getInstance("SHA-256").digest(b));
    } catch (IOException x) {
      e.state = "gone at close";
    } catch (NoSuchAlgorithmException x) {
      throw new IllegalStateException(x);
    }
  }

  static String hex(byte[] b) {
    return java.util.HexFormat.of().formatHex(b);
  }

  private static synchronized void deleting(Path p) {
    if (!java.nio.file.Files.isRegularFile(p)) return;
    Entry e = entry(p.toString());
    measure(e, p);
    e.state = "deleted";
    Log.event("file.delete", p.getFileName() + " " + e.bytes + " bytes");
    try {
      Path copy = kept.resolve(copies++ + "-" + p.getFileName());
      try {
        java.nio.file.Files.createLink(copy, p);
      } catch (IOException | UnsupportedOperationException x) {
        java.nio.file.Files.copy(p, copy);
      }
    } catch (IOException x) {
      Log.event("file.not_kept", String.valueOf(x));
    }
  }

  // ---- what the app's calls become (rules.txt)

  public static boolean delete(File f) {
    deleting(f.toPath());
    return f.delete();
  }

  public static void delete(Path p) throws IOException {
    deleting(p);
    java.nio.file.Files.delete(p);
  }

  public static boolean deleteIfExists(Path p) throws IOException {
    deleting(p);
    return java.nio.file.Files.deleteIfExists(p);
  }

  public static boolean renameTo(File from, File to) {
    boolean ok = from.renameTo(to);
    if (ok) renamed(from.getAbsolutePath(), to.getAbsolutePath());
    return ok;
  }

  private static synchronized void renamed(String from, String to) {
    Entry e = SEEN.remove(from);
    if (e != null) SEEN.put(to, e);
  }

  public static Path write(Path p, byte[] b, OpenOption... o) throws IOException {
    java.nio.file.Files.write(p, b, o);
    closed(p.toString(), "Files.write");
    return p;
  }

  public static BufferedWriter newBufferedWriter(Path p, OpenOption... o) throws IOException {
    return newBufferedWriter(p, StandardCharsets.UTF_8, o);
  }

  public static BufferedWriter newBufferedWriter(Path p, Charset c, OpenOption... o) throws IOException {
    return new BufferedWriter(new OutputStreamWriter(newOutputStream(p, o), c));
  }

  public static long copy(InputStream in, Path p, CopyOption... o) throws IOException {
    long n = java.nio.file.Files.copy(in, p, o);
    closed(p.toString(), "Files.copy");
    return n;
  }

  public static Path copy(Path from, Path to, CopyOption... o) throws IOException {
    java.nio.file.Files.copy(from, to, o);
    closed(to.toString(), "Files.copy");
    return to;
  }

  public static Path move(Path from, Path to, CopyOption... o) throws IOException {
    java.nio.file.Files.move(from, to, o);
    renamed(from.toString(), to.toString());
    return to;
  }

  public static OutputStream newOutputStream(Path p, OpenOption... o) throws IOException {
    OutputStream out = java.nio.file.Files.newOutputStream(p, o);
    opened(p.toString(), "Files.newOutputStream");
    return new java.io.FilterOutputStream(out) {
      @Override public void write(byte[] b, int off, int n) throws IOException { out.write(b, off, n); }
      @Override public void close() throws IOException {
        out.close();
        closed(p.toString(), "Files.newOutputStream");
      }
    };
  }

  /** The list, completed by what lies on disk and was written by native code (SQLite). */
  public static synchronized String report(Path... roots) throws IOException {
    for (Path root : roots) {
      if (!java.nio.file.Files.isDirectory(root)) continue;
      java.nio.file.Files.walkFileTree(root, new SimpleFileVisitor<>() {
        @Override public FileVisitResult visitFile(Path p, BasicFileAttributes a) {
          Entry e = SEEN.get(p.toAbsolutePath().toString());
          if (e == null) {
            e = entry(p.toString());
            e.by = "native code";
            e.state = "present";
          }
          if (e.state.equals("open") || e.writes == 0) measure(e, p);
          return FileVisitResult.CONTINUE;
        }
      });
    }
    StringBuilder s = new StringBuilder();
    SEEN.forEach((p, e) -> {
      String name = p;
      for (Path r : roots) name = name.replace(r + "/", r.getFileName() + "/");
      s.append(String.format("  %-58s %8d bytes, closed %d x, %-8s %s.. by %s%n", name, e.bytes, e.writes, e.state, e.sha.isEmpty() ? "" : e.sha.substring(0, 12), e.by));
    });
    return s.toString();
  }
}
