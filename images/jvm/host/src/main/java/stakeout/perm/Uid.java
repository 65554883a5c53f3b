package stakeout.perm;

import stakeout.app.Services;
import stakeout.host.Trial;

/**
 * What the state of the app's uid means for camera and microphone, by the rules of the profile's API level. Sources: the
 * behaviour changes of API 28 (idle apps get no sensor), API 30 (while-in-use access, service types) and the camera service's
 * and AppOps' own settle times.
 */
public final class Uid {
  private Uid() {}

  public enum State { VISIBLE, FOREGROUND_SERVICE, RECENT, IDLE }

  /** ServiceInfo.FOREGROUND_SERVICE_TYPE_CAMERA and _MICROPHONE: constants of API 30, used at all levels here. */
  public static final int TYPE_CAMERA = 64, TYPE_MICROPHONE = 128;
  /** AppOps' settle time after the top state: while-in-use access ends with it (API 30+). */
  private static final long IN_USE_MILLIS = 5_000;

  public static boolean isVisible() {
    return stakeout.app.Uid.visible();
  }

  public static State state() {
    if (isVisible()) return State.VISIBLE;
    if (Services.foreground()) return State.FOREGROUND_SERVICE;
    return stakeout.app.Uid.background() ? State.IDLE : State.RECENT;
  }

  /**
   * Why the uid's state forbids a sensor, or null if it does not.
   * @param type {@link #TYPE_CAMERA} or {@link #TYPE_MICROPHONE}
   * @return `idle_uid`, `foreground_service_type`, or null
   */
  public static String refusal(int type) {
    if (Trial.rules < 28) return null;
    return switch (state()) {
      case VISIBLE -> null;
      case FOREGROUND_SERVICE -> Trial.rules < 30 || Services.foregroundMayUse(type) ? null : "foreground_service_type";
      // the camera service asks only whether the uid is active; the microphone follows AppOps
      case RECENT -> type == TYPE_MICROPHONE && Trial.rules >= 30 && stakeout.app.Uid.hiddenFor() >= IN_USE_MILLIS ? "idle_uid" : null;
      case IDLE -> "idle_uid";
    };
  }
}
