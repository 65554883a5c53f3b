package stakeout.host;

import static org.junit.Assert.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.Test;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import stakeout.rewrite.Rewriter;

/** Every rule leads to something that is there: a wrong name would be a NoSuchMethodError inside an app. */
public class RulesTest {
  /** Datagram sockets by a stream socket's constructor, and surfaces that only the system makes. */
  private static final Set<String> KNOWN = Set.of("stakeout/net/TapSocket<init>(Ljava/lang/String;IZ)V", "stakeout/net/TapSocket<init>(Ljava/net/InetAddress;IZ)V",
      "stakeout/camera/TextureSurface<init>()V", "stakeout/camera/TextureSurface<init>(Landroid/view/SurfaceControl;)V");

  private static Set<String> methods(String type, boolean constructors) throws IOException {
    Set<String> all = new HashSet<>();
    try (InputStream in = RulesTest.class.getClassLoader().getResourceAsStream(type + ".class")) {
      if (in == null) return all;
      new ClassReader(in).accept(new ClassVisitor(Opcodes.ASM9) {
        @Override public MethodVisitor visitMethod(int access, String n, String d, String s, String[] e) {
          boolean fits = constructors ? n.equals("<init>") : (access & Opcodes.ACC_STATIC) != 0;
          if (fits && (access & Opcodes.ACC_PUBLIC) != 0) all.add(n + d);
          return null;
        }
      }, ClassReader.SKIP_CODE);
    }
    return all;
  }

  private static List<String[]> rules() throws IOException {
    List<String[]> l = new ArrayList<>();
    for (String file : Rewriter.FILES) {
      try (BufferedReader in = new BufferedReader(new InputStreamReader(Rewriter.class.getResourceAsStream(file)))) {
        for (String line; (line = in.readLine()) != null; ) if (!line.isBlank() && !line.startsWith("#")) l.add(line.trim().split("\\s+"));
      }
    }
    return l;
  }

  @Test public void every_redirected_call_has_a_public_static_method_of_that_form() throws IOException {
    List<String> missing = new ArrayList<>();
    for (String[] f : rules()) {
      if (f[0].equals("new") || f[0].equals("now")) continue;
      if (f[0].equals("lost")) {
        if (!methods(f[3], false).contains(f[4] + "()V")) missing.add(f[3] + "." + f[4]);
        continue;
      }
      String name = f.length > 4 ? f[4] : f[2].substring(0, f[2].indexOf('('));
      String rest = f[2].substring(f[2].indexOf('(') + 1);
      String receiver = switch (f[0]) { case "static" -> ""; case "any", "loose" -> "Ljava/lang/Object;"; default -> "L" + f[1] + ";"; };
      if (!methods(f[3], false).contains(name + "(" + receiver + rest)) missing.add(f[3] + "." + name + "(" + receiver + rest);
    }
    assertEquals(List.of(), missing);
  }

  @Test public void every_replaced_class_has_all_public_constructors_of_the_one_it_replaces() throws IOException {
    List<String> missing = new ArrayList<>();
    for (String[] f : rules()) {
      if (!f[0].equals("new") || f[1].startsWith("org/robolectric")) continue;
      Set<String> ours = methods(f[2], true);
      for (String c : methods(f[1], true)) if (!ours.contains(c)) missing.add(f[2] + c);
    }
    missing.removeAll(KNOWN);
    assertEquals(List.of(), missing);
  }
}
