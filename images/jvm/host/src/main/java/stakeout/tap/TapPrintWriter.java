package stakeout.tap;

import java.io.BufferedWriter;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.UnsupportedEncodingException;
import java.io.Writer;
import java.nio.charset.Charset;

/** Takes the place of PrintWriter, which makes its own FileOutputStream inside the JDK. */
public class TapPrintWriter extends PrintWriter {
  public TapPrintWriter(Writer out) { super(out); }
  public TapPrintWriter(Writer out, boolean flush) { super(out, flush); }
  public TapPrintWriter(OutputStream out) { super(out); }
  public TapPrintWriter(OutputStream out, boolean flush) { super(out, flush); }
  public TapPrintWriter(OutputStream out, boolean flush, Charset c) { super(out, flush, c); }
  public TapPrintWriter(String f) throws FileNotFoundException { this(new File(f)); }
  public TapPrintWriter(String f, String c) throws FileNotFoundException, UnsupportedEncodingException { this(new File(f), c); }
  public TapPrintWriter(String f, Charset c) throws java.io.IOException { this(new File(f), c); }
  public TapPrintWriter(File f) throws FileNotFoundException { super(new BufferedWriter(new OutputStreamWriter(new TapFileOutputStream(f)))); }
  public TapPrintWriter(File f, String c) throws FileNotFoundException, UnsupportedEncodingException { super(new BufferedWriter(new OutputStreamWriter(new TapFileOutputStream(f), c))); }
  public TapPrintWriter(File f, Charset c) throws java.io.IOException { super(new BufferedWriter(new OutputStreamWriter(new TapFileOutputStream(f), c))); }
}
