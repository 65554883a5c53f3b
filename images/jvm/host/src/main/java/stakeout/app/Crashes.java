package stakeout.app;

import java.util.List;
import stakeout.host.Events;

/** Unhandled exceptions of the app. */
final class Crashes {
  private Crashes() {}

  static void uncaught(Thread t, Throwable e) {
    List<String> stack = Events.frames(e.getStackTrace());
    Events.fact(stack, "crashed", "message", String.valueOf(e), "stack", stack);
    e.printStackTrace();
  }
}
