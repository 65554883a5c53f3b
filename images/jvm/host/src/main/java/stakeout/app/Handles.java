package stakeout.app;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodHandles.Lookup;
import java.lang.invoke.MethodType;
import java.lang.invoke.VarHandle;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import stakeout.host.Redirects;

/** Method handles that the app looks up: to the same places as a call in its code, and into the host only told. Lambdas do not come here. */
public final class Handles {
  private Handles() {}

  private static MethodHandle instead(Lookup l, MethodHandle h) throws ReflectiveOperationException {
    Member m;
    try {
      m = l.revealDirect(h).reflectAs(Member.class, l);
    } catch (IllegalArgumentException e) {
      return h; // a handle's own `invoke`, whose target was looked at when it was found
    }
    MethodHandle to = null;
    if (m instanceof Method k && Redirects.of(k) != null) to = MethodHandles.publicLookup().unreflect(Redirects.of(k));
    if (m instanceof Constructor<?> k && Redirects.of(k) != null) to = MethodHandles.publicLookup().unreflectConstructor(Redirects.of(k));
    if (to == null) {
      if (Reflection.host(m.getDeclaringClass())) Reflection.tell("method handle of " + m.getDeclaringClass().getName() + "." + m.getName());
      return h;
    }
    to = to.asFixedArity().asType(h.type());
    return h.isVarargsCollector() ? to.asVarargsCollector(h.type().parameterType(h.type().parameterCount() - 1)) : to;
  }

  private static VarHandle ofHost(VarHandle h, Class<?> c, String n) {
    if (Reflection.host(c)) Reflection.tell("variable handle of " + c.getName() + "." + n);
    return h;
  }

  public static MethodHandle findStatic(Lookup l, Class<?> c, String n, MethodType t) throws ReflectiveOperationException { return instead(l, l.findStatic(c, n, t)); }
  public static MethodHandle findVirtual(Lookup l, Class<?> c, String n, MethodType t) throws ReflectiveOperationException { return instead(l, l.findVirtual(c, n, t)); }
  public static MethodHandle findSpecial(Lookup l, Class<?> c, String n, MethodType t, Class<?> by) throws ReflectiveOperationException { return instead(l, l.findSpecial(c, n, t, by)); }
  public static MethodHandle findConstructor(Lookup l, Class<?> c, MethodType t) throws ReflectiveOperationException { return instead(l, l.findConstructor(c, t)); }
  public static MethodHandle bind(Lookup l, Object o, String n, MethodType t) throws ReflectiveOperationException { return findVirtual(l, o.getClass(), n, t).bindTo(o); }
  public static MethodHandle findGetter(Lookup l, Class<?> c, String n, Class<?> t) throws ReflectiveOperationException { return instead(l, l.findGetter(c, n, t)); }
  public static MethodHandle findSetter(Lookup l, Class<?> c, String n, Class<?> t) throws ReflectiveOperationException { return instead(l, l.findSetter(c, n, t)); }
  public static MethodHandle findStaticGetter(Lookup l, Class<?> c, String n, Class<?> t) throws ReflectiveOperationException { return instead(l, l.findStaticGetter(c, n, t)); }
  public static MethodHandle findStaticSetter(Lookup l, Class<?> c, String n, Class<?> t) throws ReflectiveOperationException { return instead(l, l.findStaticSetter(c, n, t)); }
  public static MethodHandle unreflect(Lookup l, Method m) throws ReflectiveOperationException { return instead(l, l.unreflect(m)); }
  public static MethodHandle unreflectSpecial(Lookup l, Method m, Class<?> by) throws ReflectiveOperationException { return instead(l, l.unreflectSpecial(m, by)); }
  public static MethodHandle unreflectConstructor(Lookup l, Constructor<?> k) throws ReflectiveOperationException { return instead(l, l.unreflectConstructor(k)); }
  public static MethodHandle unreflectGetter(Lookup l, Field f) throws ReflectiveOperationException { return instead(l, l.unreflectGetter(f)); }
  public static MethodHandle unreflectSetter(Lookup l, Field f) throws ReflectiveOperationException { return instead(l, l.unreflectSetter(f)); }
  public static VarHandle findVarHandle(Lookup l, Class<?> c, String n, Class<?> t) throws ReflectiveOperationException { return ofHost(l.findVarHandle(c, n, t), c, n); }
  public static VarHandle findStaticVarHandle(Lookup l, Class<?> c, String n, Class<?> t) throws ReflectiveOperationException { return ofHost(l.findStaticVarHandle(c, n, t), c, n); }
  public static VarHandle unreflectVarHandle(Lookup l, Field f) throws ReflectiveOperationException { return ofHost(l.unreflectVarHandle(f), f.getDeclaringClass(), f.getName()); }
}
