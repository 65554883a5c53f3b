package stakeout.perm;

import java.util.HashMap;
import java.util.Map;

/** Runtime permissions, their groups, and the API level since which each is one (platform manifest of API 23 to 34). */
final class Dangerous {
  private Dangerous() {}

  private record Kind(String group, int since) {}

  private static final String ANDROID = "android.permission.";
  private static final Map<String, Kind> KINDS = new HashMap<>();

  private static void group(String group, int since, String... names) {
    for (String n : names) KINDS.put(n.contains(".") ? n : ANDROID + n, new Kind(group, since));
  }

  static {
    group("CAMERA", 23, "CAMERA");
    group("MICROPHONE", 23, "RECORD_AUDIO");
    group("CONTACTS", 23, "READ_CONTACTS", "WRITE_CONTACTS", "GET_ACCOUNTS");
    group("PHONE", 23, "READ_PHONE_STATE", "CALL_PHONE", "com.android.voicemail.permission.ADD_VOICEMAIL", "USE_SIP");
    group("PHONE", 26, "READ_PHONE_NUMBERS", "ANSWER_PHONE_CALLS");
    group("PHONE", 28, "ACCEPT_HANDOVER");
    group("CALL_LOG", 23, "READ_CALL_LOG", "WRITE_CALL_LOG", "PROCESS_OUTGOING_CALLS");
    group("SMS", 23, "SEND_SMS", "RECEIVE_SMS", "READ_SMS", "RECEIVE_WAP_PUSH", "RECEIVE_MMS");
    group("CALENDAR", 23, "READ_CALENDAR", "WRITE_CALENDAR");
    group("LOCATION", 23, "ACCESS_FINE_LOCATION", "ACCESS_COARSE_LOCATION");
    group("BACKGROUND_LOCATION", 29, "ACCESS_BACKGROUND_LOCATION");
    group("STORAGE", 23, "READ_EXTERNAL_STORAGE", "WRITE_EXTERNAL_STORAGE");
    group("STORAGE_LOCATION", 29, "ACCESS_MEDIA_LOCATION");
    group("MEDIA_VISUAL", 33, "READ_MEDIA_IMAGES", "READ_MEDIA_VIDEO");
    group("MEDIA_VISUAL", 34, "READ_MEDIA_VISUAL_USER_SELECTED");
    group("MEDIA_AURAL", 33, "READ_MEDIA_AUDIO");
    group("SENSORS", 23, "BODY_SENSORS");
    group("BACKGROUND_SENSORS", 33, "BODY_SENSORS_BACKGROUND");
    group("ACTIVITY_RECOGNITION", 29, "ACTIVITY_RECOGNITION");
    group("NEARBY_DEVICES", 31, "BLUETOOTH_CONNECT", "BLUETOOTH_SCAN", "BLUETOOTH_ADVERTISE", "UWB_RANGING");
    group("NEARBY_DEVICES", 33, "NEARBY_WIFI_DEVICES");
    group("NOTIFICATIONS", 33, "POST_NOTIFICATIONS");
  }

  /** Whether the permission must be asked for at run time by the rules of this API level. */
  static boolean is(String permission, int rules) {
    Kind k = KINDS.get(permission);
    return k != null && rules >= 23 && rules >= k.since;
  }

  /** Whether this level knows the permission at all: one of a later Android is denied, never granted. */
  static boolean known(String permission, int rules) {
    Kind k = KINDS.get(permission);
    return k == null || rules >= k.since;
  }

  /** Its group; granting one of a group grants the app's next request for another of it without a question. */
  static String group(String permission, int rules) {
    Kind k = KINDS.get(permission);
    if (k == null) return permission;
    // call log was in the phone group until API 28 made it its own
    return k.group.equals("CALL_LOG") && rules < 28 ? "PHONE" : k.group;
  }
}
