package stakeout.direct;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.objectweb.asm.AnnotationVisitor;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Which methods of the framework a shadow may take: by name alone, of all shadows that exist, for all API levels. So it says
 * "may" too often and never too seldom. A class that it does not know is taken by none.
 */
public final class Takers {
  private static final String IMPLEMENTS = "Lorg/robolectric/annotation/Implements;";

  private static final class Shadow {
    String parent;
    final Set<String> shadowed = new TreeSet<>();
    final Set<String> methods = new TreeSet<>();
  }

  private final Map<String, Set<String>> names = new TreeMap<>();

  /** @param jars those with shadows */
  public Takers(List<Path> jars) throws IOException {
    Map<String, Shadow> all = new TreeMap<>();
    for (Path jar : jars) read(jar, all);
    for (Shadow s : all.values()) {
      for (String c : s.shadowed) {
        Set<String> taken = names.computeIfAbsent(canonical(c), k -> new TreeSet<>());
        for (Shadow up = s; up != null; up = all.get(up.parent)) taken.addAll(up.methods);
      }
    }
  }

  /** Whether a shadow may take this method. @param type as the JVM writes it, with dots or slashes */
  public boolean takes(String type, String method) {
    return names.getOrDefault(canonical(type), Set.of()).contains(method);
  }

  /** Whether there is any shadow of this very class. */
  public boolean knows(String type) {
    return names.containsKey(canonical(type));
  }

  /** One line a class, its methods after it: what decides how a framework is made. */
  public String lines() {
    StringBuilder s = new StringBuilder();
    names.forEach((c, methods) -> s.append(c).append(' ').append(String.join(" ", methods)).append('\n'));
    return s.toString();
  }

  /** Shadows name an inner class now with a dollar, now with a dot. */
  private static String canonical(String type) {
    return type.replace('/', '.').replace('$', '.');
  }

  private static void read(Path jar, Map<String, Shadow> into) throws IOException {
    try (ZipFile z = new ZipFile(jar.toFile())) {
      for (Enumeration<? extends ZipEntry> all = z.entries(); all.hasMoreElements(); ) {
        ZipEntry e = all.nextElement();
        if (e.getName().endsWith(".class") && !e.getName().startsWith("META-INF/")) shadow(z.getInputStream(e).readAllBytes(), into);
      }
    }
  }

  private static void shadow(byte[] b, Map<String, Shadow> into) {
    Shadow s = new Shadow();
    new ClassReader(b).accept(new ClassVisitor(Opcodes.ASM9) {
      @Override public void visit(int v, int access, String name, String sig, String parent, String[] itf) {
        s.parent = parent;
        into.put(name, s);
      }
      @Override public AnnotationVisitor visitAnnotation(String type, boolean visible) {
        return type.equals(IMPLEMENTS) ? new Values(s.shadowed) : null;
      }
      @Override public MethodVisitor visitMethod(int access, String name, String d, String sig, String[] ex) {
        s.methods.add(name);
        return new MethodVisitor(Opcodes.ASM9) {
          @Override public AnnotationVisitor visitAnnotation(String type, boolean visible) {
            return new Values(s.methods); // another name than its own
          }
        };
      }
    }, ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
  }

  /** Every class and text that an annotation names. */
  private static final class Values extends AnnotationVisitor {
    private final Set<String> into;

    Values(Set<String> into) {
      super(Opcodes.ASM9);
      this.into = into;
    }

    @Override public void visit(String name, Object value) {
      if (value instanceof Type t) into.add(t.getClassName());
      if (value instanceof String text && !text.isEmpty()) into.add(text);
    }
  }
}
