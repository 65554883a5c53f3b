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

  /** Written, then written again: the first bytes are kept. */
  static String again(Context c) throws Exception {
    File f = new File(c.getFilesDir(), "again.bin");
    for (String text : new String[] {"the first", "the second"}) {
      FileOutputStream o = new FileOutputStream(f);
      o.write(text.getBytes());
      o.close();
    }
    return "done";
  }

  /** The ways to write over a file that are no stream of its own. */
  static String over(Context c) throws Exception {
    File d = c.getFilesDir();
    for (String name : new String[] {"raf", "bytes", "channel", "print", "longer"}) {
      FileOutputStream o = new FileOutputStream(new File(d, name));
      o.write(("old " + name).getBytes());
      o.close();
    }
    java.io.RandomAccessFile r = new java.io.RandomAccessFile(new File(d, "raf"), "rw");
    r.writeInt(1);
    r.close();
    r = new java.io.RandomAccessFile(new File(d, "bytes"), "rw");
    r.writeBytes("new");
    r.close();
    r = new java.io.RandomAccessFile(new File(d, "channel"), "rw");
    r.getChannel().write(java.nio.ByteBuffer.wrap(new byte[3]));
    r.close();
    r = new java.io.RandomAccessFile(new File(d, "longer"), "rw");
    r.seek(r.length());
    r.write(1);
    r.close();
    java.io.PrintStream p = new java.io.PrintStream(new File(d, "print"));
    p.print("new");
    p.close();
    return "done";
  }

  /** Where temporary files land. */
  static String temporary(Context c) throws Exception {
    String cache = c.getCacheDir().getCanonicalPath();
    File f = File.createTempFile("abc", null);
    return f.getCanonicalPath().startsWith(cache + "/") + " " + new File(System.getProperty("java.io.tmpdir")).getCanonicalPath().equals(cache);
  }

  static String code(Context c) throws Exception {
    File f = new File(c.getFilesDir(), "more.dex");
    FileOutputStream o = new FileOutputStream(f);
    o.write("dex of a file".getBytes());
    o.close();
    new dalvik.system.DexClassLoader(f.getPath(), c.getCacheDir().getPath(), null, c.getClassLoader());
    if (android.os.Build.VERSION.SDK_INT >= 26) new dalvik.system.InMemoryDexClassLoader(java.nio.ByteBuffer.wrap("dex of memory".getBytes()), c.getClassLoader());
    return "loaded";
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
