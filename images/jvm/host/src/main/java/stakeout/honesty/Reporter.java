package stakeout.honesty;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.robolectric.pluginapi.MethodHandleDecorator;
import stakeout.host.Events;

/**
 * Tells when the app reaches a method of the framework that does nothing here. Robolectric answers a native method that no
 * shadow has with 0 or null, and some stock shadows only pretend: without a fact, silence would read as absence. It stands in
 * the class handler, outside of the sandbox, and costs nothing for other methods.
 */
public final class Reporter implements MethodHandleDecorator {
  /** Packages in which a default answer may hide what a verdict is about. */
  private static final String[] WATCHED = {"android.hardware.", "android.media.", "android.telephony.", "android.net.wifi.", "android.location.", "android.webkit.",
      "android.bluetooth.", "android.nfc.", "android.opengl.", "android.renderscript.", "android.companion.", "android.app.usage.", "android.app.WallpaperManager",
      "android.graphics.SurfaceTexture", "android.view.PixelCopy", "com.google.android.gles_jni."};
  /** Natives whose default is what a phone without the feature would answer, or that end something. */
  private static final Set<String> HARMLESS = Set.of("native_init", "nativeInit", "_nativeClassInit", "nativeClassInit", "native_finalize", "nativeFinalize", "native_release", "nativeRelease",
      "release", "finalize", "nativeClose", "native_setup", "native_stop", "native_flush", "native_reset", "native_enableDeviceCallback", "native_disableDeviceCallback",
      "native_getRoutedDeviceId", "native_setInputDevice", "nativeDestroy", "nativeSetDefaultBufferSize", "setParameter", "native_get_volume_group_id_for_attributes");
  /** How the framework keeps settings of a camera between its own objects; what they mean is the shadows' work. */
  private static final String INTERNAL = "android.hardware.camera2.impl.CameraMetadataNative.";
  /** Methods whose stock shadow, or real body, does not do here what it does on a phone. */
  private static final Set<String> INERT = Set.of(
      "android.webkit.WebView.loadUrl", "android.webkit.WebView.loadData", "android.webkit.WebView.loadDataWithBaseURL", "android.webkit.WebView.postUrl",
      "android.webkit.WebView.evaluateJavascript",
      "android.media.MediaCodec.native_configure", "android.media.MediaMuxer.nativeSetup", "android.media.MediaExtractor.setDataSource",
      "android.media.MediaMetadataRetriever.setDataSource", "android.media.projection.MediaProjectionManager.getMediaProjection", "android.media.ImageWriter.newInstance",
      "android.hardware.SensorManager.getSensorList", "android.hardware.SensorManager.getDefaultSensor", "android.hardware.SensorManager.registerListener",
      "android.telephony.SmsManager.sendTextMessage", "android.telephony.SmsManager.sendMultipartTextMessage", "android.telephony.SmsManager.sendDataMessage",
      "android.telephony.SmsManager.sendMultimediaMessage", "android.app.DownloadManager.enqueue", "android.app.backup.BackupManager.dataChanged",
      "android.telephony.SubscriptionManager.getActiveSubscriptionInfoList",
      "android.bluetooth.BluetoothAdapter.startDiscovery", "android.bluetooth.BluetoothAdapter.getBondedDevices", "android.bluetooth.le.BluetoothLeScanner.startScan",
      "android.nfc.NfcAdapter.enableReaderMode", "android.app.usage.UsageStatsManager.queryUsageStats");
  private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();
  /** How often a method is looked at for an app's frame in the stack before it is left alone: the framework calls itself too. */
  private static final int LOOKS = 50;

  /** One method that does nothing. Called at each call of it. */
  private static final class Report {
    final String name, effect;
    final AtomicInteger looks = new AtomicInteger();
    volatile boolean over;

    Report(String name, String effect) {
      this.name = name;
      this.effect = effect;
    }

    void tell() {
      if (over || !byApp()) {
        if (!over && looks.incrementAndGet() > LOOKS) over = true;
        return;
      }
      over = true;
      if (TOLD.add(name)) Events.unsupported(name, effect);
    }
  }

  /** Whether the call comes from the app: the innermost frame that is neither the framework's nor the JDK's is the app's, not a shadow's of ours. */
  private static boolean byApp() {
    return StackWalker.getInstance().walk(s -> s.map(StackWalker.StackFrame::getClassName)
        .filter(c -> Events.isApp.test(c) || c.startsWith("stakeout.") && !c.startsWith("stakeout.honesty.") && !c.startsWith("stakeout.host."))
        .findFirst().map(Events.isApp::test).orElse(false));
  }

  private static final MethodHandle TELL;
  static {
    try {
      TELL = MethodHandles.lookup().findVirtual(Report.class, "tell", MethodType.methodType(void.class));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** @param type with the receiver first, for an instance method; @param shadow what would be called, null for the method itself */
  @Override public MethodHandle decorate(Class<?> c, String name, MethodType type, boolean isStatic, MethodHandle shadow) {
    String full = c.getName() + "." + name;
    if (shadow != null) return INERT.contains(full) ? reporting(shadow, full, "ignored") : shadow;
    if (!watched(full) || HARMLESS.contains(name) || full.startsWith(INTERNAL) || !isNative(c, name, isStatic ? type : type.dropParameterTypes(0, 1))) return null;
    return reporting(MethodHandles.empty(isStatic ? type : type.changeParameterType(0, c)), full, "default");
  }

  private static boolean watched(String full) {
    for (String p : WATCHED) if (full.startsWith(p)) return true;
    return false;
  }

  /** The instrumentation leaves a method of this name for each native one. */
  private static boolean isNative(Class<?> c, String name, MethodType parameters) {
    try {
      c.getDeclaredMethod("$$robo$$" + name + "$nativeBinding", parameters.parameterArray());
      return true;
    } catch (NoSuchMethodException e) {
      return false;
    }
  }

  private static MethodHandle reporting(MethodHandle h, String name, String effect) {
    return MethodHandles.foldArguments(h, TELL.bindTo(new Report(name, effect)));
  }
}
