package stakeout.net;

import android.os.Looper;
import android.os.NetworkOnMainThreadException;
import android.os.StrictMode;
import stakeout.app.Installed;

/** API 11: the network on the main thread is an exception, unless the app's thread policy permits it. */
final class MainThread {
  private MainThread() {}

  private static final int TARGET = 11;
  private static volatile String asStarted;

  static void processStarts() {
    asStarted = StrictMode.getThreadPolicy().toString();
  }

  static void check() {
    if (Installed.target() < TARGET || Looper.myLooper() != Looper.getMainLooper() || asStarted == null) return;
    if (StrictMode.getThreadPolicy().toString().equals(asStarted)) throw new NetworkOnMainThreadException();
  }
}
