package stakeout.app;

import java.io.PrintStream;
import java.lang.reflect.AccessibleObject;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import stakeout.host.AppLoader;
import stakeout.host.Events;
import stakeout.time.VTime;

/** What the app's reflective and JVM-wide calls become. Looking at itself and at Android is the app's right; at the host it is a fact. */
public final class Reflection {
  private Reflection() {}

  private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();
  private static final String[] VARIABLES = {"ANDROID_ROOT", "/system", "ANDROID_DATA", "/data", "EXTERNAL_STORAGE", "/sdcard", "PATH", "/system/bin"};

  private static void tell(String what) {
    if (TOLD.add(what)) Events.fact("escape", "what", what);
  }

  public static Class<?> forName(String name) throws ClassNotFoundException {
    return Class.forName(name, true, AppLoader.current());
  }

  public static Class<?> forName(String name, boolean initialize, ClassLoader loader) throws ClassNotFoundException {
    boolean host = loader == null || !(loader instanceof AppLoader) && loader.getClass().getName().startsWith("stakeout.");
    return Class.forName(name, initialize, host ? AppLoader.current() : loader);
  }

  public static ClassLoader getSystemClassLoader() {
    return AppLoader.current();
  }

  private static boolean host(Class<?> c) {
    String n = c.getName();
    return n.startsWith("stakeout.") || n.startsWith("org.robolectric.") || n.startsWith("sun.") || n.startsWith("jdk.")
        || c == Runtime.class;
  }

  /** Calls of the clock stay virtual when they are made by reflection; calls of the host are told and made. */
  public static Object invoke(Method m, Object target, Object[] arguments) throws IllegalAccessException, InvocationTargetException {
    Class<?> c = m.getDeclaringClass();
    if (c == System.class && m.getName().equals("currentTimeMillis")) return VTime.currentTimeMillis();
    if (c == System.class && m.getName().equals("nanoTime")) return VTime.nanoTime();
    if (host(c) || c == System.class && (m.getName().equals("exit") || m.getName().startsWith("load"))) {
      tell("reflective call of " + c.getName() + "." + m.getName());
      if (c == Runtime.class || c == System.class) throw new IllegalAccessException(m.getName());
    }
    try {
      return m.invoke(target, arguments);
    } catch (IllegalAccessException e) { // the caller is this class now, which the app's package-private members do not know
      if (!Events.isApp.test(c.getName())) throw e;
      m.setAccessible(true);
      return m.invoke(target, arguments);
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
