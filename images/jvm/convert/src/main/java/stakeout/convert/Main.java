package stakeout.convert;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * APK to class files: the dex translator, then the second pass. A process of its own without network, as dex is hostile
 * input; it writes OUT.jar and nothing else. Args: APK [SPLIT...] OUT.jar ANDROID_ALL.jar. One line of JSON on stdout:
 * {@code {"ok":{..}}} with exit code 0, or {@code {"error":{"code":"no_code|bad_dex|too_large","message":".."}}} with 1.
 */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    if (args.length < 3) {
      System.err.println("usage: stakeout.convert.Main APK [SPLIT...] OUT.jar ANDROID_ALL.jar");
      System.exit(2);
    }
    List<Path> apks = new ArrayList<>();
    for (int i = 0; i < args.length - 2; i++) apks.add(Path.of(args[i]));
    try {
      Report r = new Conversion(apks, Path.of(args[args.length - 2]), Path.of(args[args.length - 1])).run();
      System.out.println(r.json());
      System.exit(0);
    } catch (Refused e) {
      System.out.println(Report.error(e.code, e.getMessage()));
    } catch (OutOfMemoryError e) {
      System.out.println(Report.error("too_large", "out of memory"));
    } catch (Throwable e) {
      e.printStackTrace();
      System.out.println(Report.error("bad_dex", e.toString()));
    }
    System.exit(1);
  }
}
