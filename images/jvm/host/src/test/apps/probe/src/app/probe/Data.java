package app.probe;

import android.accounts.AccountManager;
import android.content.ContentResolver;
import android.content.Context;
import android.content.pm.PackageManager;
import android.database.Cursor;
import android.location.Location;
import android.location.LocationManager;
import android.net.Uri;
import android.net.wifi.ScanResult;
import android.net.wifi.WifiManager;
import android.provider.CallLog;
import android.provider.ContactsContract;
import android.provider.MediaStore;
import android.provider.Settings;
import android.telephony.CellInfo;
import android.telephony.CellInfoGsm;
import android.telephony.CellInfoLte;
import android.telephony.TelephonyManager;
import android.telephony.gsm.GsmCellLocation;
import java.io.InputStream;
import java.util.List;

/** Personal data. */
final class Data {
  private static String rows(Context c, Uri u, String[] p, String where, String[] args, String order) {
    Cursor k = c.getContentResolver().query(u, p, where, args, order);
    if (k == null) return "null";
    StringBuilder b = new StringBuilder().append(k.getCount());
    while (k.moveToNext()) {
      b.append(" [");
      for (int i = 0; i < k.getColumnCount(); i++) b.append(i == 0 ? "" : ",").append(k.getString(i));
      b.append(']');
    }
    k.close();
    return b.toString();
  }

  static String contacts(Context c) {
    return rows(c, ContactsContract.Contacts.CONTENT_URI, new String[] {"_id", "display_name", "has_phone_number", "no_such_column"}, "has_phone_number = 1", null, "display_name DESC");
  }

  static String phones(Context c) {
    return rows(c, ContactsContract.CommonDataKinds.Phone.CONTENT_URI, new String[] {"display_name", "data1"}, "contact_id = ?", new String[] {"1"}, null);
  }

  static String emails(Context c) {
    return rows(c, ContactsContract.CommonDataKinds.Email.CONTENT_URI, new String[] {"data1"}, null, null, null);
  }

  static String whose(Context c) {
    return rows(c, Uri.withAppendedPath(ContactsContract.PhoneLookup.CONTENT_FILTER_URI, Uri.encode("139 1234 5678")), new String[] {"display_name"}, null, null, null);
  }

  static String calls(Context c) {
    return rows(c, CallLog.Calls.CONTENT_URI, new String[] {"number", "type", "duration"}, null, null, null);
  }

  static String sms(Context c) {
    return rows(c, Uri.parse("content://sms/inbox"), new String[] {"address", "body"}, null, null, null);
  }

  static String calendar(Context c) {
    return rows(c, Uri.parse("content://com.android.calendar/events"), new String[] {"title", "eventLocation"}, null, null, null);
  }

  static String media(Context c) throws Exception {
    Uri u = MediaStore.Images.Media.EXTERNAL_CONTENT_URI;
    String said = rows(c, u, new String[] {"_id", "_display_name", "mime_type"}, null, null, null);
    if (!said.contains("[")) return said;
    InputStream in = c.getContentResolver().openInputStream(Uri.withAppendedPath(u, "1"));
    byte[] b = new byte[4];
    int n = in.read(b);
    in.close();
    return said + " read " + n;
  }

  static String cells(Context c) {
    TelephonyManager t = (TelephonyManager) c.getSystemService(Context.TELEPHONY_SERVICE);
    StringBuilder b = new StringBuilder();
    for (CellInfo i : t.getAllCellInfo()) {
      if (i instanceof CellInfoGsm) b.append("gsm ").append(((CellInfoGsm) i).getCellIdentity().getLac()).append('/').append(((CellInfoGsm) i).getCellIdentity().getCid()).append(' ');
      if (i instanceof CellInfoLte) b.append("lte ").append(((CellInfoLte) i).getCellIdentity().getTac()).append('/').append(((CellInfoLte) i).getCellIdentity().getCi()).append(' ');
    }
    GsmCellLocation g = (GsmCellLocation) t.getCellLocation();
    return b.append("at ").append(g.getLac()).append('/').append(g.getCid()).toString();
  }

  static String imei(Context c) {
    return ((TelephonyManager) c.getSystemService(Context.TELEPHONY_SERVICE)).getDeviceId();
  }

  static String line(Context c) {
    return ((TelephonyManager) c.getSystemService(Context.TELEPHONY_SERVICE)).getLine1Number();
  }

  static String androidId(Context c) {
    return Settings.Secure.getString(c.getContentResolver(), Settings.Secure.ANDROID_ID);
  }

  static String wifi(Context c) {
    WifiManager w = (WifiManager) c.getApplicationContext().getSystemService(Context.WIFI_SERVICE);
    StringBuilder b = new StringBuilder();
    for (ScanResult r : w.getScanResults()) b.append(r.SSID).append('/').append(r.BSSID).append(' ');
    return b.append("on ").append(w.getConnectionInfo().getSSID()).append(' ').append(w.getConnectionInfo().getBSSID()).toString();
  }

  static String location(Context c) {
    Location l = ((LocationManager) c.getSystemService(Context.LOCATION_SERVICE)).getLastKnownLocation("gps");
    return l == null ? "null" : l.getLatitude() + "," + l.getLongitude();
  }

  static String accounts(Context c) {
    StringBuilder b = new StringBuilder();
    for (android.accounts.Account a : AccountManager.get(c).getAccounts()) b.append(a.name).append(' ');
    return b.toString();
  }

  static String apps(Context c) {
    StringBuilder b = new StringBuilder();
    for (android.content.pm.PackageInfo p : c.getPackageManager().getInstalledPackages(0)) b.append(p.packageName).append(' ');
    return b.toString();
  }

  static String ask(Context c) {
    ((Main) c).ask("android.permission.CAMERA", "android.permission.RECORD_AUDIO", "android.permission.READ_CONTACTS", "android.permission.READ_CALL_LOG", "android.permission.READ_SMS",
        "android.permission.READ_CALENDAR", "android.permission.READ_PHONE_STATE", "android.permission.ACCESS_FINE_LOCATION", "android.permission.GET_ACCOUNTS",
        "android.permission.READ_EXTERNAL_STORAGE", "android.permission.READ_MEDIA_IMAGES");
    return "asked";
  }

  static String again(Context c) {
    ((Main) c).ask("android.permission.CAMERA");
    return "asked";
  }
}
