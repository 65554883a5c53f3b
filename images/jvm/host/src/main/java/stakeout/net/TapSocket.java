package stakeout.net;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import stakeout.host.Events;

/** What `new Socket(host, port)` becomes: such a constructor connects at once. */
public class TapSocket extends Socket {
  public TapSocket() {}

  public TapSocket(Proxy p) {
    super(p);
  }

  public TapSocket(String host, int port) throws IOException {
    this(new InetSocketAddress(host, port));
  }

  public TapSocket(InetAddress address, int port) throws IOException {
    this(new InetSocketAddress(address, port));
  }

  public TapSocket(String host, int port, InetAddress local, int localPort) throws IOException {
    bind(new InetSocketAddress(local, localPort));
    open(new InetSocketAddress(host, port));
  }

  public TapSocket(InetAddress address, int port, InetAddress local, int localPort) throws IOException {
    bind(new InetSocketAddress(local, localPort));
    open(new InetSocketAddress(address, port));
  }

  private TapSocket(InetSocketAddress to) throws IOException {
    open(to);
  }

  private void open(InetSocketAddress to) throws IOException {
    MainThread.check();
    Offline.check(to.getHostString(), to.getPort());
    Events.connecting(to.getHostString(), to.getPort());
    connect(to);
  }
}
