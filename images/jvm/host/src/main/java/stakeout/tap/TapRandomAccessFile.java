package stakeout.tap;

import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;

/** Takes the place of RandomAccessFile. */
public class TapRandomAccessFile extends RandomAccessFile {
  private final String path;
  private boolean closed;

  public TapRandomAccessFile(File f, String mode) throws FileNotFoundException {
    super(checked(f, mode), mode);
    path = mode.contains("w") ? f.getPath() : null;
  }

  private static File checked(File f, String mode) throws FileNotFoundException {
    Guard.path(f.getPath());
    if (mode.contains("w")) return f;
    String to = PhoneFiles.opened(f.getPath());
    return to.equals(f.getPath()) ? f : new File(to);
  }

  public TapRandomAccessFile(String f, String mode) throws FileNotFoundException { this(new File(f), mode); }

  @Override public void close() throws IOException {
    super.close();
    if (!closed && path != null) Files.closed(path, "RandomAccessFile");
    closed = true;
  }
}
