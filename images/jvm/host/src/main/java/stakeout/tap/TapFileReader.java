package stakeout.tap;

import java.io.File;
import java.io.FileDescriptor;
import java.io.FileNotFoundException;
import java.io.FileReader;
import java.io.IOException;
import java.nio.charset.Charset;

/** Takes the place of FileReader, which opens its own FileInputStream inside the JDK. */
public class TapFileReader extends FileReader {
  public TapFileReader(String path) throws FileNotFoundException { super(TapFileInputStream.checked(path)); }
  public TapFileReader(File f) throws FileNotFoundException { this(f.getPath()); }
  public TapFileReader(FileDescriptor fd) { super(Guard.descriptor(fd)); }
  public TapFileReader(String path, Charset c) throws IOException { super(TapFileInputStream.checked(path), c); }
  public TapFileReader(File f, Charset c) throws IOException { this(f.getPath(), c); }
}
