package app.probe;

import android.content.Context;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Paths;

/** Roundabout ways out of the app's world, and roundabout ways that stay in it. */
final class Out {
  static String twice(Context c) throws Exception {
    Method invoke = Method.class.getMethod("invoke", Object.class, Object[].class), exec = Runtime.class.getMethod("exec", String.class);
    return "ran " + invoke.invoke(exec, Runtime.getRuntime(), new Object[] {"one"});
  }

  static String handle(Context c) throws Exception {
    MethodHandle exec = MethodHandles.lookup().findVirtual(Runtime.class, "exec", MethodType.methodType(Process.class, String.class));
    try {
      return "ran " + exec.invokeWithArguments(Runtime.getRuntime(), "two");
    } catch (Throwable e) {
      return String.valueOf(e.getMessage());
    }
  }

  /** Handles and reflection of what is the app's right, and of the clock. */
  static String fine(Context c) throws Exception {
    try {
      MethodHandle length = MethodHandles.lookup().findVirtual(String.class, "length", MethodType.methodType(int.class));
      MethodHandle own = MethodHandles.lookup().findStatic(Out.class, "own", MethodType.methodType(String.class));
      MethodHandle now = MethodHandles.lookup().findStatic(System.class, "currentTimeMillis", MethodType.methodType(long.class));
      long t = (Long) now.invokeWithArguments(), u = (Long) System.class.getMethod("currentTimeMillis").invoke(null);
      return length.invokeWithArguments("four") + " " + own.invokeWithArguments() + " " + (Math.abs(System.currentTimeMillis() - t) < 1000 && Math.abs(t - u) < 1000);
    } catch (Throwable e) {
      return "threw " + e;
    }
  }

  /** Another app's page, which is told something by its address. */
  static String page(Context c) throws Exception {
    c.startActivity(new android.content.Intent("android.intent.action.VIEW", android.net.Uri.parse("https://x.test/?d=1")).addFlags(0x10000000));
    c.startActivity(new android.content.Intent("android.intent.action.DIAL").addFlags(0x10000000));
    return "shown";
  }

  /** What another app or the system would send, and two broadcasts that tell nobody else anything. */
  static String sends(Context c) throws Exception {
    c.sendBroadcast(new android.content.Intent("told").setPackage("com.other").putExtra("d", 1));
    c.sendBroadcast(new android.content.Intent("called").setPackage("com.other"));
    c.sendBroadcast(new android.content.Intent("own").setPackage(c.getPackageName()).putExtra("d", 1));
    ((android.app.DownloadManager) c.getSystemService(Context.DOWNLOAD_SERVICE)).enqueue(new android.app.DownloadManager.Request(android.net.Uri.parse("https://x.test/?d=1")));
    android.telephony.SmsManager.getDefault().sendMultimediaMessage(c, android.net.Uri.parse("content://app.probe/mms"), null, null, null);
    new android.app.backup.BackupManager(c).dataChanged();
    return "sent";
  }

  private static String own() {
    return "own";
  }

  static String made(Context c) throws Exception {
    File f = new File(c.getFilesDir(), "made");
    FileOutputStream o = FileOutputStream.class.getConstructor(File.class).newInstance(f);
    o.write(1);
    o.close();
    return "deleted " + File.class.getMethod("delete").invoke(f);
  }

  static String links(Context c) throws Exception {
    StringBuilder b = new StringBuilder();
    File link = new File(c.getFilesDir(), "link"), folder = new File(c.getFilesDir(), "folder");
    Files.createSymbolicLink(link.toPath(), Paths.get("/proc/self/fd/4"));
    Files.createSymbolicLink(folder.toPath(), Paths.get("/proc/self"));
    for (String p : new String[] {"../../../../../../../../proc/self/fd/4", link.getPath(), folder.getPath() + "/fd/4"}) {
      try {
        b.append(new FileInputStream(p).read());
      } catch (java.io.FileNotFoundException e) {
        b.append(e.getMessage().endsWith("EACCES (Permission denied)"));
      }
    }
    return b.toString();
  }

  static String descriptor(Context c) throws Exception {
    Field f = FileDescriptor.class.getDeclaredField("fd");
    f.setAccessible(true);
    new FileOutputStream(FileDescriptor.out).write("{}\n".getBytes());
    return "written";
  }

  static String names(Context c) throws Exception {
    StringBuilder b = new StringBuilder();
    try {
      Class.forName("stakeout.tap.Files");
    } catch (ClassNotFoundException e) {
      b.append("no ");
    }
    try {
      Out.class.getClassLoader().loadClass("stakeout.time.VTime");
    } catch (ClassNotFoundException e) {
      b.append("no ");
    }
    return b.append(Out.class.getClassLoader().loadClass("app.probe.Keep").getSimpleName()).toString();
  }
}
