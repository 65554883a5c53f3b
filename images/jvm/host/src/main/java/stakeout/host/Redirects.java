package stakeout.host;

import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.objectweb.asm.Type;
import stakeout.rewrite.Hierarchy;
import stakeout.rewrite.Rewriter;

/** What a call would have become if it were written in the app's code, for calls that are made by reflection or by handles. */
public final class Redirects {
  private Redirects() {}

  private static final Rewriter RULES = new Rewriter(new Hierarchy(n -> SandboxLoader.instance().bytes(n)));
  private static final Map<Method, Optional<Method>> KNOWN = new ConcurrentHashMap<>();

  /** @return the static method that takes the call, with the receiver in front; null when no rule is about it */
  public static Method of(Method m) {
    if (Events.isApp.test(m.getDeclaringClass().getName())) return null; // its classes go with each life, and no rule is about them
    return KNOWN.computeIfAbsent(m, k -> Optional.ofNullable(find(k))).orElse(null);
  }

  private static Method find(Method m) {
    String[] to;
    synchronized (RULES) {
      to = RULES.target(Modifier.isStatic(m.getModifiers()), Type.getInternalName(m.getDeclaringClass()), m.getName(), Type.getMethodDescriptor(m));
    }
    if (to == null) return null;
    try {
      for (Method k : Class.forName(to[0].replace('/', '.'), true, SandboxLoader.instance()).getMethods()) {
        if (k.getName().equals(to[1]) && Type.getMethodDescriptor(k).equals(to[2])) return k;
      }
    } catch (ClassNotFoundException e) {
      // told below
    }
    throw new IllegalStateException("no method " + String.join(" ", to));
  }

  /** @return the constructor of the class that takes the place of this one's; null when none does */
  public static Constructor<?> of(Constructor<?> c) {
    String to;
    synchronized (RULES) {
      to = RULES.inPlaceOf(Type.getInternalName(c.getDeclaringClass()));
    }
    if (to == null) return null;
    try {
      return Class.forName(to.replace('/', '.'), true, SandboxLoader.instance()).getConstructor(c.getParameterTypes());
    } catch (ReflectiveOperationException e) {
      return null; // one that is not public
    }
  }
}
