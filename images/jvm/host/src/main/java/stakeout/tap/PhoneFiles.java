package stakeout.tap;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.robolectric.RuntimeEnvironment;
import stakeout.data.Phone;
import stakeout.host.Trial;
import stakeout.time.Clock;

/**
 * The phone's own files, as far as apps look at them: what the host's container has at these places is no phone's. The rest is
 * not denied but told, as an app may know the device by it.
 */
public final class PhoneFiles {
  private PhoneFiles() {}

  /** CLOSED is there and not for apps. UNKNOWN is whatever the container has. */
  enum Is { APPS, FILE, FOLDER, CLOSED, ABSENT, UNKNOWN }

  private static final List<String> APPS = List.of("/data", "/sdcard", "/storage", "/mnt/", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/sys/devices/system/cpu", "/proc/meminfo");
  private static final Set<String> FOLDERS = new TreeSet<>(Set.of("/", "/system", "/system/app", "/system/bin", "/system/etc", "/system/fonts", "/system/framework", "/system/lib", "/system/lib64", "/system/priv-app",
      "/system/media", "/system/usr", "/vendor", "/vendor/lib", "/vendor/lib64", "/vendor/etc", "/dev", "/proc", "/sys", "/sys/class", "/sys/devices", "/acct", "/cache", "/config", "/mnt", "/etc", "/proc/self"));
  private static final Set<String> FILES = new TreeSet<>(Set.of("/system/build.prop", "/system/bin/sh", "/system/bin/app_process", "/system/bin/app_process32", "/system/bin/app_process64", "/system/bin/linker",
      "/system/bin/linker64", "/system/bin/ls", "/system/bin/cat", "/system/bin/ping", "/system/bin/getprop", "/system/bin/logcat", "/system/bin/toybox", "/system/bin/am", "/system/bin/pm", "/system/lib/libc.so",
      "/system/lib64/libc.so", "/system/lib/libandroid.so", "/system/lib64/libandroid.so", "/system/framework/framework-res.apk", "/system/framework/framework.jar", "/system/fonts/Roboto-Regular.ttf",
      "/system/etc/fonts.xml", "/system/etc/hosts", "/etc/hosts", "/vendor/build.prop", "/dev/binder", "/dev/ashmem", "/proc/cpuinfo", "/proc/version", "/proc/uptime", "/proc/stat", "/proc/loadavg", "/proc/self/cmdline",
      "/proc/self/status"));
  private static final Set<String> REAL_TIME = Set.of("/proc/self/stat", "/proc/self/sched", "/proc/self/schedstat", "/proc/timer_list", "/proc/driver/rtc", "/proc/stat", "/proc/loadavg");

  /** Sizes and limits of this process, by which nothing is known. */
  private static final Set<String> HARMLESS = Set.of("/proc/self/statm", "/proc/self/limits", "/proc/self/oom_adj", "/proc/self/oom_score", "/proc/self/oom_score_adj");

  /** The path as the table has it; null for one that is not the phone's, as relative ones. */
  private static String table(String path) {
    if (path == null || !path.startsWith("/")) return null;
    String p;
    try {
      p = Path.of(path).normalize().toString();
    } catch (InvalidPathException e) {
      return null;
    }
    String me = "/proc/" + android.os.Process.myPid();
    return p.equals(me) || p.startsWith(me + "/") ? "/proc/self" + p.substring(me.length()) : p;
  }

  private static boolean under(String p, Path root) {
    return root != null && (p + "/").startsWith(root + "/");
  }

  private static boolean apps(String p) {
    for (String a : APPS) if (p.startsWith(a)) return true;
    String apk = RuntimeEnvironment.getApplication() == null ? null : RuntimeEnvironment.getApplication().getPackageCodePath();
    return under(p, Trial.dataDir) || under(p, Trial.artifactsDir) || under(p, Trial.TEMPORARY) || apk != null && p.startsWith(apk);
  }

  static Is is(String path) {
    String p = table(path);
    if (p == null) return Is.APPS;
    if (apps(p)) {
      if (Looks.suspicious(p) && !under(p, Trial.dataDir)) Looks.tell(p, true);
      return Is.APPS;
    }
    if (Looks.suspicious(p)) {
      Looks.tell(p, true);
      return Is.ABSENT;
    }
    if (FOLDERS.contains(p)) return Is.FOLDER;
    if (FILES.contains(p)) {
      if (!p.startsWith("/proc/")) Looks.tell(p, true);
      return closed(p) ? Is.CLOSED : Is.FILE;
    }
    if (p.startsWith("/proc/net/") && Trial.rules >= 29) return Is.CLOSED;
    if (p.matches("/proc/\\d+(/.*)?") && Trial.rules >= 24) return Is.ABSENT; // other processes are not seen
    if (REAL_TIME.contains(p) || p.startsWith("/sys/class/rtc")) Looks.realTime(p);
    else if (!HARMLESS.contains(p)) Looks.tell(p, false);
    return Is.UNKNOWN;
  }

  /** Since API 26 apps no longer read these, by the file's mode or by SELinux. */
  private static boolean closed(String p) {
    return Trial.rules >= 26 && (p.endsWith("/build.prop") || p.equals("/proc/version") || p.equals("/proc/stat") || p.equals("/proc/loadavg"));
  }

  /** Before a file is opened. @return the path to open in its place */
  public static String opened(String path) throws FileNotFoundException {
    return switch (is(path)) {
      case APPS, UNKNOWN -> path;
      case ABSENT -> throw new FileNotFoundException(path + ": open failed: ENOENT (No such file or directory)");
      case CLOSED -> throw new FileNotFoundException(path + ": open failed: EACCES (Permission denied)");
      case FOLDER -> throw new FileNotFoundException(path + ": open failed: EISDIR (Is a directory)");
      case FILE -> made(path);
    };
  }

  private static String made(String path) throws FileNotFoundException {
    String p = table(path), text = text(p);
    if (text == null) throw new FileNotFoundException(path + ": open failed: EACCES (Permission denied)");
    try { // written anew each time, and put there at once: another thread may be reading the one before
      Path fresh = Files.createTempFile(Trial.TEMPORARY, "phone", ".tmp"), to = Trial.TEMPORARY.resolve("phone" + p.replace('/', '.'));
      Files.write(fresh, text.getBytes(StandardCharsets.UTF_8));
      Files.move(fresh, to, StandardCopyOption.ATOMIC_MOVE);
      return to.toString();
    } catch (IOException e) {
      throw new FileNotFoundException(path + ": open failed: EIO (I/O error)");
    }
  }

  private static String text(String p) {
    return switch (p) {
      case "/system/build.prop", "/vendor/build.prop" -> Phone.buildProp();
      case "/proc/cpuinfo" -> Phone.cpuinfo();
      case "/proc/version" -> Phone.kernel();
      case "/proc/uptime" -> uptime();
      case "/proc/self/cmdline" -> packageName() + "\0";
      case "/proc/self/status" -> status();
      case "/system/etc/hosts", "/etc/hosts" -> "127.0.0.1       localhost\n::1             ip6-localhost\n";
      case "/proc/stat", "/proc/loadavg" -> {
        Looks.realTime(p);
        yield real(p);
      }
      default -> {
        Looks.tell("the bytes of " + p, false);
        yield null;
      }
    };
  }

  private static String real(String p) {
    try {
      return Files.readString(Path.of(p));
    } catch (IOException e) {
      return null;
    }
  }

  /** By the device's clock, as `SystemClock.elapsedRealtime` has it: whoever waits by it waits for the scenario's time. */
  private static String uptime() {
    long ms = Clock.now();
    return String.format(java.util.Locale.ROOT, "%d.%02d %d.%02d\n", ms / 1000, ms / 10 % 100, ms / 1000 * 3, ms / 10 % 100);
  }

  private static String packageName() {
    return RuntimeEnvironment.getApplication().getPackageName();
  }

  private static String status() {
    String name = packageName();
    int uid = android.os.Process.myUid(), pid = android.os.Process.myPid();
    String uids = "\t" + uid + "\t" + uid + "\t" + uid + "\t" + uid + "\n";
    return "Name:\t" + name.substring(Math.max(0, name.length() - 15)) + "\nState:\tR (running)\nTgid:\t" + pid + "\nPid:\t" + pid + "\nPPid:\t612\nTracerPid:\t0\nUid:" + uids + "Gid:" + uids
        + "FDSize:\t128\nVmSize:\t 1824640 kB\nVmRSS:\t   96412 kB\nThreads:\t" + Thread.activeCount() + "\nSeccomp:\t2\n";
  }

  /** The names in a folder of the phone's. */
  static String[] names(String path) {
    String p = table(path), in = p.equals("/") ? "/" : p + "/";
    Looks.tell("the list of " + p, false);
    Set<String> l = new TreeSet<>();
    for (Set<String> all : List.of(FOLDERS, FILES)) {
      for (String f : all) if (f.startsWith(in) && f.length() > in.length()) l.add(f.substring(in.length()).split("/")[0]);
    }
    return l.toArray(new String[0]);
  }
}
