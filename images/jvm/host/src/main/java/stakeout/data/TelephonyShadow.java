package stakeout.data;

import android.os.Handler;
import android.os.Looper;
import android.telephony.CellInfo;
import android.telephony.CellLocation;
import android.telephony.NeighboringCellInfo;
import android.telephony.PhoneStateListener;
import android.telephony.TelephonyManager;
import java.util.List;
import java.util.concurrent.Executor;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowTelephonyManager;
import stakeout.host.Trial;
import stakeout.perm.Permissions;

/** Identifiers and cells by Android's rules; the stock shadow gives them to anyone, and null at that, on which apps crash. */
@Implements(TelephonyManager.class)
public class TelephonyShadow extends ShadowTelephonyManager {
  private static final String IDS = "identifiers", CELL = "cell";

  private static String planted(String field) {
    return Planted.text(Planted.map(IDS), field);
  }

  /** Hardware and SIM identifiers: READ_PHONE_STATE until API 28, nobody's from 29 on (null if the app targets less). */
  private static String identifier(String what, String field) {
    if (Trial.rules >= 29) {
      if (Permissions.target() < 29 && Permissions.granted("READ_PHONE_STATE")) {
        Permissions.refuse(IDS, what, "");
        return null;
      }
      throw Permissions.refuse(IDS, what, what + ": The user " + android.os.Process.myUid() + " does not meet the requirements to access device identifiers.");
    }
    Permissions.enforce("READ_PHONE_STATE", IDS, what);
    String v = planted(field);
    Planted.read(IDS, "TelephonyManager." + what, v == null ? 0 : 1);
    return v;
  }

  @Override @Implementation protected String getDeviceId() { return identifier("getDeviceId", "imei"); }
  @Override @Implementation(minSdk = 23) protected String getDeviceId(int slot) { return identifier("getDeviceId", "imei"); }
  @Override @Implementation(minSdk = 26) protected String getImei() { return identifier("getImei", "imei"); }
  @Override @Implementation(minSdk = 26) protected String getImei(int slot) { return identifier("getImei", "imei"); }
  @Override @Implementation(minSdk = 26) protected String getMeid() { return identifier("getMeid", "meid"); }
  @Override @Implementation(minSdk = 26) protected String getMeid(int slot) { return identifier("getMeid", "meid"); }
  @Override @Implementation protected String getSubscriberId() { return identifier("getSubscriberId", "imsi"); }
  @Implementation protected String getSubscriberId(int sub) { return identifier("getSubscriberId", "imsi"); }
  @Override @Implementation protected String getSimSerialNumber() { return identifier("getSimSerialNumber", "iccid"); }
  @Implementation protected String getSimSerialNumber(int sub) { return identifier("getSimSerialNumber", "iccid"); }

  @Override @Implementation protected String getLine1Number() {
    boolean other = Permissions.granted("READ_SMS") || Trial.rules >= 26 && Permissions.granted("READ_PHONE_NUMBERS");
    if (!other && (Trial.rules < 30 || Permissions.target() < 30)) Permissions.enforce("READ_PHONE_STATE", IDS, "getLine1Number");
    else if (!other) throw Permissions.refuse(IDS, "getLine1Number", "getLine1NumberForDisplay: Neither user " + android.os.Process.myUid() + " nor current process has android.permission.READ_PHONE_STATE, android.permission.READ_SMS, or android.permission.READ_PHONE_NUMBERS.");
    String v = planted("phone_number");
    Planted.read(IDS, "TelephonyManager.getLine1Number", v == null ? 0 : 1);
    return v;
  }

  @Override @Implementation protected String getNetworkOperator() { return Cells.operator(); }
  @Override @Implementation protected String getSimOperator() {
    String imsi = planted("imsi");
    return imsi == null || imsi.length() < 5 ? Cells.operator() : imsi.substring(0, 5);
  }
  @Override @Implementation protected int getSimState() { return planted("imsi") == null && Planted.list("cells").isEmpty() ? TelephonyManager.SIM_STATE_ABSENT : TelephonyManager.SIM_STATE_READY; }
  @Override @Implementation protected int getPhoneType() { return TelephonyManager.PHONE_TYPE_GSM; }

  // ---- cells

  private static void located(String what) {
    if (Place.radios()) return;
    String needed = Trial.rules < 29 ? "ACCESS_COARSE_LOCATION" : "ACCESS_FINE_LOCATION";
    throw Permissions.refuse(CELL, what, what + ": Neither user " + android.os.Process.myUid() + " nor current process has android.permission." + needed + ".");
  }

  @Override @Implementation protected List<CellInfo> getAllCellInfo() {
    located("getAllCellInfo");
    List<CellInfo> l = Cells.infos();
    Planted.read(CELL, "TelephonyManager.getAllCellInfo", l.size());
    return l;
  }

  @Override @Implementation protected CellLocation getCellLocation() {
    located("getCellLocation");
    CellLocation l = Cells.location();
    Planted.read(CELL, "TelephonyManager.getCellLocation", l == null ? 0 : 1);
    return l;
  }

  @Implementation protected List<NeighboringCellInfo> getNeighboringCellInfo() {
    if (Trial.rules >= 29) return null;
    located("getNeighboringCellInfo");
    List<NeighboringCellInfo> l = Cells.neighbours();
    Planted.read(CELL, "TelephonyManager.getNeighboringCellInfo", l.size());
    return l;
  }

  @Override @Implementation(minSdk = 29) protected void requestCellInfoUpdate(Executor e, Object callback) {
    located("requestCellInfoUpdate");
    List<CellInfo> l = Cells.infos();
    Planted.read(CELL, "TelephonyManager.requestCellInfoUpdate", l.size());
    e.execute(() -> ((TelephonyManager.CellInfoCallback) callback).onCellInfo(l));
  }

  /** Listeners of cells get what is planted, once; cells do not change during a trial. */
  @Override @Implementation protected void listen(PhoneStateListener l, int events) {
    int cells = PhoneStateListener.LISTEN_CELL_LOCATION | PhoneStateListener.LISTEN_CELL_INFO;
    if ((events & cells) != 0) {
      located("listen");
      List<CellInfo> infos = Cells.infos();
      Planted.read(CELL, "TelephonyManager.listen", infos.size());
      new Handler(Looper.myLooper() != null ? Looper.myLooper() : Looper.getMainLooper()).post(() -> {
        if ((events & PhoneStateListener.LISTEN_CELL_LOCATION) != 0) l.onCellLocationChanged(Cells.location());
        if ((events & PhoneStateListener.LISTEN_CELL_INFO) != 0) l.onCellInfoChanged(infos);
      });
    }
    super.listen(l, events & ~cells);
  }
}
