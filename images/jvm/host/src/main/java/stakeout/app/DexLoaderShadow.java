package stakeout.app;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import stakeout.host.Events;
import stakeout.tap.Artifacts;

/**
 * Code that the app loads at run time: kept and told, but not run, as conversion takes place outside this process. The loader
 * exists, and finds in its dex files nothing.
 */
@Implements(className = "dalvik.system.BaseDexClassLoader")
public class DexLoaderShadow {
  @Implementation protected void __constructor__(String path, File optimized, String libraries, ClassLoader parent) {
    files(path);
  }

  @Implementation(minSdk = 28) protected void __constructor__(String path, File optimized, String libraries, ClassLoader parent, boolean trusted) {
    files(path);
  }

  @Implementation(minSdk = 29) protected void __constructor__(String path, String libraries, ClassLoader parent, ClassLoader[] shared) {
    files(path);
  }

  @Implementation(minSdk = 31) protected void __constructor__(String path, String libraries, ClassLoader parent, ClassLoader[] shared, ClassLoader[] after) {
    files(path);
  }

  @Implementation(minSdk = 26, maxSdk = 28) protected void __constructor__(ByteBuffer[] dex, ClassLoader parent) {
    memory(dex);
  }

  @Implementation(minSdk = 29) protected void __constructor__(ByteBuffer[] dex, String libraries, ClassLoader parent) {
    memory(dex);
  }

  @Implementation protected Class<?> findClass(String name) throws ClassNotFoundException {
    throw new ClassNotFoundException(name);
  }

  @Implementation protected String findLibrary(String name) {
    return null;
  }

  @Override public String toString() {
    return "dalvik.system.BaseDexClassLoader";
  }

  /** What DexFile.loadDex becomes (escape.txt). */
  public static dalvik.system.DexFile loadDex(String path, String out, int flags) throws IOException {
    files(path);
    throw new IOException("unable to open DEX file `" + path + "`");
  }

  private static void files(String path) {
    if (path == null || path.equals(Installed.sourceDir())) return;
    for (String p : path.split(File.pathSeparator)) {
      if (p.isEmpty()) continue;
      Path file = Path.of(p);
      Events.fact("dex_loaded", "path", p, "artifact", Files.isRegularFile(file) ? Artifacts.keep(file, "code", false) : null);
    }
  }

  private static void memory(ByteBuffer[] dex) {
    for (ByteBuffer b : dex) {
      byte[] copy = new byte[b.remaining()];
      b.duplicate().get(copy);
      Events.fact("dex_loaded", "path", "memory", "artifact", Artifacts.write("code", "memory.dex", copy));
    }
  }
}
