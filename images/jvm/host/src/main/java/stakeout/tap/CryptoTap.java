package stakeout.tap;

import java.io.ByteArrayOutputStream;
import java.lang.reflect.Field;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Map;
import java.util.WeakHashMap;
import javax.crypto.Cipher;
import javax.crypto.ShortBufferException;
import stakeout.host.Events;

/** Cipher calls of the app: plain and cipher text of its own encryption, which no network tool can read. */
public final class CryptoTap {
  private CryptoTap() {}

  private static final int LARGEST = 32 << 20, MOST = 2_000;

  private static final class State {
    private final ByteArrayOutputStream plain = new ByteArrayOutputStream(), cipher = new ByteArrayOutputStream();
    private boolean over;
    private final boolean encrypts;
    State(boolean encrypts) {
      this.encrypts = encrypts;
    }
  }

  private static final Map<Cipher, State> STATES = new WeakHashMap<>();
  private static int told, untold;
  private static final Field MODE;
  static {
    try {
      MODE = Cipher.class.getDeclaredField("opmode"); // needs --add-opens java.base/javax.crypto
      MODE.setAccessible(true);
    } catch (NoSuchFieldException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean encrypts(Cipher c) {
    try {
      int m = MODE.getInt(c);
      return m == Cipher.ENCRYPT_MODE || m == Cipher.WRAP_MODE;
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }

  /** One call's input and output; `last` ends the message. */
  static synchronized void piece(Cipher c, byte[] in, int inOff, int inLen, byte[] out, int outOff, int outLen, boolean last) {
    State s = STATES.computeIfAbsent(c, k -> new State(encrypts(k)));
    if (s.plain.size() + s.cipher.size() + inLen + outLen > 2 * LARGEST) s.over = true;
    if (!s.over) {
      if (in != null) (s.encrypts ? s.plain : s.cipher).write(in, inOff, inLen);
      if (out != null) (s.encrypts ? s.cipher : s.plain).write(out, outOff, outLen);
    }
    if (!last) return;
    STATES.remove(c);
    tell(c, s);
  }

  private static void tell(Cipher c, State s) {
    if (s.plain.size() == 0 && s.cipher.size() == 0) return;
    if (told >= MOST) {
      untold++;
      return;
    }
    told++;
    if (s.over) Artifacts.failed();
    String plain = s.over ? null : Artifacts.write("crypto", "plain", s.plain.toByteArray());
    String cipher = s.over ? null : Artifacts.write("crypto", "cipher", s.cipher.toByteArray());
    Events.fact("crypto", "algorithm", c.getAlgorithm(), "operation", s.encrypts ? "encrypt" : "decrypt", "plain", plain, "cipher", cipher);
  }

  /** Messages that were never ended (stream ciphers), and the count of what was not told. */
  static synchronized void finish() {
    for (Map.Entry<Cipher, State> e : new ArrayList<>(STATES.entrySet())) tell(e.getKey(), e.getValue());
    STATES.clear();
    if (untold > 0) Events.fact("lost", "what", "crypto facts", "count", untold);
    untold = 0;
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
