package stakeout.tap;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileFilter;
import java.io.FilenameFilter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.stream.Stream;
import stakeout.host.Events;

/** What the app's questions about files become (tap.txt): where the phone has files of its own, the answer is the phone's. */
public final class Reads {
  private Reads() {}

  public static boolean exists(File f) {
    return switch (PhoneFiles.is(f.getPath())) {
      case APPS, UNKNOWN -> f.exists();
      case ABSENT -> false;
      default -> true;
    };
  }

  public static boolean isFile(File f) {
    return switch (PhoneFiles.is(f.getPath())) {
      case APPS, UNKNOWN -> f.isFile();
      case FILE, CLOSED -> true;
      default -> false;
    };
  }

  public static boolean isDirectory(File f) {
    return switch (PhoneFiles.is(f.getPath())) {
      case APPS, UNKNOWN -> f.isDirectory();
      case FOLDER -> true;
      default -> false;
    };
  }

  public static boolean canRead(File f) {
    return switch (PhoneFiles.is(f.getPath())) {
      case APPS, UNKNOWN -> f.canRead();
      case FILE, FOLDER -> true;
      default -> false;
    };
  }

  public static boolean canExecute(File f) {
    return switch (PhoneFiles.is(f.getPath())) {
      case APPS, UNKNOWN -> f.canExecute();
      case FILE -> f.getPath().contains("/bin/");
      case FOLDER -> true;
      default -> false;
    };
  }

  public static boolean canWrite(File f) {
    return PhoneFiles.is(f.getPath()) == PhoneFiles.Is.APPS && f.canWrite();
  }

  public static long length(File f) {
    return switch (PhoneFiles.is(f.getPath())) {
      case APPS, UNKNOWN -> f.length();
      case FILE -> {
        try {
          yield f.getPath().startsWith("/proc/") ? 0 : new File(PhoneFiles.opened(f.getPath())).length();
        } catch (IOException e) {
          yield 0;
        }
      }
      default -> 0;
    };
  }

  public static String[] list(File f) {
    return switch (PhoneFiles.is(f.getPath())) {
      case APPS, UNKNOWN -> f.list();
      case FOLDER -> PhoneFiles.names(f.getPath());
      default -> null;
    };
  }

  public static String[] list(File f, FilenameFilter by) {
    String[] all = list(f);
    if (all == null || by == null) return all;
    List<String> l = new ArrayList<>();
    for (String s : all) if (by.accept(f, s)) l.add(s);
    return l.toArray(new String[0]);
  }

  private static File[] files(File f, String[] names) {
    if (names == null) return null;
    File[] all = new File[names.length];
    for (int i = 0; i < all.length; i++) all[i] = new File(f, names[i]);
    return all;
  }

  public static File[] listFiles(File f) {
    return files(f, list(f));
  }

  public static File[] listFiles(File f, FilenameFilter by) {
    return files(f, list(f, by));
  }

  public static File[] listFiles(File f, FileFilter by) {
    File[] all = listFiles(f);
    if (all == null || by == null) return all;
    List<File> l = new ArrayList<>();
    for (File x : all) if (by.accept(x)) l.add(x);
    return l.toArray(new File[0]);
  }

  public static boolean exists(Path p, LinkOption... o) {
    return PhoneFiles.is(p.toString()) == PhoneFiles.Is.APPS ? Files.exists(p, o) : exists(p.toFile());
  }

  public static boolean notExists(Path p, LinkOption... o) {
    return PhoneFiles.is(p.toString()) == PhoneFiles.Is.APPS ? Files.notExists(p, o) : !exists(p.toFile());
  }

  public static boolean isRegularFile(Path p, LinkOption... o) {
    return PhoneFiles.is(p.toString()) == PhoneFiles.Is.APPS ? Files.isRegularFile(p, o) : isFile(p.toFile());
  }

  public static boolean isDirectory(Path p, LinkOption... o) {
    return PhoneFiles.is(p.toString()) == PhoneFiles.Is.APPS ? Files.isDirectory(p, o) : isDirectory(p.toFile());
  }

  public static boolean isReadable(Path p) {
    return PhoneFiles.is(p.toString()) == PhoneFiles.Is.APPS ? Files.isReadable(p) : canRead(p.toFile());
  }

  private static Path opened(Path p) throws IOException {
    Guard.path(p.toString());
    if (PhoneFiles.is(p.toString()) == PhoneFiles.Is.ABSENT) throw new NoSuchFileException(p.toString());
    String to = PhoneFiles.opened(p.toString());
    return to.equals(p.toString()) ? p : Path.of(to);
  }

  /** For a channel: what it may write over is kept before. */
  private static Path opened(Path p, Collection<? extends OpenOption> o) throws IOException {
    if (!o.contains(StandardOpenOption.WRITE) && !o.contains(StandardOpenOption.APPEND)) return o.contains(StandardOpenOption.DELETE_ON_CLOSE) ? guarded(p) : opened(p);
    guarded(p);
    FileFacts.channel(p);
    if (o.contains(StandardOpenOption.DELETE_ON_CLOSE)) Events.fact("lost", "what", "a file that goes when it is closed", "count", 1);
    return p;
  }

  private static Path opened(Path p, OpenOption[] o) throws IOException {
    return opened(p, List.of(o));
  }

  private static Path guarded(Path p) throws IOException {
    Guard.path(p.toString());
    return p;
  }

  public static byte[] readAllBytes(Path p) throws IOException { return Files.readAllBytes(opened(p)); }
  public static String readString(Path p) throws IOException { return Files.readString(opened(p)); }
  public static List<String> readAllLines(Path p) throws IOException { return Files.readAllLines(opened(p)); }
  public static List<String> readAllLines(Path p, Charset c) throws IOException { return Files.readAllLines(opened(p), c); }
  public static Stream<String> lines(Path p) throws IOException { return Files.lines(opened(p)); }
  public static Stream<String> lines(Path p, Charset c) throws IOException { return Files.lines(opened(p), c); }
  public static InputStream newInputStream(Path p, OpenOption... o) throws IOException { return Files.newInputStream(opened(p, o), o); }
  public static BufferedReader newBufferedReader(Path p) throws IOException { return Files.newBufferedReader(opened(p), StandardCharsets.UTF_8); }
  public static BufferedReader newBufferedReader(Path p, Charset c) throws IOException { return Files.newBufferedReader(opened(p), c); }
  public static SeekableByteChannel newByteChannel(Path p, OpenOption... o) throws IOException { return Files.newByteChannel(opened(p, o), o); }
  public static SeekableByteChannel newByteChannel(Path p, Set<? extends OpenOption> o, FileAttribute<?>... a) throws IOException { return Files.newByteChannel(opened(p, o), o, a); }
  public static FileChannel open(Path p, Set<? extends OpenOption> o, FileAttribute<?>... a) throws IOException { return FileChannel.open(opened(p, o), o, a); }
  public static AsynchronousFileChannel openAsynchronous(Path p, OpenOption... o) throws IOException { return AsynchronousFileChannel.open(opened(p, o), o); }

  public static AsynchronousFileChannel openAsynchronous(Path p, Set<? extends OpenOption> o, ExecutorService by, FileAttribute<?>... a) throws IOException {
    return AsynchronousFileChannel.open(opened(p, o), o, by, a);
  }

  public static FileChannel open(Path p, OpenOption... o) throws IOException { return FileChannel.open(opened(p, o), o); }
}
