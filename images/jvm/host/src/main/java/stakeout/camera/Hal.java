package stakeout.camera;

import android.os.Handler;
import android.os.HandlerThread;

/** The thread that plays the cameras' and encoders' hardware. To the clock it is like an app's: its work holds time. */
public final class Hal {
  private Hal() {}

  private static HandlerThread thread;
  private static Handler handler;

  /** Made anew when the framework's reset has ended the looper of the former. */
  public static synchronized Handler handler() {
    if (thread == null || !thread.isAlive()) {
      thread = new HandlerThread("camera-hal");
      thread.start();
      handler = new Handler(thread.getLooper());
    }
    return handler;
  }
}
