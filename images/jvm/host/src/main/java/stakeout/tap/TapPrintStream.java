package stakeout.tap;

import java.io.File;
import java.io.FileNotFoundException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UnsupportedEncodingException;
import java.nio.charset.Charset;

/** Takes the place of PrintStream, which makes its own FileOutputStream inside the JDK. */
public class TapPrintStream extends PrintStream {
  public TapPrintStream(OutputStream out) { super(out); }
  public TapPrintStream(OutputStream out, boolean flush) { super(out, flush); }
  public TapPrintStream(OutputStream out, boolean flush, String c) throws UnsupportedEncodingException { super(out, flush, c); }
  public TapPrintStream(OutputStream out, boolean flush, Charset c) { super(out, flush, c); }
  public TapPrintStream(String f) throws FileNotFoundException { super(new TapFileOutputStream(f)); }
  public TapPrintStream(String f, String c) throws FileNotFoundException, UnsupportedEncodingException { super(new TapFileOutputStream(f), false, c); }
  public TapPrintStream(String f, Charset c) throws java.io.IOException { super(new TapFileOutputStream(f), false, c); }
  public TapPrintStream(File f) throws FileNotFoundException { super(new TapFileOutputStream(f)); }
  public TapPrintStream(File f, String c) throws FileNotFoundException, UnsupportedEncodingException { super(new TapFileOutputStream(f), false, c); }
  public TapPrintStream(File f, Charset c) throws java.io.IOException { super(new TapFileOutputStream(f), false, c); }
}
