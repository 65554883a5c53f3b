package app.probe;

import android.content.Context;
import android.os.Build;
import android.os.SystemClock;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileReader;
import java.io.RandomAccessFile;
import java.net.URL;
import java.net.URLConnection;
import java.util.Locale;

/** How apps look whether the phone is one, and which time it is in truth. */
final class Looks {
  static String build(Context c) throws Exception {
    String all = Build.FINGERPRINT + " " + Build.MODEL + " " + Build.HARDWARE + " " + Build.PRODUCT + " " + Build.MANUFACTURER + " " + Build.BRAND + " " + Build.TAGS + " " + Build.TYPE + " " + Build.DEVICE + " " + Build.BOARD
        + " " + Build.BOOTLOADER + " " + Build.HOST + " " + Build.ID + " " + Build.DISPLAY + " " + Build.USER + " " + Build.SUPPORTED_ABIS[0];
    for (String s : new String[] {"generic", "robolectric", "sdk", "goldfish", "ranchu", "emulator", "unknown", "test-keys", "x86", "vbox"}) if (all.toLowerCase(Locale.ROOT).contains(s)) return s + " in " + all;
    boolean consistent = Build.FINGERPRINT.equals(Build.BRAND + "/" + Build.PRODUCT + "/" + Build.DEVICE + ":" + Build.VERSION.RELEASE + "/" + Build.ID + "/" + Build.VERSION.INCREMENTAL + ":" + Build.TYPE + "/" + Build.TAGS);
    Object qemu = Class.forName("android.os.SystemProperties").getMethod("get", String.class).invoke(null, "ro.kernel.qemu");
    return "a phone " + consistent + " [" + qemu + "] " + Build.VERSION.SDK_INT;
  }

  static String files(Context c) throws Exception {
    BufferedReader r = new BufferedReader(new FileReader("/proc/self/cmdline"));
    String me = r.readLine().trim();
    r.close();
    File own = new File(c.getFilesDir(), "own");
    return new File("/dev/qemu_pipe").exists() + " " + new File("/system/build.prop").exists() + " " + new File("/system/xbin/su").exists() + " " + me + " " + own.exists() + own.createNewFile() + own.exists() + " "
        + (c.getFilesDir().list().length > 0) + " " + new File(c.getPackageCodePath()).canRead();
  }

  static String prop(Context c) throws Exception {
    return new RandomAccessFile("/system/build.prop", "r").readLine();
  }

  static String reveals(Context c) {
    return "" + new File("/opt/stakeout").exists();
  }

  static String uptime(Context c) throws Exception {
    BufferedReader r = new BufferedReader(new FileReader("/proc/uptime"));
    double s = Double.parseDouble(r.readLine().split(" ")[0]);
    r.close();
    return "" + (Math.abs(s * 1000 - SystemClock.elapsedRealtime()) < 1000);
  }

  static String ticks(Context c) throws Exception {
    FileInputStream in = new FileInputStream("/proc/self/stat");
    boolean some = in.read() > 0;
    in.close();
    return "" + some;
  }

  /** A server of its own that sends no date, and one that sends what no clock moves. */
  static String date(Context c) throws Exception {
    return dated("") + " " + dated("Date: Tue, 02 Feb 2016 08:00:00 GMT\r\n");
  }

  private static String dated(final String header) throws Exception {
    final java.net.ServerSocket s = new java.net.ServerSocket(0, 1, java.net.InetAddress.getByName("127.0.0.1"));
    Thread t = new Thread("server") {
      @Override public void run() {
        try {
          java.net.Socket x = s.accept();
          x.getInputStream().read(new byte[4096]);
          x.getOutputStream().write(("HTTP/1.1 200 OK\r\n" + header + "Content-Length: 0\r\nConnection: close\r\n\r\n").getBytes());
          x.close();
        } catch (java.io.IOException e) {
          throw new RuntimeException(e);
        }
      }
    };
    t.start();
    URLConnection u = new URL("http://127.0.0.1:" + s.getLocalPort() + "/").openConnection();
    String seen = u.getHeaderField("date");
    long off = System.currentTimeMillis() - u.getDate();
    s.close();
    return (u.getHeaderFields().get("Date") != null) + (off >= 0 && off < 3000 ? " now" : " " + seen);
  }

  static String motion(Context c) {
    return "" + ((android.hardware.SensorManager) c.getSystemService(Context.SENSOR_SERVICE)).getDefaultSensor(1);
  }
}
