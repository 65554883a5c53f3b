package stakeout.rewrite;

import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** What the rewriter must know of each class, read from bytes: nothing is ever loaded here, as the app is hostile. */
public final class Hierarchy {
  /** One class: its super class, whether it is an interface, and the methods it declares (name+descriptor). */
  public record Info(String parent, boolean isInterface, Set<String> methods) {}

  private static final Info UNKNOWN = new Info("java/lang/Object", false, Set.of());
  private final Map<String, Info> seen = new HashMap<>();
  private final Function<String, byte[]> bytes;

  /** @param bytes class file by internal name, or null; the JDK's own classes are found without it */
  public Hierarchy(Function<String, byte[]> bytes) {
    this.bytes = bytes;
  }

  public Info info(String name) {
    return seen.computeIfAbsent(name, this::read);
  }

  public boolean isInterface(String name) {
    return name.charAt(0) != '[' && info(name).isInterface();
  }

  /** The nearest common super class, as frames need it; interfaces count as Object, as the verifier does. */
  public String common(String a, String b) {
    if (isInterface(a) || isInterface(b)) return "java/lang/Object";
    Set<String> up = new HashSet<>();
    for (String x = a; x != null; x = info(x).parent()) if (!up.add(x)) break;
    for (String x = b; x != null; x = info(x).parent()) if (up.contains(x)) return x;
    return "java/lang/Object";
  }

  private Info read(String name) {
    try {
      byte[] b = bytes.apply(name);
      if (b == null) {
        try (InputStream in = ClassLoader.getSystemResourceAsStream(name + ".class")) {
          if (in == null) return UNKNOWN;
          b = in.readAllBytes();
        }
      }
      ClassReader r = new ClassReader(b);
      Set<String> methods = new HashSet<>();
      r.accept(new ClassVisitor(Opcodes.ASM9) {
        @Override public MethodVisitor visitMethod(int access, String n, String d, String s, String[] e) {
          methods.add(n + d);
          return null;
        }
      }, ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
      return new Info(r.getSuperName(), (r.getAccess() & Opcodes.ACC_INTERFACE) != 0, methods);
    } catch (IOException e) {
      return UNKNOWN;
    }
  }
}
