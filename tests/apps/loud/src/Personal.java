package @PKG@;

import android.content.Context;
import android.database.Cursor;
import android.net.Uri;
import android.net.wifi.ScanResult;
import android.net.wifi.WifiManager;
import android.provider.CallLog;
import android.provider.ContactsContract.CommonDataKinds.Phone;
import android.telephony.CellIdentityGsm;
import android.telephony.CellIdentityLte;
import android.telephony.CellInfo;
import android.telephony.CellInfoGsm;
import android.telephony.CellInfoLte;
import android.telephony.TelephonyManager;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** Contacts, calls, base stations and Wi-Fi networks as JSON; null when none of it was asked for. */
final class Personal {
  static String people(Context c, boolean contacts, boolean calls) throws JSONException {
    JSONObject all = new JSONObject();
    if (contacts) all.put("contacts", rows(c, Phone.CONTENT_URI, Phone.DISPLAY_NAME, Phone.NUMBER));
    if (calls) all.put("calls", rows(c, CallLog.Calls.CONTENT_URI, CallLog.Calls.NUMBER, CallLog.Calls.CACHED_NAME, CallLog.Calls.DATE, CallLog.Calls.DURATION, CallLog.Calls.TYPE));
    return all.length() == 0 ? null : all.toString();
  }

  private static JSONArray rows(Context c, Uri u, String... columns) throws JSONException {
    JSONArray all = new JSONArray();
    Cursor q = null;
    try {
      q = c.getContentResolver().query(u, columns, null, null, null);
      while (q != null && q.moveToNext()) {
        JSONArray row = new JSONArray();
        for (String name : columns) {
          int i = q.getColumnIndex(name);
          row.put(i < 0 || q.getString(i) == null ? "" : q.getString(i));
        }
        all.put(row);
      }
    } catch (RuntimeException e) {
      Outbox.note(c, u + ": " + e);
    } finally {
      if (q != null) q.close();
    }
    return all;
  }

  static String places(Context c, boolean cells, boolean wifi) throws JSONException {
    JSONObject all = new JSONObject();
    if (cells) all.put("cells", cells(c));
    if (wifi) all.put("wifi", wifi(c));
    return all.length() == 0 ? null : all.toString();
  }

  private static JSONArray cells(Context c) throws JSONException {
    JSONArray all = new JSONArray();
    try {
      List<CellInfo> found = ((TelephonyManager) c.getSystemService(Context.TELEPHONY_SERVICE)).getAllCellInfo();
      if (found == null) return all;
      for (CellInfo i : found) {
        if (i instanceof CellInfoGsm) {
          CellIdentityGsm g = ((CellInfoGsm) i).getCellIdentity();
          all.put(new JSONObject().put("mcc", g.getMcc()).put("mnc", g.getMnc()).put("lac", g.getLac()).put("cid", g.getCid()));
        } else if (i instanceof CellInfoLte) {
          CellIdentityLte l = ((CellInfoLte) i).getCellIdentity();
          all.put(new JSONObject().put("mcc", l.getMcc()).put("mnc", l.getMnc()).put("tac", l.getTac()).put("ci", l.getCi()));
        }
      }
    } catch (RuntimeException e) {
      Outbox.note(c, "cells: " + e);
    }
    return all;
  }

  private static JSONArray wifi(Context c) throws JSONException {
    JSONArray all = new JSONArray();
    try {
      List<ScanResult> found = ((WifiManager) c.getApplicationContext().getSystemService(Context.WIFI_SERVICE)).getScanResults();
      if (found != null) for (ScanResult r : found) all.put(new JSONObject().put("ssid", r.SSID).put("bssid", r.BSSID).put("level", r.level));
    } catch (RuntimeException | LinkageError e) {
      Outbox.note(c, "wifi: " + e);
    }
    return all;
  }
}
