package stakeout.data;

import android.app.PendingIntent;
import android.content.Intent;
import android.location.Criteria;
import android.location.Location;
import android.location.LocationListener;
import android.location.LocationManager;
import android.location.LocationRequest;
import android.os.CancellationSignal;
import android.os.Handler;
import android.os.Looper;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowLocationManager;
import org.robolectric.util.ReflectionHelpers;
import stakeout.app.Doze;
import stakeout.host.Trial;
import stakeout.perm.Permissions;

/** The planted position, to who may have it: at once, as last known, or again and again as an app asks. */
@Implements(LocationManager.class)
public class LocationShadow extends ShadowLocationManager {
  private static final String KIND = "location";
  /** A fix takes this long; nobody gets one more often; and in the background (API 26+) not more often than the last. */
  private static final long FIRST_MILLIS = 500, LEAST_MILLIS = 1_000, BACKGROUND_MILLIS = 1_800_000;
  /** What runs for a listener or pending intent; gone when it is removed. */
  private static final Map<Object, Object> RUNNING = new ConcurrentHashMap<>();

  private interface Sink {
    void fix(Location l);
  }

  private static void enforce(String provider, String what) {
    boolean ok = LocationManager.NETWORK_PROVIDER.equals(provider) || Trial.rules >= 31 ? Place.coarse() : Place.fine();
    if (ok) return;
    String needs = LocationManager.NETWORK_PROVIDER.equals(provider) || Trial.rules >= 31 ? "ACCESS_COARSE_LOCATION or ACCESS_FINE_LOCATION permission." : "ACCESS_FINE_LOCATION permission.";
    throw Permissions.refuse(KIND, "LocationManager." + what, "\"" + provider + "\" location provider requires " + needs);
  }

  /** @return null when nothing is planted, or in the background without the permission for it */
  private static Location read(String provider, String what) {
    if (Place.inBackground()) {
      Permissions.refuse(KIND, "LocationManager." + what + " in the background", "");
      return null;
    }
    Location l = Handset.location(provider);
    if (l != null && !Place.fine()) { // since API 31 the user may grant the coarse position only
      l.setLatitude(Math.round(l.getLatitude() * 50) / 50.0);
      l.setLongitude(Math.round(l.getLongitude() * 50) / 50.0);
      l.setAccuracy(2000);
    }
    Planted.read(KIND, "LocationManager." + what, l == null ? 0 : 1);
    return l;
  }

  @Override @Implementation protected Location getLastKnownLocation(String provider) {
    enforce(provider, "getLastKnownLocation");
    return read(provider, "getLastKnownLocation");
  }

  @Override @Implementation protected List<String> getAllProviders() { return Arrays.asList(Handset.PROVIDERS); }
  @Override @Implementation protected List<String> getProviders(boolean enabledOnly) { return Arrays.asList(Handset.PROVIDERS); }
  @Override @Implementation protected String getBestProvider(Criteria c, boolean enabledOnly) { return Place.fine() ? LocationManager.GPS_PROVIDER : LocationManager.NETWORK_PROVIDER; }

  private static Executor on(Looper l) {
    Handler h = new Handler(l != null ? l : Looper.myLooper() != null ? Looper.myLooper() : Looper.getMainLooper());
    return h::post;
  }

  private static void run(Object key, String provider, long millis, boolean once, Executor e, Sink sink) {
    run(key, provider, millis, 0, once, e, sink);
  }

  private static void run(Object key, String provider, long millis, float metres, boolean once, Executor e, Sink sink) {
    enforce(provider, "requestLocationUpdates");
    Object token = new Object();
    RUNNING.put(key, token);
    next(key, token, provider, millis, once, e, sink, FIRST_MILLIS, metres);
  }

  private static void next(Object key, Object token, String provider, long millis, boolean once, Executor e, Sink sink, long delay, float metres) {
    new Handler(Looper.getMainLooper()).postDelayed(() -> {
      if (RUNNING.get(key) != token) return;
      boolean found = !Doze.deep(); // no provider works while the phone dozes
      Location l = found ? read(provider, "requestLocationUpdates") : null;
      if (l != null) e.execute(() -> sink.fix(l));
      if (once && found || l != null && metres > 0) RUNNING.remove(key); // a phone that lies still moves no metre from its first place
      else next(key, token, provider, millis, false, e, sink, Math.max(Math.max(LEAST_MILLIS, millis), Trial.rules >= 26 && stakeout.app.Uid.background() ? BACKGROUND_MILLIS : 0), metres);
    }, delay);
  }

  private static Sink sink(PendingIntent p) {
    return l -> {
      try {
        p.send(RuntimeEnvironment.getApplication(), 0, new Intent().putExtra(LocationManager.KEY_LOCATION_CHANGED, l));
      } catch (PendingIntent.CanceledException x) {
        RUNNING.remove(p);
      }
    };
  }

  private static String best() {
    return Place.fine() ? LocationManager.GPS_PROVIDER : LocationManager.NETWORK_PROVIDER;
  }

  private static float metres(LocationRequest r) {
    return r.getMinUpdateDistanceMeters();
  }

  private static long interval(Object request) {
    Object n = ReflectionHelpers.callInstanceMethod(request, RuntimeEnvironment.getApiLevel() >= 31 ? "getIntervalMillis" : "getInterval");
    return ((Number) n).longValue();
  }

  @Override @Implementation protected void requestLocationUpdates(String p, long ms, float m, LocationListener l) { run(l, p, ms, m, false, on(null), l::onLocationChanged); }
  @Override @Implementation protected void requestLocationUpdates(String p, long ms, float m, LocationListener l, Looper o) { run(l, p, ms, m, false, on(o), l::onLocationChanged); }
  @Override @Implementation(minSdk = 30) protected void requestLocationUpdates(String p, long ms, float m, Executor e, LocationListener l) { run(l, p, ms, m, false, e, l::onLocationChanged); }
  @Override @Implementation protected void requestLocationUpdates(long ms, float m, Criteria c, LocationListener l, Looper o) { run(l, best(), ms, m, false, on(o), l::onLocationChanged); }
  @Override @Implementation(minSdk = 30) protected void requestLocationUpdates(long ms, float m, Criteria c, Executor e, LocationListener l) { run(l, best(), ms, m, false, e, l::onLocationChanged); }
  @Override @Implementation protected void requestLocationUpdates(String p, long ms, float m, PendingIntent i) { run(i, p, ms, m, false, Runnable::run, sink(i)); }
  @Override @Implementation protected void requestLocationUpdates(long ms, float m, Criteria c, PendingIntent i) { run(i, best(), ms, m, false, Runnable::run, sink(i)); }
  @Override @Implementation(minSdk = 31) protected void requestLocationUpdates(String p, LocationRequest r, Executor e, LocationListener l) { run(l, p, interval(r), metres(r), false, e, l::onLocationChanged); }
  @Override @Implementation(minSdk = 31) protected void requestLocationUpdates(String p, LocationRequest r, PendingIntent i) { run(i, p, interval(r), metres(r), false, Runnable::run, sink(i)); }
  @Override @Implementation protected void requestSingleUpdate(String p, LocationListener l, Looper o) { run(l, p, 0, true, on(o), l::onLocationChanged); }
  @Override @Implementation protected void requestSingleUpdate(Criteria c, LocationListener l, Looper o) { run(l, best(), 0, true, on(o), l::onLocationChanged); }
  @Override @Implementation protected void requestSingleUpdate(String p, PendingIntent i) { run(i, p, 0, true, Runnable::run, sink(i)); }
  @Override @Implementation protected void requestSingleUpdate(Criteria c, PendingIntent i) { run(i, best(), 0, true, Runnable::run, sink(i)); }
  @Override @Implementation(minSdk = 30) protected void getCurrentLocation(String p, CancellationSignal s, Executor e, Consumer<Location> c) { run(c, p, 0, true, e, c::accept); }
  @Override @Implementation(minSdk = 31) protected void getCurrentLocation(String p, LocationRequest r, CancellationSignal s, Executor e, Consumer<Location> c) { run(c, p, 0, true, e, c::accept); }
  @Override @Implementation protected void removeUpdates(LocationListener l) { RUNNING.remove(l); }
  @Override @Implementation protected void removeUpdates(PendingIntent i) { RUNNING.remove(i); }

  static void processEnded() {
    RUNNING.clear();
  }
}
