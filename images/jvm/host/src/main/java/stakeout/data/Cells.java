package stakeout.data;

import android.telephony.CellIdentityGsm;
import android.telephony.CellIdentityLte;
import android.telephony.CellInfo;
import android.telephony.CellInfoGsm;
import android.telephony.CellInfoLte;
import android.telephony.CellLocation;
import android.telephony.CellSignalStrengthGsm;
import android.telephony.CellSignalStrengthLte;
import android.telephony.NeighboringCellInfo;
import android.telephony.gsm.GsmCellLocation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadows.CellIdentityGsmBuilder;
import org.robolectric.shadows.CellIdentityLteBuilder;
import org.robolectric.shadows.CellInfoGsmBuilder;
import org.robolectric.shadows.CellInfoLteBuilder;
import org.robolectric.shadows.CellSignalStrengthGsmBuilder;
import org.robolectric.shadows.CellSignalStrengthLteBuilder;
import org.robolectric.util.ReflectionHelpers;
import stakeout.time.Clock;

/** Planted cells as the framework's objects; the first is the one that the phone is registered in. */
final class Cells {
  private Cells() {}

  private static int number(Map<String, Object> c, String name) {
    return (int) Planted.number(c, name, Integer.MAX_VALUE);
  }

  /** Country and network codes keep their leading zeros as text; the objects of old levels take numbers. */
  private static String code(Map<String, Object> c, String name) {
    Object v = c.get(name);
    return v instanceof Number n ? (name.equals("mcc") ? String.format("%03d", n.longValue()) : String.format("%02d", n.longValue())) : v == null ? null : String.valueOf(v);
  }

  static List<CellInfo> infos() {
    List<CellInfo> l = new ArrayList<>();
    for (Map<String, Object> c : Planted.list("cells")) l.add(info(c, l.isEmpty()));
    return l;
  }

  private static CellInfo info(Map<String, Object> c, boolean registered) {
    boolean gsm = "gsm".equals(c.get("type"));
    int dbm = (int) Planted.number(c, "dbm", -90);
    if (RuntimeEnvironment.getApiLevel() < 28) return old(c, gsm, dbm, registered);
    long now = Clock.now() * 1_000_000;
    if (gsm) {
      return CellInfoGsmBuilder.newBuilder().setRegistered(registered).setTimeStampNanos(now)
          .setCellIdentity(CellIdentityGsmBuilder.newBuilder().setMcc(code(c, "mcc")).setMnc(code(c, "mnc")).setLac(number(c, "lac")).setCid(number(c, "cid")).build())
          .setCellSignalStrength(CellSignalStrengthGsmBuilder.newBuilder().setRssi(dbm).build()).build();
    }
    return CellInfoLteBuilder.newBuilder().setRegistered(registered).setTimeStampNanos(now)
        .setCellIdentity(CellIdentityLteBuilder.newBuilder().setMcc(code(c, "mcc")).setMnc(code(c, "mnc")).setTac(number(c, "lac")).setCi(number(c, "cid")).setPci(1).build())
        .setCellSignalStrength(CellSignalStrengthLteBuilder.newBuilder().setRsrp(dbm).build()).build();
  }

  /** Before API 28 the builders do not work; the objects have hidden constructors of plain numbers. */
  private static CellInfo old(Map<String, Object> c, boolean gsm, int dbm, boolean registered) {
    int mcc = Integer.parseInt(code(c, "mcc")), mnc = Integer.parseInt(code(c, "mnc")), lac = number(c, "lac"), cid = number(c, "cid");
    CellInfo i = (CellInfo) make(gsm ? CellInfoGsm.class : CellInfoLte.class);
    Object id = gsm ? make(CellIdentityGsm.class, mcc, mnc, lac, cid) : make(CellIdentityLte.class, mcc, mnc, cid, 1, lac);
    Object strength = gsm ? make(CellSignalStrengthGsm.class, Math.max(0, Math.min(31, (dbm + 113) / 2)), 0) : make(CellSignalStrengthLte.class, 31, dbm, -10, 100, 10, 0);
    ReflectionHelpers.setField(i, gsm ? "mCellIdentityGsm" : "mCellIdentityLte", id);
    ReflectionHelpers.setField(i, gsm ? "mCellSignalStrengthGsm" : "mCellSignalStrengthLte", strength);
    ReflectionHelpers.setField(CellInfo.class, i, "mRegistered", registered);
    ReflectionHelpers.setField(CellInfo.class, i, "mTimeStamp", Clock.now() * 1_000_000);
    return i;
  }

  private static Object make(Class<?> c, int... values) {
    ReflectionHelpers.ClassParameter<?>[] p = new ReflectionHelpers.ClassParameter<?>[values.length];
    for (int i = 0; i < p.length; i++) p[i] = ReflectionHelpers.ClassParameter.from(int.class, values[i]);
    return ReflectionHelpers.callConstructor(c, p);
  }

  /** The registered cell in the form that dates from before CellInfo; null when nothing is planted. */
  static CellLocation location() {
    List<Map<String, Object>> all = Planted.list("cells");
    if (all.isEmpty()) return null;
    GsmCellLocation g = new GsmCellLocation();
    g.setLacAndCid(number(all.get(0), "lac"), number(all.get(0), "cid"));
    return g;
  }

  @SuppressWarnings("deprecation")
  static List<NeighboringCellInfo> neighbours() {
    List<NeighboringCellInfo> l = new ArrayList<>();
    List<Map<String, Object>> all = Planted.list("cells");
    for (int i = 1; i < all.size(); i++) {
      NeighboringCellInfo n = new NeighboringCellInfo();
      int lac = number(all.get(i), "lac"), cid = number(all.get(i), "cid");
      ReflectionHelpers.setField(n, "mLac", lac);
      ReflectionHelpers.setField(n, "mCid", cid);
      n.setRssi(Math.max(0, Math.min(31, ((int) Planted.number(all.get(i), "dbm", -90) + 113) / 2)));
      l.add(n);
    }
    return l;
  }

  /** Country and network of the registered cell, as `getNetworkOperator` gives them; empty when none. */
  static String operator() {
    List<Map<String, Object>> all = Planted.list("cells");
    return all.isEmpty() ? "" : code(all.get(0), "mcc") + code(all.get(0), "mnc");
  }
}
