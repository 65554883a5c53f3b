package stakeout.app;

import android.app.Activity;
import android.content.Intent;
import android.content.pm.ActivityInfo;
import android.content.pm.PackageManager;
import android.os.Handler;
import android.os.Looper;
import java.lang.reflect.Method;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.robolectric.RuntimeEnvironment;
import stakeout.camera.SurfaceViewShadow;
import stakeout.host.Events;

/** The back stack: one task, what is on top is seen unless the user pressed Home or the screen is off. */
public final class Activities {
  private Activities() {}

  private static final List<ActivityRecord> STACK = new ArrayList<>();
  /** The change of the stack that is under way, and those that came meanwhile. */
  private static final ArrayDeque<Runnable> LATER = new ArrayDeque<>();
  private static boolean changing;

  /**
   * One change of the stack after the other. Robolectric runs the looper's messages in the middle of a life-cycle step (when a
   * window gets or loses the focus, or becomes visible), and such a message may be the next change.
   */
  private static void change(Runnable r) {
    LATER.add(r);
    if (changing) return;
    changing = true;
    try {
      for (Runnable next; (next = LATER.poll()) != null; ) next.run();
    } finally {
      changing = false;
    }
  }

  static ActivityRecord top() {
    return STACK.isEmpty() ? null : STACK.get(STACK.size() - 1);
  }

  /** The activity on top of the stack, visible or not; null when there is none. */
  public static Activity topActivity() {
    return top() == null ? null : top().activity();
  }

  /** Something visible, or gone for less than the minute after which Android calls a uid idle. */
  public static boolean recentlyVisible() {
    return Uid.recentlyVisible();
  }

  /** The empty package's activity, which is not in any manifest. */
  static void warm() {
    ActivityInfo info = new ActivityInfo();
    info.name = WarmUp.class.getName();
    STACK.add(new ActivityRecord(new Intent(), info));
    Uid.visible(true);
    top().resume();
  }

  /** A start by the app or the launcher; it happens later, as on Android. Answers for `from` if it waits for a result. */
  static void start(Activity from, String who, Intent intent, int code) {
    ActivityInfo info = intent.resolveActivityInfo(RuntimeEnvironment.getApplication().getPackageManager(), PackageManager.GET_META_DATA);
    if (info == null || !info.packageName.equals(Installed.packageName())) {
      Events.unsupported("android.content.Context.startActivity of " + (intent.getAction() != null ? intent.getAction() : intent.getComponent()) + (gives(intent) ? ", with data" : ""), "ignored");
      if (code >= 0 && from != null) result(from, who, code, Activity.RESULT_CANCELED, null);
      return;
    }
    if (!Uid.mayStartActivity()) {
      Events.fact("refused", "sensor", null, "data", null, "what", "startActivity " + info.name + " from the background", "reason", "policy");
      return;
    }
    new Handler(Looper.getMainLooper()).post(() -> change(() -> open(from, who, intent, code, info)));
  }

  /** Whether another app is told more than what it is for: an address or extras can hold anything. */
  static boolean gives(Intent intent) {
    boolean names = intent.getData() != null && !"package".equals(intent.getScheme());
    return names || intent.getClipData() != null || intent.getExtras() != null && !intent.getExtras().isEmpty();
  }

  private static void open(Activity from, String who, Intent intent, int code, ActivityInfo info) {
    int flags = intent.getFlags();
    if (top() != null && Uid.visible()) top().pause();
    if ((flags & Intent.FLAG_ACTIVITY_CLEAR_TASK) != 0) for (ActivityRecord r : new ArrayList<>(STACK)) drop(r);
    ActivityRecord same = same(info, flags);
    if (same != null) {
      for (int i = STACK.size() - 1; STACK.get(i) != same; i--) drop(STACK.get(i));
      boolean fresh = (flags & Intent.FLAG_ACTIVITY_CLEAR_TOP) != 0 && (flags & Intent.FLAG_ACTIVITY_SINGLE_TOP) == 0
          && info.launchMode == ActivityInfo.LAUNCH_MULTIPLE;
      if (!fresh) {
        same.newIntent(intent);
        show();
        return;
      }
      drop(same);
    }
    ActivityRecord r = new ActivityRecord(intent, info);
    if (code >= 0) {
      r.code = code;
      r.who = who;
      r.resultTo = STACK.stream().filter(x -> x.is(from)).findFirst().orElse(null);
    }
    STACK.add(r);
    show();
  }

  private static ActivityRecord same(ActivityInfo info, int flags) {
    boolean anywhere = info.launchMode >= ActivityInfo.LAUNCH_SINGLE_TASK || (flags & Intent.FLAG_ACTIVITY_CLEAR_TOP) != 0;
    boolean onTop = info.launchMode == ActivityInfo.LAUNCH_SINGLE_TOP || (flags & Intent.FLAG_ACTIVITY_SINGLE_TOP) != 0;
    for (int i = STACK.size() - 1; i >= 0 && (anywhere || onTop && i == STACK.size() - 1); i--) {
      if (Objects.equals(STACK.get(i).info.name, info.name)) return STACK.get(i);
    }
    return null;
  }

  private static void drop(ActivityRecord r) {
    STACK.remove(r);
    r.destroy();
  }

  /** Brings the top to the front and stops what it hides; removes what finished meanwhile. */
  private static void show() {
    Uid.visible(true);
    ActivityRecord below = STACK.size() > 1 ? STACK.get(STACK.size() - 2) : null;
    if (top() != null) top().resume();
    if (below != null && top() != null && !top().finishing()) below.stop();
    settle();
  }

  /** After a finish(): destroys the finished, gives their results, and shows what is on top now. */
  private static void settle() {
    while (top() != null) {
      ActivityRecord done = STACK.stream().filter(ActivityRecord::finishing).reduce((a, b) -> b).orElse(null);
      if (done == null) break;
      boolean wasTop = done == top();
      done.pause();
      if (done.resultTo != null && done.resultTo.activity() != null) result(done.resultTo.activity(), done.who, done.code, done.resultCode(), done.resultData());
      STACK.remove(done);
      if (wasTop && top() != null && !top().finishing() && Uid.screenOnAndNotHome()) top().resume();
      done.destroy();
    }
    if (STACK.isEmpty()) Uid.visible(false);
  }

  /** Called when an activity asked for its end. */
  static void finished() {
    new Handler(Looper.getMainLooper()).post(() -> change(Activities::settle));
  }

  static void result(Activity to, String who, int code, int resultCode, Intent data) {
    new Handler(Looper.getMainLooper()).post(() -> {
      try {
        for (Method m : Activity.class.getDeclaredMethods()) { // four parameters, five since API 28
          if (!m.getName().equals("dispatchActivityResult")) continue;
          m.setAccessible(true);
          m.invoke(to, Arrays.copyOf(new Object[] {who, code, resultCode, data, "result"}, m.getParameterCount()));
          return;
        }
      } catch (java.lang.reflect.InvocationTargetException e) {
        throw e.getCause() instanceof RuntimeException r ? r : new IllegalStateException(e.getCause());
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    });
  }

  /** The Home key, pressed by the user. */
  public static void pressHome() {
    Launcher.home();
  }

  /** As the Home key: paused and stopped, the process stays. */
  static void home() {
    change(() -> {
      if (top() == null || !Uid.visible()) return;
      top().pause();
      Uid.visible(false);
      top().stop();
      SurfaceViewShadow.windowHidden();
    });
  }

  /** The launcher's icon, or the screen turned on again: what was on top comes back. @return false when there is nothing */
  static boolean comeBack() {
    if (top() == null) return false;
    change(() -> {
      Uid.visible(true);
      top().resume();
      SurfaceViewShadow.windowShown();
      settle();
    });
    return true;
  }

  /** The activity that crashed does not come back. */
  static void dropTop() {
    if (top() != null && Uid.visible()) STACK.remove(STACK.size() - 1);
  }

  /** @return whether an activity was visible that the system brings back */
  static boolean processDied() {
    LATER.clear();
    boolean back = Uid.visible() && !STACK.isEmpty();
    for (ActivityRecord r : STACK) r.processDied();
    if (!back && Uid.visible()) Uid.visible(false);
    return back;
  }

  static void recreateTop() {
    change(() -> {
      if (top() != null) show();
    });
  }

  static void finishAll() {
    for (ActivityRecord r : STACK) {
      Activity a = r.activity();
      if (a != null && !a.isFinishing()) a.finish();
    }
  }

  static boolean isRoot(Activity a) {
    return !STACK.isEmpty() && STACK.get(0).is(a);
  }

  static void destroyAll() {
    for (int i = STACK.size() - 1; i >= 0; i--) STACK.get(i).destroy();
    STACK.clear();
  }

  static void forget() {
    LATER.clear();
    STACK.clear();
    Uid.forget();
  }
}
