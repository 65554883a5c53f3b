package stakeout.perm;

import android.telephony.CellInfo;
import android.telephony.CellLocation;
import android.telephony.TelephonyManager;
import stakeout.host.Log;
import java.util.List;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowTelephonyManager;

/** Identifiers and cells by Android's rules; the stock shadow gives them to anyone, and null at that, on which apps crash. */
@Implements(TelephonyManager.class)
public class TelephonyShadow extends ShadowTelephonyManager {
  /** Hardware and SIM identifiers: READ_PHONE_STATE until API 28, nobody's from 29 on (null if the app targets less). */
  private static String identifier(String what, String value) {
    if (Permissions.rules() >= 29) {
      if (RuntimeEnvironment.getApplication().getApplicationInfo().targetSdkVersion < 29 && Permissions.granted("READ_PHONE_STATE")) return null;
      Log.event("denied", what + " since API 29");
      throw new SecurityException(what + ": The user does not meet the requirements to access device identifiers.");
    }
    Permissions.enforce("READ_PHONE_STATE", what);
    Log.event("telephony", what);
    return value;
  }

  private static boolean located(String what) {
    boolean ok = Permissions.granted("ACCESS_FINE_LOCATION") || Permissions.rules() < 29 && Permissions.granted("ACCESS_COARSE_LOCATION");
    Log.event(ok ? "telephony" : "denied", what);
    if (!ok) throw new SecurityException(what + ": Neither user nor current process has android.permission.ACCESS_FINE_LOCATION.");
    return true;
  }

  @Override @Implementation protected String getDeviceId() { return identifier("getDeviceId", "490154203237518"); }
  @Override @Implementation(minSdk = 26) protected String getImei() { return identifier("getImei", "490154203237518"); }
  @Override @Implementation(minSdk = 26) protected String getImei(int slot) { return identifier("getImei", "490154203237518"); }
  @Override @Implementation protected String getSubscriberId() { return identifier("getSubscriberId", "460001234567890"); }
  @Override @Implementation protected String getSimSerialNumber() { return identifier("getSimSerialNumber", "8986001234567890123"); }

  @Override @Implementation protected String getLine1Number() {
    if (!Permissions.granted("READ_PHONE_NUMBERS") && !Permissions.granted("READ_SMS")) Permissions.enforce("READ_PHONE_STATE", "getLine1Number");
    Log.event("telephony", "getLine1Number");
    return "+8613800138000";
  }

  @Override @Implementation protected List<CellInfo> getAllCellInfo() { return located("getAllCellInfo") ? super.getAllCellInfo() : null; }
  @Override @Implementation protected CellLocation getCellLocation() { return located("getCellLocation") ? super.getCellLocation() : null; }
}
