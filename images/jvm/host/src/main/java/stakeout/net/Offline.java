package stakeout.net;

import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import stakeout.app.Doze;
import stakeout.host.Events;

/** In doze the network is cut for an app that is on no list of exceptions: no names, no new connections. */
final class Offline {
  private Offline() {}

  static void resolve(String host) throws UnknownHostException {
    if (host == null || local(host) || !Doze.offline()) return;
    Events.fact("network", "host", host, "port", 0, "what", "doze_refused");
    throw new UnknownHostException("Unable to resolve host \"" + host + "\": No address associated with hostname");
  }

  static void check(String host, int port) throws IOException {
    if (local(host) || !Doze.offline()) return;
    Events.fact("network", "host", host, "port", port, "what", "doze_refused");
    throw new ConnectException("failed to connect to " + host + " (port " + port + "): connect failed: ENETUNREACH (Network is unreachable)");
  }

  private static boolean local(String host) {
    return host.equals("localhost") || host.matches("127\\.\\d+\\.\\d+\\.\\d+") || host.equals("::1") || host.equals("[::1]");
  }
}
