package app.probe;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.location.Location;
import android.location.LocationListener;
import android.location.LocationManager;
import android.net.ConnectivityManager;
import android.net.NetworkInfo;
import android.os.Bundle;
import android.os.Looper;
import java.net.InetAddress;

/** What an app has of network and places, and hears of them. */
final class Net {
  static int heard;
  static final int[] places = new int[2];

  static String listen(Context c) {
    c.getApplicationContext().registerReceiver(new BroadcastReceiver() {
      @Override public void onReceive(Context x, Intent i) {
        heard++;
      }
    }, new IntentFilter(ConnectivityManager.CONNECTIVITY_ACTION));
    LocationManager m = (LocationManager) c.getSystemService(Context.LOCATION_SERVICE);
    for (int i = 0; i < 2; i++) {
      final int n = i;
      m.requestLocationUpdates(LocationManager.GPS_PROVIDER, 10000, 50 * n, new LocationListener() {
        @Override public void onLocationChanged(Location l) {
          places[n]++;
        }
        @Override public void onStatusChanged(String p, int s, Bundle b) {}
        @Override public void onProviderEnabled(String p) {}
        @Override public void onProviderDisabled(String p) {}
      }, Looper.getMainLooper());
    }
    return "listening";
  }

  static String look(Context c) {
    NetworkInfo n = ((ConnectivityManager) c.getSystemService(Context.CONNECTIVITY_SERVICE)).getActiveNetworkInfo();
    String found;
    try {
      found = String.valueOf(InetAddress.getByName("127.0.0.1.none.invalid"));
    } catch (Exception e) {
      found = String.valueOf(e.getMessage()).startsWith("Unable to resolve host") ? "cut" : "tried";
    }
    return (n != null && n.isConnected()) + " " + found + " heard " + heard + " places " + places[0] + "," + places[1];
  }
}
