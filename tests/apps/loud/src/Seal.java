package @PKG@;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** AES over what is kept and sent: initialization vector, then cipher text. */
final class Seal {
  static byte[] seal(byte[] plain) throws IOException {
    try {
      SecretKeySpec key = new SecretKeySpec(MessageDigest.getInstance("SHA-256").digest(Bytes.utf8(Plan.SECRET)), "AES");
      byte[] iv = new byte[Plan.GCM ? 12 : 16];
      new SecureRandom().nextBytes(iv);
      Cipher c = Cipher.getInstance(Plan.GCM ? "AES/GCM/NoPadding" : "AES/CBC/PKCS5Padding");
      c.init(Cipher.ENCRYPT_MODE, key, Plan.GCM ? new GCMParameterSpec(128, iv) : new IvParameterSpec(iv));
      ByteArrayOutputStream all = new ByteArrayOutputStream();
      all.write(iv);
      all.write(c.doFinal(plain));
      return all.toByteArray();
    } catch (GeneralSecurityException e) {
      throw new IOException(e);
    }
  }
}
