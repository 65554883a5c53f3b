package stakeout.app;

import android.app.KeyguardManager;
import android.content.Context;
import android.content.Intent;
import android.os.PowerManager;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowKeyguardManager;
import org.robolectric.shadows.ShadowPowerManager;
import stakeout.ui.Logins;

/** The screen and the keyguard, as the app sees them. Called on the main thread. */
final class Power {
  private Power() {}

  /** True while the screen being off is what hides the app. */
  private static boolean hid;

  static void screen(boolean on) {
    if (on == Uid.screenOn()) return;
    Uid.screenOn(on);
    if (!on) {
      hid = Uid.visible();
      Logins.look();
      Activities.home();
    }
    settle();
    JobStore.again(); // some wait for a device that nobody uses
    Receivers.system(new Intent(on ? Intent.ACTION_SCREEN_ON : Intent.ACTION_SCREEN_OFF).addFlags(Intent.FLAG_RECEIVER_REGISTERED_ONLY));
    if (!on) return;
    Receivers.system(new Intent(Intent.ACTION_USER_PRESENT));
    if (hid) Activities.comeBack();
    hid = false;
  }

  /** The managers of the present life. */
  @SuppressWarnings("deprecation")
  static void settle() {
    if (!AppProcess.alive()) return;
    Context app = RuntimeEnvironment.getApplication();
    ShadowPowerManager power = Shadow.extract(app.getSystemService(PowerManager.class));
    power.setIsInteractive(Uid.screenOn()); // silently: the broadcasts are ours
    ShadowKeyguardManager guard = Shadow.extract(app.getSystemService(KeyguardManager.class));
    guard.setKeyguardLocked(!Uid.screenOn());
    guard.setinRestrictedInputMode(!Uid.screenOn());
    if (Doze.on() || app.getSystemService(PowerManager.class).isDeviceIdleMode()) power.setIsDeviceIdleMode(Doze.on()); // it also tells the app
  }

  /** The phone was pressed on something else, or restarted. */
  static void forget() {
    hid = false;
  }
}
