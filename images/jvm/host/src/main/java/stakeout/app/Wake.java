package stakeout.app;

import android.os.SystemClock;

/**
 * The temporary allowances that Android gives with a wake-up: an app that gets an exact alarm, BOOT_COMPLETED or a high-priority
 * message may start services for some seconds, though it is in the background.
 */
final class Wake {
  private Wake() {}

  private static final long MILLIS = 10_000;
  private static volatile long until;
  private static volatile boolean user;

  /** A wake-up that carries the allowance. */
  static void allow() {
    until = SystemClock.uptimeMillis() + MILLIS;
  }

  private static volatile long networkUntil;

  /** Any alarm that is allowed while idle: for as long the network is there in doze, too. */
  static void allowNetwork() {
    networkUntil = SystemClock.uptimeMillis() + MILLIS;
    if (!Doze.deep()) return;
    Connectivity.settle();
    stakeout.time.Clock.at(networkUntil, () -> Device.between(Connectivity::settle));
  }

  static boolean network() {
    return SystemClock.uptimeMillis() < networkUntil;
  }

  static boolean allowed() {
    return SystemClock.uptimeMillis() < until;
  }

  /** While the launcher starts the app. */
  static void userStarts(boolean now) {
    user = now;
  }

  static boolean userStarts() {
    return user;
  }
}
