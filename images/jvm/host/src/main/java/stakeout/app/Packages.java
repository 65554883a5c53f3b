package stakeout.app;

import android.content.pm.PackageParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.robolectric.shadows.ShadowPackageParser;

/** APKs read by the framework's own parser; splits as a cluster, so that their components and resources count. */
public final class Packages {
  private Packages() {}

  /** What the framework's set-up calls (escape.txt). */
  public static PackageParser.Package callParsePackage(Path apk) {
    List<Path> splits = Installed.splitsOf(apk);
    if (splits.isEmpty()) return ShadowPackageParser.callParsePackage(apk);
    try {
      Path folder = Files.createTempDirectory("cluster");
      Files.createSymbolicLink(folder.resolve("base.apk"), apk.toAbsolutePath());
      String[] paths = new String[splits.size()];
      for (int i = 0; i < paths.length; i++) {
        paths[i] = splits.get(i).toAbsolutePath().toString();
        Files.createSymbolicLink(folder.resolve("split" + i + ".apk"), splits.get(i).toAbsolutePath());
      }
      PackageParser.Package p = ShadowPackageParser.callParsePackage(folder);
      p.codePath = apk.toString(); // which becomes the application's source
      p.applicationInfo.splitSourceDirs = paths;
      p.applicationInfo.splitPublicSourceDirs = paths;
      return p;
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
