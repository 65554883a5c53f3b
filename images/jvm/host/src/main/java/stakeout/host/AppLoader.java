package stakeout.host;

import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * The app's classes in one life of its process: a new life is a new loader, so no static field outlives a crash or a reboot.
 * It answers as Android's PathClassLoader does: the framework first, then the app, and nothing of this host but the classes
 * that rewritten calls lead to.
 */
public final class AppLoader extends URLClassLoader {
  /** Of the JDK, what Android has no counterpart of: asking for it is a look around, or an attempt to get out. */
  private static final List<String> FOREIGN = List.of("java.awt.", "java.applet.", "java.rmi.", "javax.swing.", "javax.management.",
      "java.lang.management.", "java.lang.instrument.", "java.lang.Process", "javax.tools.", "sun.", "jdk.", "com.sun.");
  private static final Set<String> FINE = Set.of("java.lang.Process", "java.lang.ProcessBuilder");
  /** What the JDK makes for a method that is called often by reflection has these above it, and is loaded through us. The app cannot get at them. */
  private static final Set<String> GENERATED = Set.of("jdk.internal.reflect.MagicAccessorImpl", "jdk.internal.reflect.MethodAccessorImpl",
      "jdk.internal.reflect.ConstructorAccessorImpl", "jdk.internal.reflect.SerializationConstructorAccessorImpl");
  /** Rooms that rewritten calls lead to; the pipes and the loaders are not among them. */
  private static final String OURS = "stakeout.", HOST = "stakeout.host.", REWRITE = "stakeout.rewrite.";
  private static volatile AppLoader current;
  private final Set<String> names;
  private final Set<String> framework;
  private final Set<String> told = ConcurrentHashMap.newKeySet();

  static {
    registerAsParallelCapable();
  }

  private AppLoader(URL[] urls, ClassLoader parent, Set<String> names, Set<String> framework) {
    super(urls, parent);
    this.names = names;
    this.framework = framework;
  }

  /** What an app consists of: its converted classes, and the APKs whose resources are on its class path. */
  public record Code(Path jar, List<Path> apks, Set<String> names, Set<String> framework) {
    public static Code of(Path jar, List<Path> apks) throws IOException {
      for (String n : named(jar)) Events.fact("escape", "what", "the app's code names " + n);
      return new Code(jar, apks, classes(jar), classes(SandboxLoader.instance().sdk()));
    }
  }

  /** Makes the loader of a new life, and the current one. */
  public static AppLoader of(Code code) throws MalformedURLException {
    List<URL> urls = new ArrayList<>(List.of(code.jar.toUri().toURL()));
    for (Path p : code.apks) urls.add(p.toUri().toURL());
    current = new AppLoader(urls.toArray(new URL[0]), SandboxLoader.instance(), code.names, code.framework);
    Events.isApp = code.names::contains;
    return current;
  }

  /** The loader of the app's present or last life; the framework's before the first. */
  public static ClassLoader current() {
    AppLoader c = current;
    return c != null ? c : SandboxLoader.instance();
  }

  /** Of the host's classes, those that the app's code named before it was rewritten: the converter lists them in the jar. */
  static List<String> named(Path jar) throws IOException {
    try (ZipFile z = new ZipFile(jar.toFile())) {
      ZipEntry e = z.getEntry(stakeout.rewrite.Rewriter.NAMED);
      return e == null ? List.of() : new String(z.getInputStream(e).readNBytes(64 << 10), java.nio.charset.StandardCharsets.UTF_8).lines().limit(50).toList();
    }
  }

  private static Set<String> classes(Path jar) throws IOException {
    Set<String> all = ConcurrentHashMap.newKeySet();
    try (ZipFile z = new ZipFile(jar.toFile())) {
      for (ZipEntry e : Collections.list(z.entries())) {
        String n = e.getName();
        if (n.endsWith(".class")) all.add(n.substring(0, n.length() - 6).replace('/', '.'));
      }
    }
    return all;
  }

  @Override protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    synchronized (getClassLoadingLock(name)) {
      Class<?> c = findLoadedClass(name);
      if (c != null) return c;
      if (framework.contains(name)) return getParent().loadClass(name);
      if (name.startsWith(OURS) && !name.startsWith(HOST) && !name.startsWith(REWRITE)) return getParent().loadClass(name); // also where the app has one of that name
      if (names.contains(name)) return findClass(name);
      if (GENERATED.contains(name)) return Class.forName(name, false, null);
      if (name.startsWith("java.") || name.startsWith("javax.") || name.startsWith("com.sun.org.apache.") || foreign(name)) {
        if (foreign(name) && !FINE.contains(name)) throw refused(name);
        return getParent().loadClass(name);
      }
      if (name.startsWith("org.w3c.dom.") || name.startsWith("org.xml.sax.")) return getParent().loadClass(name);
      if (name.startsWith(OURS) || name.startsWith("org.robolectric.")) throw refused(name);
      throw new ClassNotFoundException(name);
    }
  }

  private static boolean foreign(String name) {
    // The JDK's own XML parsers, which its factories ask the app's loader for.
    if (name.startsWith("com.sun.org.apache.xerces.internal.") || name.startsWith("com.sun.org.apache.xalan.internal.") || name.startsWith("com.sun.org.apache.xml.internal.")) return false;
    for (String f : FOREIGN) if (name.startsWith(f)) return true;
    return false;
  }

  private ClassNotFoundException refused(String name) {
    if (told.add(name)) Events.fact("escape", "what", "class " + name + " refused");
    return new ClassNotFoundException(name);
  }

  /** Only the app's own files: the host's class path is not the app's. */
  @Override public URL getResource(String name) {
    return findResource(name);
  }

  @Override public Enumeration<URL> getResources(String name) throws IOException {
    return findResources(name);
  }

  @Override public InputStream getResourceAsStream(String name) {
    URL u = name.endsWith(".class") ? null : findResource(name);
    try {
      return u == null ? null : u.openStream();
    } catch (IOException e) {
      return null;
    }
  }
}
