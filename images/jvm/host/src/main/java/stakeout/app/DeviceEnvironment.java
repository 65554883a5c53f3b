package stakeout.app;

import android.app.Instrumentation;
import android.os.SystemClock;
import javax.inject.Named;
import org.robolectric.android.internal.AndroidTestEnvironment;
import org.robolectric.internal.ShadowProvider;
import org.robolectric.pluginapi.Sdk;
import org.robolectric.pluginapi.TestEnvironmentLifecyclePlugin;
import stakeout.host.Trial;

/**
 * Robolectric's environment with two changes: our Instrumentation (so androidx.test is not needed), and the clock set to the
 * scenario's date. The latter must come after ConfigurationRegistry is set (ShadowSystemClock has a ShadowPicker, which throws
 * NPE before) and before the application exists: exactly where a lifecycle plugin is called. It only ever moves forward: time that
 * passed before, since `assign`, stays.
 */
public final class DeviceEnvironment extends AndroidTestEnvironment {
  public DeviceEnvironment(@Named("runtimeSdk") Sdk run, @Named("compileSdk") Sdk compile, ShadowProvider[] shadows, TestEnvironmentLifecyclePlugin[] unused) {
    super(run, compile, shadows, new TestEnvironmentLifecyclePlugin[] {() -> SystemClock.setCurrentTimeMillis(Trial.startMillis)});
  }

  @Override protected Instrumentation pickInstrumentation() {
    return new DeviceInstrumentation();
  }
}
