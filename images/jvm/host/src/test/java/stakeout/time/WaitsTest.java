package stakeout.time;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.junit.Test;

public class WaitsTest {
  private static final Predicate<String> NOT_OURS = c -> false, TEST = c -> c.startsWith(WaitsTest.class.getName());

  /** Starts it and comes back when it has got into that state. */
  private static Thread until(Thread.State state, Runnable r) {
    Thread t = new Thread(r);
    t.setDaemon(true);
    t.start();
    while (t.getState() != state) Thread.onSpinWait();
    return t;
  }

  @Test public void a_child_process_that_is_waited_for_is_work() throws IOException {
    Process p = new ProcessBuilder("sleep", "60").start();
    try {
      Thread t = until(Thread.State.WAITING, () -> {
        try {
          p.waitFor();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      });
      assertTrue(Waits.works(t, TEST));
    } finally {
      p.destroy();
    }
  }

  @Test public void a_latch_of_the_apps_own_is_no_work() {
    CountDownLatch latch = new CountDownLatch(1);
    Thread t = until(Thread.State.WAITING, () -> {
      try {
        latch.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    });
    assertFalse(Waits.works(t, TEST));
    latch.countDown();
  }

  private static StackTraceElement[] stack(String... frames) {
    StackTraceElement[] s = new StackTraceElement[frames.length];
    for (int i = 0; i < s.length; i++) {
      int dot = frames[i].lastIndexOf('.');
      s[i] = new StackTraceElement(frames[i].substring(0, dot), frames[i].substring(dot + 1), null, 1);
    }
    return s;
  }

  @Test public void a_class_that_is_being_made_ready_and_the_hosts_rooms_are_work_but_not_below_the_app_or_a_looper() {
    assertTrue(Waits.works(stack("java.lang.Object.wait", "a.B.<clinit>", "app.Main.run"), c -> c.startsWith("app.")));
    assertTrue(Waits.works(stack("java.lang.Object.wait", "stakeout.audio.Recording.finish", "app.Main.run"), c -> c.startsWith("app.")));
    assertFalse(Waits.works(stack("java.lang.Object.wait", "app.Main.frame", "stakeout.camera.Camera1.tick"), c -> c.startsWith("app.")));
    assertFalse(Waits.works(stack("java.lang.Object.wait", "android.os.MessageQueue.nativePollOnce", "stakeout.app.Device.loop"), NOT_OURS));
  }

  @Test public void a_lock_held_by_the_host_is_work_and_one_held_by_the_app_is_not() {
    Object lock = new Object();
    synchronized (lock) {
      Thread t = until(Thread.State.BLOCKED, () -> {
        synchronized (lock) {
          lock.notifyAll();
        }
      });
      long me = Thread.currentThread().getId();
      assertTrue(Waits.blockedByOthers(t, id -> id != me));
      assertFalse(Waits.blockedByOthers(t, id -> id == me));
    }
  }

  @Test public void only_a_server_sockets_accept_is_idle() throws IOException {
    boolean[] accepts = {true};
    Consumer<String> accept = new Consumer<>() {
      @Override public void accept(String s) {
        accepts[0] = Waits.accepts(Thread.currentThread().getStackTrace());
      }
    };
    accept.accept("");
    assertFalse(accepts[0]);
    assertTrue(Waits.accepts(stack("sun.nio.ch.Net.poll", "sun.nio.ch.NioSocketImpl.park", "sun.nio.ch.NioSocketImpl.accept", "java.net.ServerSocket.implAccept", "app.Main.run")));
  }

  @Test(timeout = 60_000) public void a_thread_that_runs_is_seen_by_the_system_unless_it_is_excepted() {
    AtomicBoolean go = new AtomicBoolean(true);
    Thread t = new Thread(() -> {
      while (go.get()) Thread.onSpinWait();
    }, "a-name-that-is-long");
    t.setDaemon(true);
    t.start();
    Set<String> me = Set.of("java", Tasks.shortName(Thread.currentThread().getName()));
    while (!Tasks.runnable(me)) Thread.onSpinWait();
    Set<String> both = new HashSet<>(me);
    both.add("a-name-that-is-");
    while (Tasks.runnable(both)) Thread.onSpinWait(); // others of this JVM may run for a moment
    while (!Tasks.runnable(me)) Thread.onSpinWait(); // it is seen again, though a thread between two slices may be missed once
    go.set(false);
    assertEquals("a-name-that-is-", Tasks.shortName(t.getName()));
  }
}
