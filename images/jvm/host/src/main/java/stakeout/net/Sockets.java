package stakeout.net;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.UnknownHostException;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import stakeout.host.Events;

/** Sockets of the app's own code and of its HTTP libraries: told as facts, with the app's stack. */
public final class Sockets {
  private Sockets() {}

  private static void tell(SocketAddress to) throws IOException {
    MainThread.check();
    if (to instanceof InetSocketAddress a) Offline.check(a.getHostString(), a.getPort());
    if (to instanceof InetSocketAddress a) Events.connecting(a.getHostString(), a.getPort());
  }

  public static void connect(Socket s, SocketAddress to) throws IOException {
    tell(to);
    s.connect(to);
  }

  public static void connect(Socket s, SocketAddress to, int timeout) throws IOException {
    tell(to);
    s.connect(to, timeout);
  }

  public static void startHandshake(SSLSocket s) throws IOException {
    try {
      s.startHandshake();
    } catch (SSLException e) {
      InetAddress a = s.getInetAddress();
      Events.fact("network", "host", a == null ? null : a.getHostName(), "port", s.getPort(), "what", "tls_refused");
      throw e;
    }
  }

  public static InetAddress getByName(String host) throws UnknownHostException {
    MainThread.check();
    Offline.resolve(host);
    return InetAddress.getByName(host);
  }

  public static InetAddress[] getAllByName(String host) throws UnknownHostException {
    MainThread.check();
    Offline.resolve(host);
    return InetAddress.getAllByName(host);
  }
}
