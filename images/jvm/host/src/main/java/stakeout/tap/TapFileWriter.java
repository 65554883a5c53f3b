package stakeout.tap;

import java.io.File;
import java.io.FileDescriptor;
import java.io.FileWriter;
import java.io.IOException;
import java.nio.charset.Charset;

/** Takes the place of FileWriter, which makes its own FileOutputStream inside the JDK. */
public class TapFileWriter extends FileWriter {
  private final String path;
  private boolean closed;

  public TapFileWriter(File f, boolean append) throws IOException {
    super(opening(f, append), append);
    path = f.getPath();
  }

  private static File opening(File f, boolean append) throws IOException {
    Guard.path(f.getPath());
    if (!append && f.getPath().indexOf('\0') < 0) FileFacts.opening(f.toPath());
    return f;
  }

  public TapFileWriter(File f) throws IOException { this(f, false); }
  public TapFileWriter(String f) throws IOException { this(new File(f), false); }
  public TapFileWriter(String f, boolean append) throws IOException { this(new File(f), append); }
  public TapFileWriter(File f, Charset c, boolean append) throws IOException {
    super(opening(f, append), c, append);
    path = f.getPath();
  }

  public TapFileWriter(File f, Charset c) throws IOException { this(f, c, false); }
  public TapFileWriter(String f, Charset c) throws IOException { this(new File(f), c, false); }
  public TapFileWriter(String f, Charset c, boolean append) throws IOException { this(new File(f), c, append); }
  public TapFileWriter(FileDescriptor fd) {
    super(Guard.descriptor(fd));
    path = null;
  }

  @Override public void close() throws IOException {
    super.close();
    if (!closed && path != null) Files.closed(path, "FileWriter");
    closed = true;
  }
}
