package stakeout.app;

import android.app.Activity;
import android.content.Intent;
import android.content.pm.ActivityInfo;
import android.os.Bundle;
import java.util.List;
import org.robolectric.Robolectric;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowActivity;
import stakeout.camera.SurfaceViewShadow;
import stakeout.host.AppLoader;
import stakeout.host.Events;

/** One activity of the back stack and where it is in its life. The record outlives the object when the process dies. */
final class ActivityRecord {
  private enum State { NONE, STOPPED, PAUSED, RESUMED, DESTROYED }

  final Intent intent;
  final ActivityInfo info;
  /** Who waits for its result, with the code and the name ("who": a fragment, or null) given at the start. */
  ActivityRecord resultTo;
  String who;
  int code = -1;
  private ActivityController<? extends Activity> controller;
  private State state = State.NONE;
  private Bundle saved;

  ActivityRecord(Intent intent, ActivityInfo info) {
    this.intent = intent;
    this.info = info;
  }

  String name() {
    return info.targetActivity != null ? info.targetActivity : info.name;
  }

  Activity activity() {
    return controller == null ? null : controller.get();
  }

  boolean is(Activity a) {
    return a != null && activity() == a;
  }

  boolean finishing() {
    return controller != null && controller.get().isFinishing();
  }

  private void tell(String change) {
    Events.fact(List.of(), "activity", "name", name(), "change", change);
  }

  /** To the front, from wherever it is. Every callback may call finish(), so that is looked at after each. */
  void resume() {
    if (controller == null) {
      create();
    } else if (state == State.STOPPED) {
      controller.restart().start();
      state = State.PAUSED;
    }
    if (finishing() || state != State.PAUSED) return;
    state = State.RESUMED;
    tell("resumed"); // before onResume, where apps open cameras
    controller.resume();
    if (finishing()) return;
    Frames.lively();
    controller.visible();
    Frames.drawNow();
    if (finishing() || state != State.RESUMED) return;
    controller.windowFocusChanged(true).topActivityResumed(true);
  }

  private void create() {
    Class<? extends Activity> c;
    try {
      c = Class.forName(name(), true, AppLoader.current()).asSubclass(Activity.class);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException("Unable to instantiate activity " + name(), e); // as the framework says it
    }
    controller = Robolectric.buildActivity(c, intent);
    state = State.STOPPED;
    controller.create(saved);
    if (finishing()) return;
    controller.start();
    state = State.PAUSED;
    if (saved != null) controller.restoreInstanceState(saved);
    controller.postCreate(saved);
  }

  void newIntent(Intent i) {
    if (controller != null) controller.newIntent(i);
  }

  void pause() {
    if (state != State.RESUMED) return;
    state = State.PAUSED;
    controller.topActivityResumed(false).windowFocusChanged(false).pause();
    tell("paused");
  }

  void stop() {
    pause();
    if (state != State.PAUSED) return;
    state = State.STOPPED;
    if (!finishing()) {
      saved = new Bundle();
      controller.saveInstanceState(saved);
    }
    controller.stop();
    tell("stopped");
  }

  void destroy() {
    if (controller == null || state == State.DESTROYED) return;
    stop();
    state = State.DESTROYED;
    controller.destroy();
    tell("destroyed");
  }

  int resultCode() {
    return ((ShadowActivity) Shadow.extract(activity())).getResultCode();
  }

  Intent resultData() {
    return ((ShadowActivity) Shadow.extract(activity())).getResultIntent();
  }

  /** The object is gone with its process; what it saved in time is kept. */
  void processDied() {
    controller = null;
    state = State.NONE;
  }
}
