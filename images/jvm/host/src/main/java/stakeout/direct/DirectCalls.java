package stakeout.direct;

import java.util.Map;
import java.util.Set;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Makes a call in an instrumented class direct when no shadow can take it. Robolectric's framework asks at each method's first
 * call, by a method handle of its own, whether a shadow takes it: thousands of small classes that the JVM makes anew at each
 * boot, nearly all to learn that the method itself is meant. Native methods stay as they are: what has none tells
 * ({@link stakeout.honesty.Reporter}).
 */
public final class DirectCalls {
  private static final String SUPPORT = "org/robolectric/internal/bytecode/InvokeDynamicSupport";
  private static final String SHADOWED = Shadowed.class.getName().replace('.', '/');
  private static final Set<String> BOOTSTRAPS = Set.of("bootstrap", "bootstrapStatic", "bootstrapInit");
  private static final String INTERNALS = "org/robolectric/internal/bytecode/RobolectricInternals";
  private static final String INITIALIZER = "__staticInitializer__";
  /** What an object without a shadow keeps in a shadow's place; nothing looks at it but whether it is there. */
  private static final String NO_SHADOW = "no shadow";
  private final Takers takers;
  /** Parent of each class of the framework, by internal name. */
  private final Map<String, String> parents;
  /** Of all calls seen. */
  public int direct, kept;

  public DirectCalls(Takers takers, Map<String, String> parents) {
    this.takers = takers;
    this.parents = parents;
  }

  /** The same class with direct calls; frames stay valid, as what replaces a call takes and gives what it did. */
  public byte[] apply(byte[] in) {
    ClassReader r = new ClassReader(in);
    ClassWriter w = new ClassWriter(ClassWriter.COMPUTE_MAXS);
    boolean initializer = initializes(r);
    r.accept(new ClassVisitor(Opcodes.ASM9, w) {
      @Override public MethodVisitor visitMethod(int access, String name, String d, String sig, String[] ex) {
        return new Calls(super.visitMethod(access, name, d, sig, ex), r.getClassName(), initializer, (r.getAccess() & Opcodes.ACC_INTERFACE) != 0);
      }
    }, 0);
    return w.toByteArray();
  }

  /** Whether the class had an initializer before it was instrumented. */
  private static boolean initializes(ClassReader r) {
    boolean[] found = {false};
    r.accept(new ClassVisitor(Opcodes.ASM9) {
      @Override public MethodVisitor visitMethod(int access, String name, String d, String sig, String[] ex) {
        found[0] |= name.equals(INITIALIZER);
        return null;
      }
    }, ClassReader.SKIP_CODE | ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
    return found[0];
  }

  /** Whether objects of this class may have a shadow: of its own class or of one that it extends. */
  private boolean shadowed(String type) {
    for (String t = type; t != null; t = parents.get(t)) if (takers.knows(t)) return true;
    return false;
  }

  private final class Calls extends MethodVisitor {
    private final String type;
    private final boolean initializer, isInterface;

    Calls(MethodVisitor out, String type, boolean initializer, boolean isInterface) {
      super(Opcodes.ASM9, out);
      this.type = type;
      this.initializer = initializer;
      this.isInterface = isInterface;
    }

    @Override public void visitInvokeDynamicInsn(String name, String desc, Handle bootstrap, Object... args) {
      if (!bootstrap.getOwner().equals(SUPPORT)) {
        super.visitInvokeDynamicInsn(name, desc, bootstrap, args);
      } else if (bootstrap.getName().equals("bootstrapInit") && !shadowed(type)) {
        direct++;
        super.visitInsn(Opcodes.POP);
        super.visitLdcInsn(NO_SHADOW);
      } else if (args.length == 2 && args[0] instanceof Handle h && args[1].equals(0) && !takers.takes(type, name)) {
        direct++;
        super.visitMethodInsn(h.getTag() == Opcodes.H_INVOKESTATIC ? Opcodes.INVOKESTATIC : Opcodes.INVOKESPECIAL, h.getOwner(), h.getName(), h.getDesc(), h.isInterface());
      } else {
        boolean ours = BOOTSTRAPS.contains(bootstrap.getName());
        kept++;
        super.visitInvokeDynamicInsn(name, desc, !ours ? bootstrap
            : new Handle(bootstrap.getTag(), SHADOWED, bootstrap.getName(), bootstrap.getDesc(), bootstrap.isInterface()), args);
      }
    }

    @Override public void visitMethodInsn(int op, String owner, String name, String d, boolean itf) {
      if (!owner.equals(INTERNALS) || !name.equals("classInitializing") || takers.takes(type, INITIALIZER)) {
        super.visitMethodInsn(op, owner, name, d, itf);
        return;
      }
      super.visitInsn(Opcodes.POP);
      if (initializer) super.visitMethodInsn(Opcodes.INVOKESTATIC, type, INITIALIZER, "()V", isInterface);
    }
  }
}
