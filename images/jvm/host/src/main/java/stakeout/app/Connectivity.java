package stakeout.app;

import android.content.Context;
import android.content.Intent;
import android.net.ConnectivityManager;
import android.net.Network;
import android.net.NetworkInfo;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowConnectivityManager;
import org.robolectric.shadows.ShadowNetworkInfo;
import stakeout.host.Trial;

/** What the app hears of its network: it is there, but for an app that dozes with the phone. Called on the main thread. */
@SuppressWarnings("deprecation")
final class Connectivity {
  private Connectivity() {}

  private static boolean cut;

  /** Tells the app when the network has come or gone for it. */
  static void settle() {
    boolean now = Doze.offline();
    if (!AppProcess.alive()) {
      cut = now;
      return;
    }
    if (now == cut) return;
    cut = now;
    Context app = RuntimeEnvironment.getApplication();
    ConnectivityManager m = (ConnectivityManager) app.getSystemService(Context.CONNECTIVITY_SERVICE);
    ShadowConnectivityManager shadow = Shadow.extract(m);
    shadow.setActiveNetworkInfo(ShadowNetworkInfo.newInstance(now ? NetworkInfo.DetailedState.BLOCKED : NetworkInfo.DetailedState.CONNECTED,
        ConnectivityManager.TYPE_WIFI, 0, true, now ? NetworkInfo.State.DISCONNECTED : NetworkInfo.State.CONNECTED));
    Intent i = new Intent(ConnectivityManager.CONNECTIVITY_ACTION).putExtra(ConnectivityManager.EXTRA_NO_CONNECTIVITY, now);
    if (Installed.ruled(24)) i.addFlags(Intent.FLAG_RECEIVER_REGISTERED_ONLY); // since then not to manifests
    Receivers.system(i);
    if (Trial.api >= 29) blocked(m, shadow, now);
  }

  private static void blocked(ConnectivityManager m, ShadowConnectivityManager shadow, boolean now) {
    Network n = m.getActiveNetwork();
    for (ConnectivityManager.NetworkCallback c : shadow.getNetworkCallbacks()) if (n != null) c.onBlockedStatusChanged(n, now);
  }

  /** The managers are new in each life of the process. */
  static void fresh() {
    cut = false;
    settle();
  }
}
