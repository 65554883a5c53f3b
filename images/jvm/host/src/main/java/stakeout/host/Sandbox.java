package stakeout.host;

import java.nio.file.Path;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.robolectric.android.AndroidSdkShadowMatcher;
import org.robolectric.annotation.ResourcesMode;
import org.robolectric.annotation.SQLiteMode;
import org.robolectric.interceptors.AndroidInterceptors;
import org.robolectric.internal.AndroidSandbox;
import org.robolectric.internal.SandboxManager;
import org.robolectric.internal.bytecode.InstrumentationConfiguration;
import org.robolectric.internal.bytecode.Interceptors;
import org.robolectric.internal.bytecode.MethodRef;
import org.robolectric.internal.bytecode.ShadowMap;
import org.robolectric.internal.bytecode.ShadowProviders;
import org.robolectric.internal.bytecode.ShadowWrangler;
import org.robolectric.pluginapi.Sdk;
import org.robolectric.pluginapi.SdkProvider;
import org.robolectric.util.inject.Injector;
import stakeout.app.Device;
import stakeout.app.DeviceEnvironment;
import stakeout.app.Shadows;

/** Builds the framework of one API level in a class loader of its own, and starts the device in it. */
final class Sandbox {
  private Sandbox() {}

  /** Returns when the device has drawn its first, empty screen. */
  static Verbs boot(int api, Path empty) throws Exception {
    Injector injector = new Injector.Builder().bind(Properties.class, System.getProperties())
        .bind(AndroidSandbox.TestEnvironmentSpec.class, new AndroidSandbox.TestEnvironmentSpec(DeviceEnvironment.class)).build();
    Sdk sdk = injector.getInstance(SdkProvider.class).getSdks().stream().filter(s -> s.getApiLevel() == api).findFirst()
        .orElseThrow(() -> new Failure("unsupported", "no framework of API " + api));
    Interceptors interceptors = new Interceptors(AndroidInterceptors.all());
    AndroidSandbox sandbox = injector.getInstance(SandboxManager.SandboxBuilder.class)
        .build(configuration(interceptors), sdk, sdk, ResourcesMode.Mode.BINARY, SQLiteMode.Mode.NATIVE);
    ShadowMap shadows = injector.getInstance(ShadowProviders.class).getBaseShadowMap().newBuilder().addShadowClasses(Shadows.ALL).build();
    sandbox.replaceShadowMap(shadows);
    // made directly: the injected builder drops the decorators
    sandbox.configure(new ShadowWrangler(shadows, new AndroidSdkShadowMatcher(api), interceptors, List.of(new stakeout.honesty.Reporter())), interceptors);
    Log.event("sandbox", "API " + api);
    CompletableFuture<Verbs> ready = new CompletableFuture<>();
    Thread t = new Thread(() -> sandbox.runOnMainThread(() -> life(sandbox, empty, ready)), "stakeout-sandbox");
    t.setDaemon(true);
    t.start();
    return ready.get();
  }

  private static void life(AndroidSandbox sandbox, Path empty, CompletableFuture<Verbs> ready) {
    try {
      Consumer<Verbs> tell = ready::complete;
      ((Runnable) sandbox.bootstrappedClass(Device.class).getConstructor(AndroidSandbox.class, Path.class, Consumer.class)
          .newInstance(sandbox, empty, tell)).run();
    } catch (Throwable e) {
      e.printStackTrace();
      ready.completeExceptionally(e);
    }
  }

  /** What Robolectric's test runner configures; it is not reachable without JUnit, hence this copy. */
  private static InstrumentationConfiguration configuration(Interceptors interceptors) {
    InstrumentationConfiguration.Builder b = new InstrumentationConfiguration.Builder();
    for (MethodRef m : interceptors.getAllMethodRefs()) b.addInterceptedMethod(m);
    b.doNotAcquireClass("org.robolectric.shadow.api.ShadowPicker").doNotAcquirePackage("stakeout.host.").doNotAcquirePackage("stakeout.rewrite.");
    for (String p : List.of("org.bouncycastle.", "org.conscrypt.", "org.objectweb.asm", "org.robolectric.manifest.", "org.robolectric.res.", "org.w3c.", "org.xml."))
      b.doNotAcquirePackage(p);
    for (String p : List.of("dalvik.", "libcore.", "android.", "com.android.internal.", "org.apache.http.", "org.kxml2.", "org.ccil.cowan.tagsoup."))
      b.addInstrumentedPackage(p);
    b.doNotInstrumentPackage("android.R").doNotInstrumentPackage("android.arch").doNotInstrumentPackage("android.support.")
        .doNotInstrumentClass("android.app.RecoverableSecurityException");
    b.addClassNameTranslation("java.util.jar.StrictJarFile", "java.lang.Object").addClassNameTranslation("sun.misc.Cleaner", "java.lang.ref.Cleaner$Cleanable")
        .addClassNameTranslation("java.nio.charset.Charsets", "java.nio.charset.StandardCharsets")
        .addClassNameTranslation("java.net.ExtendedResponseCache", "org.robolectric.fakes.RoboExtendedResponseCache")
        .addClassNameTranslation("java.net.ResponseSource", "org.robolectric.fakes.RoboResponseSource")
        .addClassNameTranslation("java.lang.UnsafeByteSequence", "java.lang.Object");
    return b.build();
  }
}
