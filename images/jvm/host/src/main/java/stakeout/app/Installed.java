package stakeout.app;

import android.content.pm.PackageParser;
import android.content.res.AssetManager;
import android.content.res.Resources;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import stakeout.host.AppLoader;
import stakeout.host.Failure;
import stakeout.host.Json;
import stakeout.host.Parameters;
import stakeout.host.Trial;
import stakeout.perm.Permissions;

/** The one app of this device: its files and what its manifest says. */
public final class Installed {
  private Installed() {}

  private static volatile Path apk;
  private static volatile List<Path> splits = List.of();
  private static volatile String name;
  private static volatile int target;
  static AppLoader.Code code;

  /** Null before `install`. */
  public static String packageName() {
    return name;
  }

  static String sourceDir() {
    return apk == null ? null : apk.toString();
  }

  static Path apk() {
    return apk;
  }

  static List<Path> splitsOf(Path of) {
    return of.equals(apk) ? splits : List.of();
  }

  /** The app's targetSdkVersion: which behaviour it is written for. */
  public static int target() {
    return target;
  }

  /** True when a rule of API `level` that depends on the app's target holds: both the device's rules and the target reach it. */
  public static boolean ruled(int level) {
    return Trial.rules >= level && target >= level;
  }

  static Map<String, Object> install(Map<String, Object> p) throws Exception {
    if (name != null) throw new Failure("bad_request", "an app is installed already");
    Path base = existing(Parameters.text(p, "apk"));
    List<Path> parts = new ArrayList<>();
    for (String s : Parameters.texts(p, "splits")) parts.add(existing(s));
    Path jar = existing(Parameters.text(p, "jar"));
    Trial.dataDir = DataDirectory.made(Path.of(Parameters.text(p, "data_dir")).toAbsolutePath());
    Trial.artifactsDir = DataDirectory.made(Path.of(Parameters.text(p, "artifacts_dir")).toAbsolutePath());
    stakeout.tap.Files.keepIn(Trial.artifactsDir);
    List<Path> apks = new ArrayList<>(List.of(base));
    apks.addAll(parts);
    code = AppLoader.Code.of(jar, apks);
    Thread.setDefaultUncaughtExceptionHandler(Crashes::uncaught);
    return OnMain.host(() -> create(base, parts));
  }

  /** Where the app's temporary files go, as on Android. */
  public static Path cache() {
    return DataDirectory.made(Trial.dataDir.resolve("data").resolve(name).resolve("cache"));
  }

  private static Path existing(String path) throws Failure {
    Path p = Path.of(path).toAbsolutePath();
    if (!Files.isRegularFile(p)) throw new Failure("not_found", "no file `" + path + "`");
    return p;
  }

  private static Map<String, Object> create(Path base, List<Path> parts) throws Exception {
    apk = base;
    splits = parts;
    PackageParser.Package parsed;
    try {
      parsed = Packages.callParsePackage(base);
    } catch (RuntimeException e) {
      apk = null;
      String why = String.valueOf(e.getMessage());
      throw new Failure(why.contains("newer sdk") ? "unsupported" : "bad_request", "the package was not accepted: " + why);
    }
    name = parsed.packageName;
    target = parsed.applicationInfo.targetSdkVersion;
    System.setProperty("java.io.tmpdir", cache().toString()); // as Android sets it before the app's code runs
    Manifest.of(parsed);
    Permissions.packageInstalled(parsed.requestedPermissions, target);
    return Json.of("package", name, "version_name", parsed.mVersionName, "version_code", (long) parsed.mVersionCode, "target_sdk", target,
        "permissions", new ArrayList<>(parsed.requestedPermissions), "label", label(parsed));
  }

  /** Without a process: the app's code does not run before it is launched. */
  private static String label(PackageParser.Package p) {
    if (p.applicationInfo.nonLocalizedLabel != null) return p.applicationInfo.nonLocalizedLabel.toString();
    try {
      AssetManager assets = AssetManager.class.getDeclaredConstructor().newInstance();
      AssetManager.class.getMethod("addAssetPath", String.class).invoke(assets, apk.toString());
      return new Resources(assets, null, null).getString(p.applicationInfo.labelRes);
    } catch (ReflectiveOperationException | RuntimeException e) {
      return name;
    }
  }
}
