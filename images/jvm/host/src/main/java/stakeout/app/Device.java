package stakeout.app;

import android.os.Handler;
import android.os.Looper;
import android.os.Message;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.ConscryptMode;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.annotation.LooperMode;
import org.robolectric.annotation.SQLiteMode;
import org.robolectric.annotation.experimental.LazyApplication;
import org.robolectric.internal.AndroidSandbox;
import org.robolectric.internal.TestEnvironment;
import org.robolectric.manifest.AndroidManifest;
import org.robolectric.nativeruntime.DefaultNativeRuntimeLoader;
import org.robolectric.pluginapi.config.ConfigurationStrategy;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowLooper;
import org.robolectric.shadows.ShadowPausedLooper;
import org.robolectric.shadows.ShadowView;
import stakeout.host.Events;
import stakeout.audio.Ffmpeg;
import stakeout.host.Log;
import stakeout.host.Trial;
import stakeout.host.Verbs;
import stakeout.time.Clock;

/** Inside the sandbox, on its main thread: a warm boot without an app, then the main looper for ever. */
public final class Device implements Runnable {
  private static final Queue<Runnable> BETWEEN = new ConcurrentLinkedQueue<>();
  private static TestEnvironment env;
  /** The main thread of every life of the app. */
  static Thread main;
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
    main = Thread.currentThread();
    main.setContextClassLoader(Device.class.getClassLoader());
    try {
      warm();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
    Trial.clock = Clock::trialNanos;
    Memory.watch();
    Events.warm = true;
    ready.accept(new DeviceVerbs());
    loop();
  }

  static void setUp(String name, Path apk, int target) {
    env.setUpApplicationState(name, new Settings(), new Manifest(apk, target));
    ShadowView.setUseRealViewAnimations(false);
    Frames.pace();
  }

  /** Ends the framework's state of one package: the next `setUp` starts from none. The application is not told, as on Android. */
  static void tearDown() {
    RuntimeEnvironment.application = null;
    env.tearDownApplication();
    env.resetState();
    Crashes.forget();
    main.setContextClassLoader(Device.class.getClassLoader());
  }

  /** What costs most at a first start is not the app: class loading, fonts, the first draw. Done before an app is known. */
  private void warm() throws Exception {
    setUp("warm", empty, 23);
    Activities.warm();
    ShadowLooper.shadowMainLooper().idle();
    if (Screen.png() == null) throw new IllegalStateException("the empty screen was not drawn");
    Activities.home();
    ShadowLooper.shadowMainLooper().idle();
    Activities.forget();
    // Unpacks 41 MB into the temporary folder: later they would count as the app's files.
    DefaultNativeRuntimeLoader.injectAndLoad();
    tearDown();
    Ffmpeg.present();
    Log.event("warm", "ready for an app");
  }

  /** The main thread's life. It waits in a latch when idle, so the clock sees it parked like any other thread. */
  private static void loop() {
    ShadowPausedLooper looper = Shadow.extract(Looper.getMainLooper());
    while (true) {
      try {
        for (Runnable r; (r = BETWEEN.poll()) != null; ) r.run();
        looper.idle();
        if (BETWEEN.isEmpty()) looper.poll(0);
      } catch (Throwable t) {
        Crashes.uncaught(Thread.currentThread(), t);
      }
    }
  }

  /**
   * Runs on the main thread, not inside a message: where the process may start and end. Messages may get lost in a reset, so
   * the queue is our own and a message only wakes the looper.
   */
  static void between(Runnable r) {
    BETWEEN.add(Clock.handOff(r));
    Handler h = new Handler(Looper.getMainLooper());
    Message wake = Message.obtain(h, () -> {});
    wake.setAsynchronous(true); // others wait while a frame is due
    h.sendMessage(wake);
  }
}
