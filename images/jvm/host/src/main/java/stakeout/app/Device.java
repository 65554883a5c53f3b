package stakeout.app;

import android.content.Intent;
import android.os.Handler;
import android.os.Looper;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.ConscryptMode;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.annotation.LooperMode;
import org.robolectric.annotation.SQLiteMode;
import org.robolectric.annotation.experimental.LazyApplication;
import org.robolectric.internal.AndroidSandbox;
import org.robolectric.internal.TestEnvironment;
import org.robolectric.manifest.AndroidManifest;
import org.robolectric.pluginapi.config.ConfigurationStrategy;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowAlarmManager;
import org.robolectric.shadows.ShadowLooper;
import org.robolectric.shadows.ShadowPausedLooper;
import org.robolectric.shadows.ShadowView;
import stakeout.host.Log;
import stakeout.host.Trial;
import stakeout.host.Verbs;
import stakeout.time.Clock;

/** Inside the sandbox, on its main thread: a warm boot without an app, then the main looper for ever. */
public final class Device implements Runnable {
  private static TestEnvironment env;
  private final Path empty;
  private final Consumer<Verbs> ready;

  public Device(AndroidSandbox sandbox, Path empty, Consumer<Verbs> ready) {
    env = sandbox.getTestEnvironment();
    this.empty = empty;
    this.ready = ready;
  }

  private static final class Settings implements ConfigurationStrategy.Configuration {
    private final Map<Class<?>, Object> map = new LinkedHashMap<>(Map.of(ConscryptMode.Mode.class, ConscryptMode.Mode.OFF,
        LooperMode.Mode.class, LooperMode.Mode.PAUSED, LazyApplication.LazyLoad.class, LazyApplication.LazyLoad.OFF,
        GraphicsMode.Mode.class, GraphicsMode.Mode.NATIVE, SQLiteMode.Mode.class, SQLiteMode.Mode.NATIVE,
        Config.class, new Config.Builder().setQualifiers(Screen.qualifiers()).build()));
    @Override public <T> T get(Class<T> c) { return c.cast(map.get(c)); }
    @Override public Collection<Class<?>> keySet() { return map.keySet(); }
    @Override public Map<Class<?>, Object> map() { return map; }
  }

  /** Robolectric overwrites targetSdkVersion with this class's answer, which without a source manifest would be wrong. */
  private static final class Manifest extends AndroidManifest {
    final int target;
    Manifest(Path apk, int target) {
      super(null, null, null, null, "", apk);
      this.target = target;
    }
    @Override public int getTargetSdkVersion() { return target; }
  }

  @Override public void run() {
    Thread.currentThread().setContextClassLoader(Device.class.getClassLoader());
    try {
      warm();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
    Trial.clock = Clock::trialNanos;
    ready.accept(new DeviceVerbs());
    loop();
  }

  static void setUp(String name, Path apk, int target) {
    env.setUpApplicationState(name, new Settings(), new Manifest(apk, target));
    ShadowView.setUseRealViewAnimations(false);
    ShadowAlarmManager.setAutoSchedule(true); // the reset undoes it
  }

  /** Ends the framework's state of one package: the next `setUp` starts from none. */
  static void tearDown() {
    env.tearDownApplication();
    env.resetState();
    Activities.forget();
    Services.forget();
  }

  /** What costs most at a first start is not the app: class loading, fonts, the first draw. Done before an app is known. */
  private void warm() throws Exception {
    setUp("warm", empty, Math.min(34, Trial.api));
    Activities.show(WarmUp.class, new Intent());
    ShadowLooper.shadowMainLooper().idle();
    Screen.png();
    Activities.home();
    ShadowLooper.shadowMainLooper().idle();
    tearDown();
    Log.event("warm", "ready for an app");
  }

  /** The main thread's life. It waits in a latch when idle, so the clock sees it parked like any other thread. */
  private static void loop() {
    ShadowPausedLooper main = Shadow.extract(Looper.getMainLooper());
    while (true) {
      try {
        main.idle();
        main.poll(0);
      } catch (Throwable t) {
        Crashes.uncaught(Thread.currentThread(), t);
      }
    }
  }

  /** From the controlling thread: runs on the main thread between messages. */
  static <T> T onMain(Callable<T> c) throws Exception {
    FutureTask<T> task = new FutureTask<>(c);
    new Handler(Looper.getMainLooper()).post(task);
    try {
      return task.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception x) throw x;
      throw e;
    }
  }
}
