package stakeout.data;

import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowSystemProperties;
import stakeout.host.Events;
import stakeout.tap.Looks;

/** The phone's system properties, from which android.os.Build is filled; what is not the phone's is the framework's own. */
@Implements(className = "android.os.SystemProperties", isInAndroidSdk = false)
public class PropertiesShadow extends ShadowSystemProperties {
  @Implementation protected static String native_get(String key) {
    return native_get(key, "");
  }

  @Implementation protected static String native_get(String key, String otherwise) {
    if (Looks.suspicious(key) && !Events.stack().isEmpty()) Looks.tell("the property " + key, true);
    String v = Phone.property(key);
    if (v == null) return ShadowSystemProperties.native_get(key, otherwise);
    return !v.isEmpty() ? v : otherwise == null ? "" : otherwise;
  }

  @Implementation protected static int native_get_int(String key, int otherwise) {
    return (int) native_get_long(key, otherwise);
  }

  @Implementation protected static long native_get_long(String key, long otherwise) {
    try {
      return Long.parseLong(native_get(key, "" + otherwise));
    } catch (NumberFormatException e) {
      return otherwise;
    }
  }

  @Implementation protected static boolean native_get_boolean(String key, boolean otherwise) {
    return switch (native_get(key, "")) {
      case "1", "y", "yes", "on", "true" -> true;
      case "0", "n", "no", "off", "false" -> false;
      default -> otherwise;
    };
  }
}
