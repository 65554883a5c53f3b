package stakeout.data;

import android.os.Build;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowBuild;
import stakeout.host.Trial;
import stakeout.perm.Permissions;

/** Build.getSerial: READ_PHONE_STATE until API 28, nobody's since. */
@Implements(Build.class)
public class BuildShadow extends ShadowBuild {
  @Implementation(minSdk = 26) protected static String getSerial() {
    if (Trial.rules >= 29) {
      if (Permissions.target() < 29 && Permissions.granted("READ_PHONE_STATE")) return Build.UNKNOWN;
      throw Permissions.refuse("identifiers", "getSerial", "getSerial: The user " + android.os.Process.myUid() + " does not meet the requirements to access device identifiers.");
    }
    Permissions.enforce("READ_PHONE_STATE", "identifiers", "getSerial");
    Planted.read("identifiers", "Build.getSerial", 1);
    String v = Planted.text(Planted.map("identifiers"), "serial");
    return v == null ? Build.UNKNOWN : v;
  }
}
