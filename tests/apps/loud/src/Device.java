package @PKG@;

import android.content.SharedPreferences;
import android.os.Build;
import java.io.BufferedReader;
import java.io.FileReader;
import java.io.IOException;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.Locale;

/** Two ways to evade: to look whether the phone is one, and to wait by a clock that nobody can move. */
final class Device {
  static boolean looksFalse() {
    String all = (Build.FINGERPRINT + " " + Build.MODEL + " " + Build.HARDWARE + " " + Build.PRODUCT + " " + Build.MANUFACTURER + " " + Build.BRAND + " " + Build.TAGS).toLowerCase(Locale.ROOT);
    for (String s : new String[] {"generic", "robolectric", "sdk", "goldfish", "ranchu", "emulator", "unknown", "test-keys"}) if (all.contains(s)) return true;
    return new java.io.File("/dev/qemu_pipe").exists() || !new java.io.File("/system/build.prop").exists();
  }

  /** By the kernel's uptime, read without pause for a while, and by the server's Date header: 15 minutes after the first round. */
  static boolean realTimePassed(SharedPreferences p) throws IOException {
    double up = uptime();
    for (double end = up + 2; up < end; up = uptime()) Thread.yield();
    long served = serverSeconds();
    if (!p.contains("uptime")) p.edit().putFloat("uptime", (float) up).putLong("served", served).commit();
    return up - p.getFloat("uptime", 0) > 900 && served - p.getLong("served", 0) > 900;
  }

  private static double uptime() throws IOException {
    try (BufferedReader r = new BufferedReader(new FileReader("/proc/uptime"))) {
      return Double.parseDouble(r.readLine().split(" ")[0]);
    }
  }

  private static long serverSeconds() throws IOException {
    String date = Https.get(Plan.CONFIG_URL).date;
    try {
      Date d = date == null ? new Date(0) : new SimpleDateFormat("EEE, dd MMM yyyy HH:mm:ss zzz", Locale.US).parse(date);
      return d.getTime() / 1000;
    } catch (java.text.ParseException e) {
      return 0;
    }
  }
}
