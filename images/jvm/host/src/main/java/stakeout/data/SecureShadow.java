package stakeout.data;

import android.content.ContentResolver;
import android.provider.Settings;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowSettings;

/** Settings.Secure: the device's ANDROID_ID is an identifier whose reads are told. It needs no permission. */
@Implements(Settings.Secure.class)
public class SecureShadow extends ShadowSettings.ShadowSecure {
  @Implementation protected static String getString(ContentResolver r, String name) {
    boolean id = Settings.Secure.ANDROID_ID.equals(name) || "advertising_id".equals(name);
    String v = ShadowSettings.ShadowSecure.getStringForUser(r, name, 0);
    if (id) Planted.read("identifiers", "Settings.Secure." + name, v == null ? 0 : 1);
    return v;
  }
}
