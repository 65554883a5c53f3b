package stakeout.tap;

import java.io.BufferedWriter;
import java.io.File;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.CopyOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.Arrays;
import stakeout.app.Installed;
import stakeout.host.Events;

/** What the app's calls on files become (rules.txt): the call itself, told and kept by {@link FileFacts}. */
public final class Files {
  private Files() {}

  /** Where deleted and overwritten files are kept. */
  public static void keepIn(Path dir) throws IOException {
    java.nio.file.Files.createDirectories(dir);
  }

  /** Before a file is opened for writing. */
  public static void opening(String path, String by) throws IOException {
    Guard.path(path);
    FileFacts.opening(new File(path).toPath());
  }

  /** After a file that was written is closed. */
  public static void closed(String path, String by) {
    FileFacts.written(new File(path).toPath());
  }

  public static boolean delete(File f) {
    if (f.getPath().indexOf('\0') >= 0) return f.delete(); // no path at all, which File takes and Path does not
    String kept = FileFacts.deleting(f.toPath());
    long bytes = f.length();
    boolean ok = f.delete();
    if (ok && kept != null) FileFacts.deleted(f.toPath(), bytes, kept);
    return ok;
  }

  public static void delete(Path p) throws IOException {
    String kept = FileFacts.deleting(p);
    long bytes = p.toFile().length();
    java.nio.file.Files.delete(p);
    if (kept != null) FileFacts.deleted(p, bytes, kept);
  }

  public static boolean deleteIfExists(Path p) throws IOException {
    if (!java.nio.file.Files.exists(p)) return false;
    delete(p);
    return true;
  }

  public static boolean renameTo(File from, File to) {
    if ((from.getPath() + to.getPath()).indexOf('\0') >= 0) return from.renameTo(to);
    FileFacts.replacing(to.toPath());
    boolean ok = from.renameTo(to);
    if (ok) FileFacts.renamed(from.toPath(), to.toPath());
    return ok;
  }

  public static Path move(Path from, Path to, CopyOption... o) throws IOException {
    if (Arrays.asList(o).contains(StandardCopyOption.REPLACE_EXISTING)) FileFacts.replacing(to);
    java.nio.file.Files.move(from, to, o);
    FileFacts.renamed(from, to);
    return to;
  }

  private static void opening(Path p, OpenOption... o) throws IOException {
    Guard.path(p.toString());
    if (!Arrays.asList(o).contains(StandardOpenOption.APPEND)) FileFacts.opening(p);
  }

  public static Path write(Path p, byte[] b, OpenOption... o) throws IOException {
    opening(p, o);
    java.nio.file.Files.write(p, b, o);
    FileFacts.written(p);
    return p;
  }

  public static Path write(Path p, Iterable<? extends CharSequence> lines, OpenOption... o) throws IOException {
    opening(p, o);
    java.nio.file.Files.write(p, lines, o);
    FileFacts.written(p);
    return p;
  }

  public static Path writeString(Path p, CharSequence s, OpenOption... o) throws IOException {
    return write(p, s.toString().getBytes(StandardCharsets.UTF_8), o);
  }

  /** A Formatter that opens a file by itself: its class is final, so what it writes over cannot be kept. */
  public static void formatter() {
    Events.fact("lost", "what", "what a java.util.Formatter wrote over", "count", 1);
  }

  // The JDK remembers the folder of the host; Android's is the app's cache.

  public static File createTempFile(String prefix, String suffix) throws IOException {
    return createTempFile(prefix, suffix, (File) null);
  }

  public static File createTempFile(String prefix, String suffix, File in) throws IOException {
    return File.createTempFile(prefix, suffix, in == null ? Installed.cache().toFile() : in);
  }

  public static Path createTempFile(String prefix, String suffix, FileAttribute<?>... a) throws IOException {
    return java.nio.file.Files.createTempFile(Installed.cache(), prefix, suffix, a);
  }

  public static Path createTempDirectory(String prefix, FileAttribute<?>... a) throws IOException {
    return java.nio.file.Files.createTempDirectory(Installed.cache(), prefix, a);
  }

  public static BufferedWriter newBufferedWriter(Path p, OpenOption... o) throws IOException {
    return newBufferedWriter(p, StandardCharsets.UTF_8, o);
  }

  public static BufferedWriter newBufferedWriter(Path p, Charset c, OpenOption... o) throws IOException {
    return new BufferedWriter(new OutputStreamWriter(newOutputStream(p, o), c));
  }

  public static long copy(InputStream in, Path p, CopyOption... o) throws IOException {
    FileFacts.replacing(p);
    long n = java.nio.file.Files.copy(in, p, o);
    FileFacts.written(p);
    return n;
  }

  public static Path copy(Path from, Path to, CopyOption... o) throws IOException {
    FileFacts.replacing(to);
    java.nio.file.Files.copy(from, to, o);
    FileFacts.written(to);
    return to;
  }

  public static OutputStream newOutputStream(Path p, OpenOption... o) throws IOException {
    opening(p, o);
    OutputStream out = java.nio.file.Files.newOutputStream(p, o);
    return new FilterOutputStream(out) {
      private boolean closed;
      @Override public void write(byte[] b, int off, int n) throws IOException { out.write(b, off, n); }
      @Override public void close() throws IOException {
        out.close();
        if (!closed) FileFacts.written(p);
        closed = true;
      }
    };
  }
}
