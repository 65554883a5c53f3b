package stakeout.app;

import java.io.PrintStream;
import java.lang.reflect.AccessibleObject;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import stakeout.host.AppLoader;
import stakeout.host.Events;
import stakeout.host.Redirects;

/** What the app's reflective and JVM-wide calls become. Looking at itself and at Android is the app's right; at the host it is a fact. */
public final class Reflection {
  private Reflection() {}

  private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();
  private static final String[] VARIABLES = {"ANDROID_ROOT", "/system", "ANDROID_DATA", "/data", "EXTERNAL_STORAGE", "/sdcard", "PATH", "/system/bin"};

  static void tell(String what) {
    if (TOLD.add(what)) Events.fact("escape", "what", what);
  }

  /** The app's code names none of these, so who asks for one by its name looks for this device. */
  private static void ours(String name) throws ClassNotFoundException {
    String plain = name.replaceFirst("^\\[+L", "");
    if (!plain.startsWith("stakeout.") && !plain.startsWith("org.robolectric.")) return;
    tell("class " + plain + " refused");
    throw new ClassNotFoundException(name);
  }

  public static Class<?> loadClass(Object l, String name) throws ClassNotFoundException {
    ours(name);
    return ((ClassLoader) l).loadClass(name);
  }

  public static Class<?> forName(String name) throws ClassNotFoundException {
    ours(name);
    return Class.forName(name, true, AppLoader.current());
  }

  public static Class<?> forName(String name, boolean initialize, ClassLoader loader) throws ClassNotFoundException {
    ours(name);
    boolean host = loader == null || !(loader instanceof AppLoader) && loader.getClass().getName().startsWith("stakeout.");
    return Class.forName(name, initialize, host ? AppLoader.current() : loader);
  }

  public static ClassLoader getSystemClassLoader() {
    return AppLoader.current();
  }

  /** Classes of this host, and those of the JDK that hold its descriptors and processes. */
  static boolean host(Class<?> c) {
    String n = c.getName();
    return n.startsWith("stakeout.") || n.startsWith("org.robolectric.") || n.startsWith("sun.") || n.startsWith("jdk.")
        || n.startsWith("java.lang.Process") && c != ProcessBuilder.class || c == Runtime.class || c == java.io.FileDescriptor.class;
  }

  /** What a rule redirects is redirected also here, calls of `invoke` itself among them; calls of the host are told and made. */
  public static Object invoke(Method m, Object target, Object[] arguments) throws IllegalAccessException, InvocationTargetException {
    Class<?> c = m.getDeclaringClass();
    boolean isStatic = Modifier.isStatic(m.getModifiers());
    Method to = Redirects.of(m);
    if (to != null && (isStatic || target != null)) return to.invoke(null, isStatic ? arguments : before(target, arguments));
    if (host(c)) {
      tell("reflective call of " + c.getName() + "." + m.getName());
      if (c == Runtime.class) throw new IllegalAccessException(m.getName());
    }
    try {
      return m.invoke(target, arguments);
    } catch (IllegalAccessException e) { // the caller is this class now, which the app's package-private members do not know
      if (!Events.isApp.test(c.getName())) throw e;
      m.setAccessible(true);
      return m.invoke(target, arguments);
    }
  }

  private static Object[] before(Object first, Object[] rest) {
    Object[] all = new Object[rest == null ? 1 : rest.length + 1];
    all[0] = first;
    if (rest != null) System.arraycopy(rest, 0, all, 1, rest.length);
    return all;
  }

  /** As `new` in the app's code: a class of ours where a rule says so. */
  public static Object newInstance(Constructor<?> c, Object[] arguments) throws InstantiationException, IllegalAccessException, InvocationTargetException {
    Class<?> of = c.getDeclaringClass();
    Constructor<?> to = Redirects.of(c);
    if (to != null) return to.newInstance(arguments);
    if (host(of)) tell("reflective making of " + of.getName());
    try {
      return c.newInstance(arguments);
    } catch (IllegalAccessException e) { // as in `invoke`
      if (!Events.isApp.test(of.getName())) throw e;
      c.setAccessible(true);
      return c.newInstance(arguments);
    }
  }

  public static void setAccessible(AccessibleObject o, boolean on) {
    if (on && o instanceof Member m && host(m.getDeclaringClass())) tell("access to " + m.getDeclaringClass().getName() + "." + m.getName());
    o.setAccessible(on);
  }

  /** Only the app's own threads: the host's are none of its business. */
  public static Map<Thread, StackTraceElement[]> getAllStackTraces() {
    Map<Thread, StackTraceElement[]> all = new java.util.HashMap<>(Thread.getAllStackTraces());
    all.keySet().removeIf(t -> t.getName().startsWith("stakeout-"));
    return all;
  }

  public static String setProperty(String name, String value) {
    boolean host = name.startsWith("robolectric.") || name.startsWith("stakeout.") || name.startsWith("java.") || name.startsWith("javax.net.");
    if (!host) return System.setProperty(name, value);
    return System.getProperty(name);
  }

  public static void setOut(PrintStream s) {}

  public static void setErr(PrintStream s) {}

  public static String getenv(String name) {
    return getenv().get(name);
  }

  /** Android's, not the host's. */
  public static Map<String, String> getenv() {
    Map<String, String> m = new java.util.TreeMap<>();
    for (int i = 0; i < VARIABLES.length; i += 2) m.put(VARIABLES[i], VARIABLES[i + 1]);
    return java.util.Collections.unmodifiableMap(m);
  }
}
