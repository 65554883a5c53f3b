package stakeout.tap;

import stakeout.host.Log;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Map;
import java.util.WeakHashMap;
import javax.crypto.Cipher;
import javax.crypto.ShortBufferException;

/** Cipher calls of the app: length and digest of the plain text beside the cipher text's, which no network tool can tell. */
public final class CryptoTap {
  private static final class State {
    private final MessageDigest plain, cipher;
    private long plainBytes, cipherBytes;
    private String head = "";
    State() throws GeneralSecurityException {
      plain = MessageDigest.getInstance("SHA-256");
      cipher = MessageDigest.getInstance("SHA-256");
    }
  }

  private static final Map<Cipher, State> STATES = new WeakHashMap<>();
  private static final Field MODE;
  static {
    try {
      MODE = Cipher.class.getDeclaredField("opmode"); // needs --add-opens java.base/javax.crypto
      MODE.setAccessible(true);
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException(e);
    }
  }

  static synchronized void piece(Cipher c, byte[] in, int inOff, int inLen, byte[] out, int outOff, int outLen, boolean last) {
    try {
      boolean encrypts = MODE.getInt(c) == Cipher.ENCRYPT_MODE;
      State s = STATES.get(c);
      if (s == null) STATES.put(c, s = new State());
      byte[] i = in == null ? new byte[0] : Arrays.copyOfRange(in, inOff, inOff + inLen), o = out == null ? new byte[0] : Arrays.copyOfRange(out, outOff, outOff + outLen);
      byte[] p = encrypts ? i : o, x = encrypts ? o : i;
      if (s.plainBytes == 0) s.head = new String(p, 0, Math.min(24, p.length), StandardCharsets.ISO_8859_1).replaceAll("[^ -~]", ".");
      s.plain.update(p);
      s.cipher.update(x);
      s.plainBytes += p.length;
      s.cipherBytes += x.length;
      if (!last) return;
      STATES.remove(c);
      Log.event(encrypts ? "crypto.encrypt" : "crypto.decrypt", c.getAlgorithm() + " plain " + s.plainBytes + " bytes sha256 " + Files.hex(s.plain.digest()).substring(0, 16)
          + ".. '" + s.head + "' cipher " + s.cipherBytes + " bytes sha256 " + Files.hex(s.cipher.digest()).substring(0, 16) + "..");
    } catch (GeneralSecurityException | IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }

  // ---- what the app's calls become (rules.txt)

  private static byte[] whole(Cipher c, byte[] in, int off, int n, byte[] out, boolean last) {
    piece(c, in, off, n, out, 0, out == null ? 0 : out.length, last);
    return out;
  }

  public static byte[] update(Cipher c, byte[] b) { return whole(c, b, 0, b.length, c.update(b), false); }
  public static byte[] update(Cipher c, byte[] b, int off, int n) { return whole(c, b, off, n, c.update(b, off, n), false); }
  public static byte[] doFinal(Cipher c) throws GeneralSecurityException { return whole(c, null, 0, 0, c.doFinal(), true); }
  public static byte[] doFinal(Cipher c, byte[] b) throws GeneralSecurityException { return whole(c, b, 0, b.length, c.doFinal(b), true); }
  public static byte[] doFinal(Cipher c, byte[] b, int off, int n) throws GeneralSecurityException { return whole(c, b, off, n, c.doFinal(b, off, n), true); }

  // input and output may be one array: the input is copied before the call

  public static int update(Cipher c, byte[] b, int off, int n, byte[] out, int outOff) throws ShortBufferException {
    byte[] in = Arrays.copyOfRange(b, off, off + n);
    int w = c.update(b, off, n, out, outOff);
    piece(c, in, 0, n, out, outOff, w, false);
    return w;
  }

  public static int update(Cipher c, byte[] b, int off, int n, byte[] out) throws ShortBufferException { return update(c, b, off, n, out, 0); }

  public static int doFinal(Cipher c, byte[] b, int off, int n, byte[] out, int outOff) throws GeneralSecurityException {
    byte[] in = Arrays.copyOfRange(b, off, off + n);
    int w = c.doFinal(b, off, n, out, outOff);
    piece(c, in, 0, n, out, outOff, w, true);
    return w;
  }

  public static int doFinal(Cipher c, byte[] b, int off, int n, byte[] out) throws GeneralSecurityException { return doFinal(c, b, off, n, out, 0); }

  public static int doFinal(Cipher c, byte[] out, int outOff) throws GeneralSecurityException {
    int w = c.doFinal(out, outOff);
    piece(c, null, 0, 0, out, outOff, w, true);
    return w;
  }
}
