package stakeout.rewrite;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Redirects calls to classes of ours, by the rules in this folder's text files. This is how one virtual clock, file records and the crypto tap reach
 * code that no Robolectric shadow can reach, as the JDK's own classes are never shadowed. A rule line is one of
 * <pre>
 * static OWNER NAME+DESC TARGET    a static call becomes TARGET.NAME, same descriptor (a fifth word is another name)
 * virtual OWNER NAME+DESC TARGET   an instance call becomes static TARGET.NAME(OWNER, ...)
 * any OWNERPREFIX NAME+DESC TARGET the same for every owner with this prefix; the receiver is passed as Object
 * loose OWNER NAME+DESC TARGET     as virtual, with the receiver as Object: its class may be one that this API level lacks, which no verifier must load
 * new CLASS SUBCLASS               'new CLASS' and 'extends CLASS' become SUBCLASS, which must extend CLASS
 * lost CLASS <init>+DESCPREFIX TARGET NAME   before a constructor like this TARGET.NAME() is called, which tells
 * now CLASS                        'new CLASS()' becomes 'new CLASS(VTime.currentTimeMillis())'
 * </pre>
 */
public final class Rewriter {
  /** One file a room; the rules of all hold. */
  public static final List<String> FILES = List.of("time.txt", "tap.txt", "escape.txt", "net.txt", "sensors.txt");

  /** Entry of a converted app: classes of ours that its code named by itself, one a line. */
  public static final String NAMED = "META-INF/stakeout-named";

  private record Rule(String kind, String owner, String target, String name) {}

  private final Map<String, List<Rule>> calls = new HashMap<>();
  private final Map<String, String> subclasses = new HashMap<>();
  private final Map<String, Boolean> now = new HashMap<>();
  /** Their `kind` is how the constructor's descriptor begins. */
  private final List<Rule> losses = new ArrayList<>();
  /** Tag of a class in a constant pool. */
  private static final int CLASS = 7;
  private final Hierarchy hierarchy;
  /** How many call sites each rule changed, by target and method. */
  public final Map<String, Integer> counts = new TreeMap<>();

  public Rewriter(Hierarchy hierarchy) {
    this.hierarchy = hierarchy;
    for (String file : FILES) read(file);
  }

  private void read(String file) {
    try (BufferedReader in = new BufferedReader(new InputStreamReader(Rewriter.class.getResourceAsStream(file), StandardCharsets.UTF_8))) {
      for (String line; (line = in.readLine()) != null; ) add(line.trim().split("\\s+"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void add(String[] f) {
    if (f[0].isEmpty() || f[0].startsWith("#")) return;
    if (f[0].equals("new")) subclasses.put(f[1], f[2]);
    else if (f[0].equals("now")) now.put(f[1], true);
    else if (f[0].equals("lost")) losses.add(new Rule(f[2].substring("<init>".length()), f[1], f[3], f[4]));
    else calls.computeIfAbsent(f[2], k -> new ArrayList<>()).add(new Rule(f[0], f[1], f[3], f.length > 4 ? f[4] : f[2].substring(0, f[2].indexOf('('))));
  }

  /** What a call becomes: class, name and descriptor of a static method; null when it stays. */
  public String[] target(boolean isStatic, String owner, String name, String desc) {
    Rule r = find(isStatic, owner, name + desc);
    return r == null ? null : new String[] {r.target, r.name, descriptor(r, desc)};
  }

  /** The class that is made in place of this one, or null. */
  public String inPlaceOf(String type) {
    return subclasses.get(type);
  }

  private static String descriptor(Rule r, String desc) {
    String receiver = switch (r.kind) { case "static" -> ""; case "any", "loose" -> "Ljava/lang/Object;"; default -> "L" + r.owner + ";"; };
    return "(" + receiver + desc.substring(1);
  }

  /** Classes of the host that a class names before it is rewritten, itself among them. */
  public static Set<String> named(byte[] in) {
    Set<String> found = new TreeSet<>();
    ClassReader r = new ClassReader(in);
    char[] buffer = new char[r.getMaxStringLength()];
    for (int i = 1; i < r.getItemCount(); i++) {
      int at = r.getItem(i);
      if (at == 0 || r.readByte(at - 1) != CLASS) continue;
      String name = r.readUTF8(at, buffer).replaceFirst("^\\[+L", "").replace(";", "");
      if (name.startsWith("stakeout/") || name.startsWith("org/robolectric/")) found.add(name.replace('/', '.'));
    }
    return found;
  }

  /** App code from dex2jar: frames anew (its own are missing or wrong), so the hierarchy must know app and framework. */
  public byte[] app(byte[] in) {
    ClassWriter w = new ClassWriter(ClassWriter.COMPUTE_FRAMES) {
      @Override protected String getCommonSuperClass(String a, String b) {
        return hierarchy.common(a, b);
      }
    };
    new ClassReader(in).accept(visitor(w, true), ClassReader.SKIP_FRAMES);
    return w.toByteArray();
  }

  /** A framework class at load time: javac's frames stay valid, as a replaced type is a subclass of the old one. */
  public byte[] framework(byte[] in) {
    ClassWriter w = new ClassWriter(ClassWriter.COMPUTE_MAXS);
    new ClassReader(in).accept(visitor(w, false), 0);
    return w.toByteArray();
  }

  private ClassVisitor visitor(ClassVisitor out, boolean app) {
    return new ClassVisitor(Opcodes.ASM9, out) {
      @Override public void visit(int v, int access, String name, String sig, String parent, String[] itf) {
        super.visit(v, access, name, sig, subclasses.getOrDefault(parent, parent), itf);
      }
      @Override public MethodVisitor visitMethod(int access, String n, String d, String s, String[] ex) {
        MethodVisitor m = super.visitMethod(access, n, d, s, ex);
        return new Calls(app ? new Handlers(m) : m);
      }
    };
  }

  /** What catches an error of the virtual machine first says so: an app may swallow that it had no memory. */
  private static final class Handlers extends MethodVisitor {
    private static final Set<String> TYPES = Set.of("java/lang/Throwable", "java/lang/Error", "java/lang/VirtualMachineError", "java/lang/OutOfMemoryError");
    private final Set<Label> handlers = new HashSet<>();

    Handlers(MethodVisitor out) {
      super(Opcodes.ASM9, out);
    }

    @Override public void visitTryCatchBlock(Label from, Label to, Label handler, String type) {
      if (type == null || TYPES.contains(type)) handlers.add(handler);
      super.visitTryCatchBlock(from, to, handler, type);
    }

    @Override public void visitLabel(Label l) {
      super.visitLabel(l);
      if (!handlers.contains(l)) return;
      super.visitInsn(Opcodes.DUP);
      super.visitMethodInsn(Opcodes.INVOKESTATIC, "stakeout/app/Memory", "caught", "(Ljava/lang/Throwable;)V", false);
    }
  }

  private final class Calls extends MethodVisitor {
    Calls(MethodVisitor out) {
      super(Opcodes.ASM9, out);
    }

    @Override public void visitTypeInsn(int op, String type) {
      super.visitTypeInsn(op, op == Opcodes.NEW ? subclasses.getOrDefault(type, type) : type);
    }

    @Override public void visitMethodInsn(int op, String owner, String name, String desc, boolean itf) {
      if (op == Opcodes.INVOKESPECIAL && name.equals("<init>")) {
        if (now.containsKey(owner) && desc.equals("()V")) {
          super.visitMethodInsn(Opcodes.INVOKESTATIC, "stakeout/time/VTime", "currentTimeMillis", "()J", false);
          desc = "(J)V";
        }
        for (Rule l : losses) {
          if (l.owner.equals(owner) && desc.startsWith(l.kind)) super.visitMethodInsn(Opcodes.INVOKESTATIC, l.target, l.name, "()V", false);
        }
        if (subclasses.containsKey(owner)) counts.merge("new " + owner, 1, Integer::sum);
        super.visitMethodInsn(op, subclasses.getOrDefault(owner, owner), name, desc, false);
        return;
      }
      Rule r = op == Opcodes.INVOKESPECIAL || owner.charAt(0) == '[' ? null : find(op == Opcodes.INVOKESTATIC, owner, name + desc);
      if (r != null) {
        counts.merge(r.owner + "." + name, 1, Integer::sum);
        super.visitMethodInsn(Opcodes.INVOKESTATIC, r.target, r.name, descriptor(r, desc), false);
        return;
      }
      // dex does not say whether a static or special call goes to an interface; the JVM insists on knowing
      boolean i = op == Opcodes.INVOKEINTERFACE || (op != Opcodes.INVOKEVIRTUAL && hierarchy.isInterface(owner));
      super.visitMethodInsn(op, owner, name, desc, i);
    }
  }

  /** The rule for a call; a call on a subclass counts, unless a class between declares the method itself. */
  private Rule find(boolean isStatic, String owner, String method) {
    List<Rule> rules = calls.get(method);
    if (rules == null) return null;
    for (String c = owner; c != null && !c.equals(""); c = hierarchy.info(c).parent()) {
      for (Rule r : rules) {
        if (r.kind.equals("static") == isStatic && (r.kind.equals("any") ? c.startsWith(r.owner) : c.equals(r.owner))) return r;
      }
      if (!c.startsWith("java/") && hierarchy.info(c).methods().contains(method)) return null;
    }
    return null;
  }
}
