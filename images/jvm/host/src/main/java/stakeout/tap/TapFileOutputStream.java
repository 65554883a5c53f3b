package stakeout.tap;

import java.io.File;
import java.io.FileDescriptor;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;

/** Takes the place of FileOutputStream (rules.txt, "new"). A stream on a descriptor has no path and is not told. */
public class TapFileOutputStream extends FileOutputStream {
  private final String path;
  private boolean closed;

  public TapFileOutputStream(File f, boolean append) throws FileNotFoundException {
    super(opening(f, append), append);
    path = f.getPath();
  }

  private static File opening(File f, boolean append) throws FileNotFoundException {
    Guard.path(f.getPath());
    if (!append && f.getPath().indexOf('\0') < 0) FileFacts.opening(f.toPath());
    return f;
  }

  public TapFileOutputStream(File f) throws FileNotFoundException { this(f, false); }
  public TapFileOutputStream(String f) throws FileNotFoundException { this(new File(f), false); }
  public TapFileOutputStream(String f, boolean append) throws FileNotFoundException { this(new File(f), append); }
  public TapFileOutputStream(FileDescriptor fd) {
    super(Guard.descriptor(fd));
    path = null;
  }

  @Override public void close() throws IOException {
    super.close();
    if (!closed && path != null) Files.closed(path, "FileOutputStream");
    closed = true;
  }
}
