package stakeout.app;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.atomic.AtomicInteger;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import stakeout.host.Events;
import stakeout.host.Trial;

/**
 * Code that the app loads at run time: kept and told, but not run, as conversion takes place outside this process. The loader
 * exists, and finds in its dex files nothing.
 */
@Implements(className = "dalvik.system.BaseDexClassLoader")
public class DexLoaderShadow {
  private static final long MOST = 64L << 20;
  private static final AtomicInteger COUNT = new AtomicInteger();

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
      try (InputStream in = Files.newInputStream(Path.of(p))) {
        keep(p, in, Files.size(Path.of(p)));
      } catch (IOException e) {
        Events.fact("dex_loaded", "path", p, "artifact", null);
      }
    }
  }

  private static void memory(ByteBuffer[] dex) {
    for (ByteBuffer b : dex) {
      byte[] copy = new byte[b.remaining()];
      b.duplicate().get(copy);
      keep("memory", new ByteArrayInputStream(copy), copy.length);
    }
  }

  private static void keep(String path, InputStream in, long size) {
    String name = size > MOST || Trial.artifactsDir == null ? null : "dex-" + COUNT.incrementAndGet() + ".dex";
    try {
      if (name != null) Files.copy(in, Trial.artifactsDir.resolve(name), StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      name = null;
    }
    Events.fact("dex_loaded", "path", path, "artifact", name);
  }
}
