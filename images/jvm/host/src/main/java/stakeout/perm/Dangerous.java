package stakeout.perm;

import java.util.HashMap;
import java.util.Map;

/** Runtime permissions and the API level since which each is one (platform manifest of API 23 to 34). */
final class Dangerous {
  private Dangerous() {}

  private static final String ANDROID = "android.permission.";
  private static final Map<String, Integer> SINCE = new HashMap<>();

  private static void since(int since, String... names) {
    for (String n : names) SINCE.put(n.contains(".") ? n : ANDROID + n, since);
  }

  static {
    since(23, "CAMERA");
    since(23, "RECORD_AUDIO");
    since(23, "READ_CONTACTS", "WRITE_CONTACTS", "GET_ACCOUNTS");
    since(23, "READ_PHONE_STATE", "CALL_PHONE", "com.android.voicemail.permission.ADD_VOICEMAIL", "USE_SIP");
    since(26, "READ_PHONE_NUMBERS", "ANSWER_PHONE_CALLS");
    since(28, "ACCEPT_HANDOVER");
    since(23, "READ_CALL_LOG", "WRITE_CALL_LOG", "PROCESS_OUTGOING_CALLS");
    since(23, "SEND_SMS", "RECEIVE_SMS", "READ_SMS", "RECEIVE_WAP_PUSH", "RECEIVE_MMS");
    since(23, "READ_CALENDAR", "WRITE_CALENDAR");
    since(23, "ACCESS_FINE_LOCATION", "ACCESS_COARSE_LOCATION");
    since(29, "ACCESS_BACKGROUND_LOCATION");
    since(23, "READ_EXTERNAL_STORAGE", "WRITE_EXTERNAL_STORAGE");
    since(29, "ACCESS_MEDIA_LOCATION");
    since(33, "READ_MEDIA_IMAGES", "READ_MEDIA_VIDEO");
    since(34, "READ_MEDIA_VISUAL_USER_SELECTED");
    since(33, "READ_MEDIA_AUDIO");
    since(23, "BODY_SENSORS");
    since(33, "BODY_SENSORS_BACKGROUND");
    since(29, "ACTIVITY_RECOGNITION");
    since(31, "BLUETOOTH_CONNECT", "BLUETOOTH_SCAN", "BLUETOOTH_ADVERTISE", "UWB_RANGING");
    since(33, "NEARBY_WIFI_DEVICES");
    since(33, "POST_NOTIFICATIONS");
  }

  /** Whether the permission must be asked for at run time by the rules of this API level. */
  static boolean is(String permission, int rules) {
    Integer since = SINCE.get(permission);
    return since != null && rules >= 23 && rules >= since;
  }

  /** Whether this level knows the permission at all: one of a later Android is denied, never granted. */
  static boolean known(String permission, int rules) {
    Integer since = SINCE.get(permission);
    return since == null || rules >= since;
  }
}
