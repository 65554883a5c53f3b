package stakeout.host;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Path;
import java.util.Set;
import javax.inject.Named;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Opcodes;
import org.robolectric.internal.AndroidSandbox;
import org.robolectric.internal.bytecode.ClassInstrumentor;
import org.robolectric.internal.bytecode.InstrumentationConfiguration;
import org.robolectric.pluginapi.Sdk;
import stakeout.rewrite.Hierarchy;
import stakeout.rewrite.Rewriter;

/**
 * The framework's loader, found by META-INF/services (binding it in the Injector is ignored). It never holds classes of the
 * app: those are {@link AppLoader}'s, one for each life of the app's process.
 */
public final class SandboxLoader extends AndroidSandbox.SdkSandboxClassLoader {
  /**
   * Framework classes that write files or wait themselves, and the one that looks for the application's class and folders:
   * rewritten like the app's code, at load time.
   */
  private static final Set<String> REWRITTEN = Set.of("android.app.ContextImpl", "android.app.SharedPreferencesImpl",
      "android.util.AtomicFile", "android.os.ConditionVariable", "android.os.FileUtils", "android.os.ParcelFileDescriptor$AutoCloseOutputStream",
      "org.robolectric.android.internal.AndroidTestEnvironment");
  /**
   * Classes of later Android versions in the signatures of stock shadows. Robolectric asks a shadow class for all its methods,
   * so one missing type makes the whole service fail (NoClassDefFoundError at getSystemService); an empty class suffices.
   */
  private static final Set<String> STUBS = Set.of("android.app.wallpaper.WallpaperDescription", "android.bluetooth.BluetoothDevice$BluetoothAddress",
      "android.companion.ObservingDevicePresenceRequest", "android.hardware.camera2.CameraDevice$CameraDeviceSetup",
      "android.media.MediaRouter2$ScanRequest", "android.media.MediaRouter2$ScanToken", "android.net.nsd.DiscoveryRequest",
      "android.net.wifi.BlockingOption");
  private static volatile SandboxLoader instance;
  private final Path sdk;
  private final Rewriter rewriter = new Rewriter(new Hierarchy(n -> bytes(n)));

  public SandboxLoader(InstrumentationConfiguration c, @Named("runtimeSdk") Sdk sdk, ClassInstrumentor in) {
    super(c, sdk, in);
    this.sdk = sdk.getJarPath();
    instance = this;
  }

  static SandboxLoader instance() {
    return instance;
  }

  /** The jar of the framework's classes. */
  Path sdk() {
    return sdk;
  }

  byte[] bytes(String name) {
    URL u = super.getResourceUrl(name + ".class");
    if (u == null) u = ClassLoader.getSystemResource(name + ".class");
    if (u == null) return null;
    try (InputStream in = u.openStream()) {
      return in.readAllBytes();
    } catch (IOException e) {
      return null;
    }
  }

  @Override public Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    if (REWRITTEN.contains(name) || STUBS.contains(name)) {
      synchronized (getClassLoadingLock(name)) {
        if (findLoadedClass(name) == null) {
          byte[] b = bytes(name.replace('.', '/'));
          if (b != null && REWRITTEN.contains(name)) define(name, rewriter.framework(b)); // of the pre-instrumented jar: shadows work
          if (b == null && STUBS.contains(name)) define(name, stub(name.replace('.', '/')));
        }
      }
    }
    return super.loadClass(name, resolve);
  }

  private void define(String name, byte[] b) {
    String p = name.substring(0, name.lastIndexOf('.'));
    if (getDefinedPackage(p) == null) definePackage(p, null, null, null, null, null, null, null);
    defineClass(name, b, 0, b.length);
  }

  private static byte[] stub(String name) {
    ClassWriter w = new ClassWriter(0);
    w.visit(Opcodes.V1_8, Opcodes.ACC_PUBLIC, name, null, "java/lang/Object", null);
    w.visitEnd();
    return w.toByteArray();
  }
}
