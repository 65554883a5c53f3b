package @PKG@;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.zip.GZIPOutputStream;

/** Bytes to and from files, and packed. */
final class Bytes {
  static void write(File f, byte[] b) throws IOException {
    File dir = f.getParentFile();
    if (!dir.isDirectory() && !dir.mkdirs() && !dir.isDirectory()) throw new IOException("no folder " + dir);
    try (OutputStream o = new FileOutputStream(f)) {
      o.write(b);
    }
  }

  static byte[] read(File f) throws IOException {
    return Https.read(new FileInputStream(f));
  }

  static byte[] gzip(byte[] b) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try (OutputStream o = new GZIPOutputStream(all)) {
      o.write(b);
    }
    return all.toByteArray();
  }

  static byte[] utf8(String s) throws IOException {
    return s.getBytes("UTF-8");
  }
}
