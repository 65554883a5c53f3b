package stakeout.app;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.robolectric.util.TempDirectory;
import stakeout.host.Trial;

/**
 * The folders of the app, laid out below `data_dir` as below Android's /data, so that they outlive the app's process. The
 * framework's set-up asks for them by Robolectric's names.
 */
public final class DataDirectory extends TempDirectory {
  public DataDirectory(String name) {
    super(name);
  }

  /** External storage: data_dir/media/0, which an image links to /sdcard. */
  static Path external() {
    return made(Trial.dataDir.resolve("media/0"));
  }

  static Path made(Path p) {
    try {
      return Files.createDirectories(p);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override public Path createIfNotExists(String name) {
    String app = Installed.packageName();
    if (Trial.dataDir == null || app == null) return super.createIfNotExists(name);
    if (name.equals(app + "-dataDir") || name.equals("userDataDir")) return made(Trial.dataDir.resolve("data").resolve(app));
    if (name.equals("deviceDataDir")) return made(Trial.dataDir.resolve("user_de/0").resolve(app));
    if (name.startsWith("external-")) return external();
    return super.createIfNotExists(name);
  }
}
