package stakeout.app;

import android.app.PendingIntent;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import stakeout.host.Events;
import stakeout.host.Trial;
import stakeout.time.Clock;

/** The system's alarms: they outlive the app's process, start it anew, and are gone after a reboot. */
final class Alarms {
  private Alarms() {}

  /** API 19: inexact alarms may be late by three quarters of their delay; batching starts at the due time, so on time is right too. */
  private static final long LEAST_REPEAT = 60_000, WHILE_IDLE_GAP = 9 * 60_000, WHILE_IDLE_GAP_M = 15 * 60_000;

  private static final class Alarm {
    final PendingIntent operation;
    final Runnable listener;
    final Object key;
    final long interval;
    final boolean exact, whileIdle;
    long when;
    Object entry;

    Alarm(long when, long interval, boolean exact, boolean whileIdle, PendingIntent operation, Object key, Runnable listener) {
      this.when = when;
      this.interval = interval;
      this.exact = exact;
      this.whileIdle = whileIdle;
      this.operation = operation;
      this.key = key;
      this.listener = listener;
    }
  }

  private static final List<Alarm> ALL = new ArrayList<>();
  private static long lastWhileIdle = Long.MIN_VALUE / 2;

  /** @param listener what an OnAlarmListener does, null for an operation; it dies with the process */
  static void set(long when, long interval, boolean exact, boolean whileIdle, PendingIntent operation, Object key, Runnable listener) {
    cancel(operation, key);
    long every = interval <= 0 ? 0 : Trial.rules >= 22 ? Math.max(LEAST_REPEAT, interval) : interval;
    Alarm a = new Alarm(when, every, exact, whileIdle, operation, key, listener);
    synchronized (ALL) {
      ALL.add(a);
    }
    arm(a);
  }

  private static void arm(Alarm a) {
    long due = Math.max(a.when, Clock.now());
    if (Doze.on()) due = a.whileIdle ? Math.max(due, lastWhileIdle + (Trial.rules < 24 ? WHILE_IDLE_GAP_M : WHILE_IDLE_GAP)) : Doze.nextWindow(due);
    if (due == Long.MAX_VALUE) {
      a.entry = null; // until doze ends
      return;
    }
    a.entry = Clock.at(due, () -> Device.between(() -> fire(a)));
  }

  private static void fire(Alarm a) {
    synchronized (ALL) {
      if (!ALL.contains(a)) return;
      if (a.interval <= 0) ALL.remove(a);
    }
    if (Doze.on() && a.whileIdle) lastWhileIdle = Clock.now();
    if (a.interval > 0) {
      a.when += Math.max(1, (Clock.now() - a.when) / a.interval + 1) * a.interval;
      arm(a);
    }
    Events.fact(List.of(), "alarm", "what", what(a));
    if (a.listener != null) {
      a.listener.run();
      return;
    }
    if (!AppProcess.ensure()) return;
    if (a.whileIdle) Wake.allowNetwork();
    if (a.exact && a.whileIdle) Wake.allow();
    try {
      a.operation.send();
    } catch (PendingIntent.CanceledException e) {
      remove(a);
    }
  }

  private static String what(Alarm a) {
    String kind = a.exact ? "exact" : "inexact";
    if (a.operation == null) return kind + " listener";
    android.content.Intent i = ((PendingIntentShadow) org.robolectric.shadow.api.Shadow.extract(a.operation)).getSavedIntent();
    return kind + " " + (i.getComponent() != null ? i.getComponent().getClassName() : i.getAction());
  }

  private static void remove(Alarm a) {
    synchronized (ALL) {
      ALL.remove(a);
    }
    if (a.entry != null) Clock.cancel(a.entry);
  }

  private static List<Alarm> copy() {
    synchronized (ALL) {
      return new ArrayList<>(ALL);
    }
  }

  static void cancel(PendingIntent operation, Object key) {
    for (Alarm a : copy()) {
      if (operation != null && operation.equals(a.operation) || key != null && key.equals(a.key)) remove(a);
    }
  }

  static void cancelAll() {
    for (Alarm a : copy()) remove(a);
  }

  /** Listeners are callbacks of a process that is gone. */
  static void processDied() {
    for (Alarm a : copy()) if (a.listener != null) remove(a);
  }

  /** Doze began or ended: what is due when has changed. */
  static void again() {
    for (Alarm a : copy()) {
      if (a.entry != null) Clock.cancel(a.entry);
      arm(a);
    }
  }

  static int count() {
    return copy().size();
  }

  /** Runs a listener on its executor or handler. */
  static Runnable on(Executor e, Runnable r) {
    return () -> e.execute(r);
  }
}
