package app.probe;

import android.content.Context;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** Files and ciphers. */
final class Keep {
  static String files(Context c) throws Exception {
    File f = new File(c.getFilesDir(), "one.bin"), g = new File(c.getFilesDir(), "two.bin");
    FileOutputStream o = new FileOutputStream(f);
    o.write("first bytes".getBytes());
    o.close();
    f.renameTo(g);
    return "deleted " + g.delete();
  }

  static String cipher(Context c) throws Exception {
    Cipher k = Cipher.getInstance("AES/CBC/PKCS5Padding");
    k.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(new byte[16], "AES"), new IvParameterSpec(new byte[16]));
    k.update("plain ".getBytes());
    return k.doFinal("text".getBytes()).length + " bytes";
  }

  static String pipes(Context c) throws Exception {
    return "read " + new FileInputStream("/proc/self/fd/4").read();
  }

  static String sql(Context c) {
    android.database.sqlite.SQLiteDatabase d = c.openOrCreateDatabase("kept.db", 0, null);
    d.execSQL("CREATE TABLE t(a TEXT)");
    d.execSQL("INSERT INTO t VALUES ('x')");
    d.close();
    return "done";
  }
}
