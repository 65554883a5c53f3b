package stakeout.direct;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assume.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.ZipFile;
import org.junit.Before;
import org.junit.Test;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;
import org.robolectric.android.AndroidSdkShadowMatcher;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.annotation.LooperMode;
import org.robolectric.annotation.SQLiteMode;
import org.robolectric.config.ConfigurationRegistry;
import org.robolectric.interceptors.AndroidInterceptors;
import org.robolectric.internal.bytecode.Interceptors;
import org.robolectric.internal.bytecode.ShadowMap;
import org.robolectric.internal.bytecode.ShadowProviders;
import org.robolectric.internal.bytecode.ShadowWrangler;
import org.robolectric.util.inject.Injector;
import stakeout.app.Shadows;

/** No method that Robolectric would give to a shadow was made direct: each method of each class that has a shadow is asked for, on each API level. */
public class DirectCallsTest {
  private Path out;

  /** What Robolectric itself decides at a method's first call. */
  private static final class Wrangler extends ShadowWrangler {
    Wrangler(ShadowMap shadows, int api) {
      super(shadows, new AndroidSdkShadowMatcher(api), new Interceptors(AndroidInterceptors.all()), List.of());
    }

    boolean shadows(Class<?> c, String name, Class<?>... parameters) {
      return pickShadowMethod(c, name, parameters) != null;
    }
  }

  /** The framework of one level and the shadows; the rest is the test's own. */
  private static final class Loader extends URLClassLoader {
    Loader(URL[] urls) {
      super(urls, DirectCallsTest.class.getClassLoader());
    }

    @Override protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      boolean android = name.startsWith("android.");
      if (name.startsWith("java.") || !android && findResource(name.replace('.', '/') + ".class") == null) return super.loadClass(name, resolve);
      synchronized (getClassLoadingLock(name)) {
        Class<?> c = findLoadedClass(name);
        if (c != null) return c;
        if (android && findResource(name.replace('.', '/') + ".class") == null) return later(name);
        return findClass(name);
      }
    }

    /** A class of a later Android that a shadow names: an empty one, which can be thrown, suffices to read its methods. */
    private Class<?> later(String name) {
      ClassWriter w = new ClassWriter(0);
      w.visit(Opcodes.V1_8, Opcodes.ACC_PUBLIC, name.replace('.', '/'), null, "java/lang/RuntimeException", null);
      byte[] b = w.toByteArray();
      return defineClass(name, b, 0, b.length);
    }
  }

  @Before public void find() {
    String folder = System.getenv("STAKEOUT_JVM");
    assumeTrue("STAKEOUT_JVM is not set", folder != null);
    // for those that choose between two shadows, as the device is set
    ConfigurationRegistry.instance = new ConfigurationRegistry(Map.of(LooperMode.Mode.class, LooperMode.Mode.PAUSED,
        GraphicsMode.Mode.class, GraphicsMode.Mode.NATIVE, SQLiteMode.Mode.class, SQLiteMode.Mode.NATIVE));
    out = Path.of(folder).toAbsolutePath();
  }

  @Test public void what_a_shadow_takes_asks_for_it_on_api_34() throws Exception {
    check(34, "14-");
  }

  @Test public void what_a_shadow_takes_asks_for_it_on_api_27() throws Exception {
    check(27, "8.1.0");
  }

  @Test public void what_a_shadow_takes_asks_for_it_on_api_23() throws Exception {
    check(23, "6.0.1");
  }

  private void check(int api, String release) throws Exception {
    Path framework = only(out.resolve("sdk"), "android-all-instrumented-" + release), stock = only(out.resolve("lib"), "shadows-framework-"), own = out.resolve("lib/stakeout-host.jar");
    Takers takers = new Takers(List.of(stock, own));
    ShadowMap shadows = new Injector.Builder().build().getInstance(ShadowProviders.class).getBaseShadowMap().newBuilder().addShadowClasses(Shadows.ALL).build();
    Wrangler wrangler = new Wrangler(shadows, api);
    AndroidSdkShadowMatcher matcher = new AndroidSdkShadowMatcher(api);
    Set<String> simple = new HashSet<>();
    takers.lines().lines().map(l -> l.substring(0, l.indexOf(' '))).forEach(c -> simple.add(c.substring(c.lastIndexOf('.') + 1)));
    int asked = 0, shadowed = 0;
    List<String> wrong = new ArrayList<>();
    try (Loader loader = new Loader(new URL[] {url(framework), url(stock), url(own)})) {
      for (String name : classes(framework)) {
        if (!simple.contains(name.substring(Math.max(name.lastIndexOf('.'), name.lastIndexOf('$')) + 1))) continue;
        Class<?> c = Class.forName(name, false, loader);
        if (shadows.getShadowInfo(c, matcher) != null && !takers.knows(name)) wrong.add(name); // its objects have one, whatever its methods
        for (Method m : c.getDeclaredMethods()) {
          if (m.getName().startsWith("$$robo$$")) continue;
          asked++;
          if (!wrangler.shadows(c, m.getName(), m.getParameterTypes())) continue;
          shadowed++;
          if (!takers.takes(name, m.getName()) || !takers.knows(name)) wrong.add(name + "." + m.getName());
        }
        if (wrangler.shadows(c, "__staticInitializer__") && !takers.takes(name, "__staticInitializer__")) wrong.add(name + ".<clinit>");
      }
    }
    assertEquals(List.of(), wrong);
    assertTrue(asked + " asked, " + shadowed + " shadowed", asked > 10_000 && shadowed > 2_000);
  }

  private static Path only(Path folder, String prefix) throws IOException {
    try (Stream<Path> all = Files.list(folder)) {
      return all.filter(p -> p.getFileName().toString().startsWith(prefix)).findFirst().orElseThrow();
    }
  }

  private static URL url(Path p) throws MalformedURLException {
    return p.toUri().toURL();
  }

  private static List<String> classes(Path jar) throws IOException {
    try (ZipFile z = new ZipFile(new File(jar.toString()))) {
      return z.stream().map(e -> e.getName()).filter(n -> n.endsWith(".class")).map(n -> n.substring(0, n.length() - 6).replace('/', '.')).toList();
    }
  }
}
