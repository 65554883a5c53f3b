package stakeout.data;

import android.content.Intent;
import android.net.wifi.ScanResult;
import android.net.wifi.SupplicantState;
import android.net.wifi.WifiConfiguration;
import android.net.wifi.WifiInfo;
import android.net.wifi.WifiManager;
import android.os.Handler;
import android.os.Looper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowScanResult;
import org.robolectric.shadows.ShadowWifiInfo;
import org.robolectric.shadows.ShadowWifiManager;
import stakeout.host.Trial;
import stakeout.perm.Permissions;
import stakeout.time.Clock;

/** Scans tell the place: without a location permission the list is empty (API 23+), which is no exception on Android. */
@Implements(WifiManager.class)
public class WifiShadow extends ShadowWifiManager {
  private static final String WIFI = "wifi", HIDDEN_MAC = "02:00:00:00:00:00";
  private static final long SCAN_MILLIS = 2_000;

  @Override @Implementation protected List<ScanResult> getScanResults() {
    if (!Place.radios()) {
      Permissions.refuse(WIFI, "WifiManager.getScanResults", "");
      return new ArrayList<>();
    }
    List<ScanResult> l = new ArrayList<>();
    for (Map<String, Object> w : Planted.list(WIFI)) {
      ScanResult r = ShadowScanResult.newInstance(Planted.text(w, "ssid"), Planted.text(w, "bssid"), "[WPA2-PSK-CCMP][ESS]",
          (int) Planted.number(w, "rssi", -60), (int) Planted.number(w, "frequency", 2437));
      r.timestamp = Clock.now() * 1000;
      l.add(r);
    }
    Planted.read(WIFI, "WifiManager.getScanResults", l.size());
    return l;
  }

  @Override @Implementation protected boolean startScan() {
    new Handler(Looper.getMainLooper()).postDelayed(() -> RuntimeEnvironment.getApplication()
        .sendBroadcast(new Intent(WifiManager.SCAN_RESULTS_AVAILABLE_ACTION).putExtra("resultsUpdated", true)), SCAN_MILLIS);
    return true;
  }

  private static Map<String, Object> connected() {
    List<Map<String, Object>> all = Planted.list(WIFI);
    Object i = Planted.value("wifi_connected");
    int n = i instanceof Number k ? k.intValue() : -1;
    return n >= 0 && n < all.size() ? all.get(n) : null;
  }

  @Override @Implementation protected int getWifiState() { return WifiManager.WIFI_STATE_ENABLED; }
  @Override @Implementation protected boolean isWifiEnabled() { return true; }

  /** The name and address of the network are hidden without a location permission since API 27, the phone's own MAC since 23. */
  @Override @Implementation protected WifiInfo getConnectionInfo() {
    WifiInfo info = ShadowWifiInfo.newInstance();
    ShadowWifiInfo s = Shadow.extract(info);
    Map<String, Object> w = connected();
    String mac = Planted.text(Planted.map("identifiers"), "wifi_mac");
    s.setMacAddress(Trial.rules >= 23 || mac == null ? HIDDEN_MAC : mac);
    if (w == null) {
      s.setSupplicantState(SupplicantState.DISCONNECTED);
      return info;
    }
    s.setSupplicantState(SupplicantState.COMPLETED);
    s.setRssi((int) Planted.number(w, "rssi", -60));
    s.setLinkSpeed(72);
    s.setNetworkId(0);
    if (org.robolectric.RuntimeEnvironment.getApiLevel() >= 21) s.setFrequency((int) Planted.number(w, "frequency", 2437));
    if (Trial.rules >= 27 && !Place.radios()) {
      Permissions.refuse(WIFI, "WifiManager.getConnectionInfo", "");
      s.setSSID("<unknown ssid>");
      s.setBSSID(HIDDEN_MAC);
      return info;
    }
    s.setSSID(Planted.text(w, "ssid"));
    s.setBSSID(Planted.text(w, "bssid"));
    Planted.read(WIFI, "WifiManager.getConnectionInfo", 1);
    return info;
  }

  @Override @Implementation protected List<WifiConfiguration> getConfiguredNetworks() {
    List<WifiConfiguration> l = new ArrayList<>();
    Map<String, Object> w = connected();
    if (Trial.rules >= 29 && Permissions.target() >= 29 || w == null) return l;
    WifiConfiguration c = new WifiConfiguration();
    c.networkId = 0;
    c.SSID = "\"" + Planted.text(w, "ssid") + "\"";
    c.status = WifiConfiguration.Status.CURRENT;
    l.add(c);
    Planted.read(WIFI, "WifiManager.getConfiguredNetworks", 1);
    return l;
  }
}
