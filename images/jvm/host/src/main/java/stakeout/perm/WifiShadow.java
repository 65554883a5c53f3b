package stakeout.perm;

import android.net.wifi.ScanResult;
import android.net.wifi.WifiManager;
import stakeout.host.Log;
import java.util.List;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowScanResult;
import org.robolectric.shadows.ShadowWifiManager;

/** Scans tell the place: without a location permission the list is empty (API 23+), which is no exception on Android. */
@Implements(WifiManager.class)
public class WifiShadow extends ShadowWifiManager {
  @Override @Implementation protected List<ScanResult> getScanResults() {
    boolean ok = Permissions.rules() < 23 || Permissions.granted("ACCESS_FINE_LOCATION") || Permissions.rules() < 29 && Permissions.granted("ACCESS_COARSE_LOCATION");
    Log.event(ok ? "wifi.scan" : "denied", "getScanResults");
    return ok ? List.of(ShadowScanResult.newInstance("Canary-7f3a", "02:11:22:33:44:55", "[WPA2]", -50, 2437)) : List.of();
  }
}
