package stakeout.tap;

import java.io.File;
import java.io.FileDescriptor;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;

/** Takes the place of RandomAccessFile: before the first write into what was there, what was there is kept. */
public class TapRandomAccessFile extends RandomAccessFile {
  private final String path;
  private final long before;
  private boolean kept, closed;

  public TapRandomAccessFile(File f, String mode) throws FileNotFoundException {
    super(checked(f, mode), mode);
    path = mode.contains("w") ? f.getPath() : null;
    before = path == null ? 0 : f.length();
  }

  private static File checked(File f, String mode) throws FileNotFoundException {
    Guard.path(f.getPath());
    if (mode.contains("w")) return f;
    String to = PhoneFiles.opened(f.getPath());
    return to.equals(f.getPath()) ? f : new File(to);
  }

  public TapRandomAccessFile(String f, String mode) throws FileNotFoundException { this(new File(f), mode); }

  /** Bytes from `from` on are about to change. What is only made longer loses nothing. */
  private synchronized void changing(long from) {
    if (path == null || kept || from >= before) return;
    kept = true;
    FileFacts.replacing(new File(path).toPath());
  }

  @Override public void write(int b) throws IOException {
    changing(getFilePointer());
    super.write(b);
  }

  @Override public void write(byte[] b) throws IOException {
    changing(getFilePointer());
    super.write(b);
  }

  @Override public void write(byte[] b, int off, int n) throws IOException {
    changing(getFilePointer());
    super.write(b, off, n);
  }

  @Override public void setLength(long n) throws IOException {
    changing(n);
    super.setLength(n);
  }

  // ---- what calls of final methods become (tap.txt)

  private static void touched(RandomAccessFile f, boolean anywhere) throws IOException {
    if (f instanceof TapRandomAccessFile t) t.changing(anywhere ? 0 : t.getFilePointer());
  }

  public static void writeBytes(RandomAccessFile f, String s) throws IOException {
    touched(f, false);
    f.writeBytes(s);
  }

  public static void writeChars(RandomAccessFile f, String s) throws IOException {
    touched(f, false);
    f.writeChars(s);
  }

  public static FileChannel getChannel(RandomAccessFile f) throws IOException {
    touched(f, true);
    return f.getChannel();
  }

  public static FileDescriptor getFD(RandomAccessFile f) throws IOException {
    touched(f, true);
    return f.getFD();
  }

  @Override public void close() throws IOException {
    super.close();
    if (!closed && path != null) Files.closed(path, "RandomAccessFile");
    closed = true;
  }
}
