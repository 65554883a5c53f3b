package stakeout.tap;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import javax.crypto.Cipher;
import javax.crypto.CipherInputStream;

/** Takes the place of CipherInputStream, whose calls to the cipher are inside the JDK. */
public class TapCipherInputStream extends CipherInputStream {
  private final Cipher cipher;
  private boolean ended;

  public TapCipherInputStream(InputStream in, Cipher c) {
    super(new FilterInputStream(in) { // what goes into the cipher
      @Override public int read() throws IOException {
        byte[] b = new byte[1];
        return read(b, 0, 1) < 0 ? -1 : b[0] & 255;
      }
      @Override public int read(byte[] b, int off, int n) throws IOException {
        int r = in.read(b, off, n);
        if (r > 0) CryptoTap.piece(c, b, off, r, null, 0, 0, false);
        return r;
      }
    }, c);
    cipher = c;
  }

  @Override public int read() throws IOException {
    byte[] b = new byte[1];
    return read(b, 0, 1) < 0 ? -1 : b[0] & 255;
  }

  @Override public int read(byte[] b) throws IOException { return read(b, 0, b.length); }

  @Override public int read(byte[] b, int off, int n) throws IOException {
    int r = super.read(b, off, n);
    if (r > 0) CryptoTap.piece(cipher, null, 0, 0, b, off, r, false);
    if (r < 0) end();
    return r;
  }

  private void end() {
    if (!ended) CryptoTap.piece(cipher, null, 0, 0, null, 0, 0, true);
    ended = true;
  }

  @Override public void close() throws IOException {
    super.close();
    end();
  }
}
