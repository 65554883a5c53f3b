package stakeout.tap;

import java.io.File;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileNotFoundException;

/** Takes the place of FileInputStream (rules.txt): paths that lead into the host process are refused, the phone's own files are its own. */
public class TapFileInputStream extends FileInputStream {
  public TapFileInputStream(File f) throws FileNotFoundException { this(f.getPath()); }
  public TapFileInputStream(FileDescriptor fd) { super(Guard.descriptor(fd)); }

  public TapFileInputStream(String path) throws FileNotFoundException {
    super(checked(path));
  }

  static String checked(String path) throws FileNotFoundException {
    Guard.path(path);
    return PhoneFiles.opened(path);
  }
}
