package stakeout.rewrite;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.junit.Test;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

public class RewriterTest {
  /** Calls that an app makes; compiled by the same compiler, read as bytes. */
  @SuppressWarnings("unused")
  static final class Sample {
    static class Own extends Thread {
      public static void sleep(long ms) {}
    }

    long now() throws Exception {
      Thread.sleep(5);
      Own.sleep(5);
      new java.util.Date();
      new java.util.Timer();
      java.net.HttpURLConnection c = (java.net.HttpURLConnection) new java.net.URL("http://x/").openConnection();
      c.connect();
      return System.currentTimeMillis();
    }
  }

  private static byte[] bytes(String name) {
    try (InputStream in = RewriterTest.class.getClassLoader().getResourceAsStream(name + ".class")) {
      return in == null ? null : in.readAllBytes();
    } catch (java.io.IOException e) {
      return null;
    }
  }

  private static List<String> calls() {
    List<String> l = new ArrayList<>();
    byte[] b = new Rewriter(new Hierarchy(RewriterTest::bytes)).app(bytes("stakeout/rewrite/RewriterTest$Sample"));
    new ClassReader(b).accept(new ClassVisitor(Opcodes.ASM9) {
      @Override public MethodVisitor visitMethod(int a, String n, String d, String s, String[] e) {
        return new MethodVisitor(Opcodes.ASM9) {
          @Override public void visitMethodInsn(int op, String owner, String name, String desc, boolean itf) {
            l.add(owner + "." + name + desc);
          }
        };
      }
    }, 0);
    return l;
  }

  @Test public void the_clock_and_sleep_become_virtual() {
    assertTrue(calls().contains("stakeout/time/VTime.currentTimeMillis()J"));
    assertTrue(calls().contains("stakeout/time/VTime.sleep(J)V"));
  }

  @Test public void a_date_of_now_is_made_from_the_virtual_clock() {
    assertTrue(calls().contains("java/util/Date.<init>(J)V"));
  }

  @Test public void a_class_of_the_jdk_is_replaced_by_our_subclass_where_it_is_made() {
    assertTrue(calls().contains("stakeout/time/VTimer.<init>()V"));
  }

  @Test public void a_call_on_a_subclass_is_redirected_with_the_receiver_in_front() {
    assertTrue(calls().contains("stakeout/net/Web.connect(Ljava/net/URLConnection;)V"));
  }

  @Test public void a_method_that_a_class_of_the_app_declares_itself_is_left_alone() {
    assertEquals(1, calls().stream().filter(c -> c.equals("stakeout/rewrite/RewriterTest$Sample$Own.sleep(J)V")).count());
  }

  @Test public void classes_of_the_host_that_the_code_names_by_itself_are_found() {
    assertTrue(Rewriter.named(bytes("stakeout/rewrite/RewriterTest$Sample")).contains("stakeout.rewrite.RewriterTest$Sample"));
    assertEquals(java.util.Set.of(), Rewriter.named(bytes("org/objectweb/asm/ClassReader")));
  }
}
