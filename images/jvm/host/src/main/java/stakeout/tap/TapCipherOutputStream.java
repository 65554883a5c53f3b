package stakeout.tap;

import java.io.IOException;
import java.io.OutputStream;
import javax.crypto.Cipher;
import javax.crypto.CipherOutputStream;

/** Takes the place of CipherOutputStream, whose calls to the cipher are inside the JDK. */
public class TapCipherOutputStream extends CipherOutputStream {
  private final Cipher cipher;
  private boolean closed;

  public TapCipherOutputStream(OutputStream out, Cipher c) {
    super(new OutputStream() { // what comes out is the cipher text
      @Override public void write(int b) throws IOException { write(new byte[] {(byte) b}, 0, 1); }
      @Override public void write(byte[] b, int off, int n) throws IOException {
        CryptoTap.piece(c, null, 0, 0, b, off, n, false);
        out.write(b, off, n);
      }
      @Override public void flush() throws IOException { out.flush(); }
      @Override public void close() throws IOException { out.close(); }
    }, c);
    cipher = c;
  }

  @Override public void write(int b) throws IOException { write(new byte[] {(byte) b}, 0, 1); }
  @Override public void write(byte[] b) throws IOException { write(b, 0, b.length); }
  @Override public void write(byte[] b, int off, int n) throws IOException {
    CryptoTap.piece(cipher, b, off, n, null, 0, 0, false);
    super.write(b, off, n);
  }

  @Override public void close() throws IOException {
    super.close();
    if (!closed) CryptoTap.piece(cipher, null, 0, 0, null, 0, 0, true);
    closed = true;
  }
}
