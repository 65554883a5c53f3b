package stakeout.app;

import android.app.Application;
import android.content.BroadcastReceiver;
import android.content.Intent;
import android.content.pm.ActivityInfo;
import android.content.pm.ResolveInfo;
import android.os.Handler;
import android.os.Looper;
import java.util.List;
import java.util.Set;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.util.ReflectionHelpers;
import org.robolectric.util.ReflectionHelpers.ClassParameter;
import stakeout.host.AppLoader;
import stakeout.host.Events;

/** Receivers of the manifest: a new object for each broadcast. Registered ones are the framework's (its shadow keeps them). */
final class Receivers {
  private Receivers() {}

  /** Since API 26 only these implicit broadcasts reach a manifest, of those that this device sends. */
  private static final Set<String> EXEMPT = Set.of(Intent.ACTION_BOOT_COMPLETED, Intent.ACTION_LOCKED_BOOT_COMPLETED, Intent.ACTION_TIMEZONE_CHANGED,
      Intent.ACTION_LOCALE_CHANGED, Intent.ACTION_MY_PACKAGE_REPLACED, "android.provider.Telephony.SMS_RECEIVED", "android.intent.action.PHONE_STATE",
      "android.intent.action.NEW_OUTGOING_CALL", "android.app.action.SCHEDULE_EXACT_ALARM_PERMISSION_STATE_CHANGED");

  /** To the manifest's receivers, after the code that sends it. */
  static void send(Intent i) {
    foreign(i);
    Application app = RuntimeEnvironment.getApplication();
    boolean explicit = i.getComponent() != null || Installed.packageName().equals(i.getPackage());
    if (!explicit && Installed.ruled(26) && !EXEMPT.contains(String.valueOf(i.getAction()))) return;
    if ((i.getFlags() & Intent.FLAG_RECEIVER_REGISTERED_ONLY) != 0) return;
    List<ResolveInfo> found = app.getPackageManager().queryBroadcastReceivers(i, 0);
    for (ResolveInfo r : found) {
      ActivityInfo info = r.activityInfo;
      if (!info.packageName.equals(Installed.packageName())) continue;
      Intent copy = new Intent(i).setClassName(info.packageName, info.name);
      new Handler(Looper.getMainLooper()).post(() -> deliver(info, copy));
    }
  }

  /** Another app's receiver may send what it is told, as its page may. */
  private static void foreign(Intent i) {
    String to = i.getComponent() != null ? i.getComponent().getPackageName() : i.getPackage();
    if (to == null || to.equals(Installed.packageName()) || !Activities.gives(i)) return;
    Events.unsupported("android.content.Context.sendBroadcast of " + (i.getAction() != null ? i.getAction() : i.getComponent()) + ", with data", "ignored");
  }

  private static void deliver(ActivityInfo info, Intent i) {
    Events.fact(List.of(), "broadcast", "what", (i.getAction() == null ? "" : i.getAction() + " -> ") + info.name);
    BroadcastReceiver b;
    try {
      b = (BroadcastReceiver) Class.forName(info.name, true, AppLoader.current()).getDeclaredConstructor().newInstance();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("Unable to instantiate receiver " + info.name, e); // as the framework says it
    }
    prepare(b);
    b.onReceive(RuntimeEnvironment.getApplication(), i);
  }

  /** So that goAsync() gives something to finish. */
  private static void prepare(BroadcastReceiver b) {
    Object pending = ReflectionHelpers.callStaticMethod(Receivers.class.getClassLoader(), "org.robolectric.shadows.ShadowBroadcastPendingResult", "create",
        ClassParameter.from(int.class, 0), ClassParameter.from(String.class, null), ClassParameter.from(android.os.Bundle.class, null), ClassParameter.from(boolean.class, false));
    b.setPendingResult((BroadcastReceiver.PendingResult) pending);
  }

  /** A broadcast of the system, to both kinds; starts the process only for a receiver in the manifest. */
  static void system(Intent i) {
    if (!AppProcess.alive() && !(manifestWants(i) && AppProcess.ensure())) return;
    RuntimeEnvironment.getApplication().sendBroadcast(i);
  }

  private static boolean manifestWants(Intent i) {
    return Manifest.receives(i.getAction());
  }
}
