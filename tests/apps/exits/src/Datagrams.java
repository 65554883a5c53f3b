package @PKG@;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.MulticastSocket;

/** UDP, names and ICMP. */
final class Datagrams {
  /** A query for the address of `example.com`. */
  private static final byte[] QUERY = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 1, 0, 1};
  private final Journal j;

  Datagrams(Journal j) {
    this.j = j;
  }

  void all() {
    for (String to : new String[] {"8.8.8.8:53", "127.0.0.11:53", "127.0.0.1:53", "127.0.0.1:15053", "1.1.1.1:123", "1.1.1.1:443", "10.0.0.1:161", "169.254.169.254:80",
        "172.17.0.1:53", "224.0.0.251:5353", "239.255.255.250:1900", "255.255.255.255:67", "[2001:4860:4860::8888]:53", "[ff02::fb]:5353", "[::1]:15053", Sockets.gateway() + ":53"}) udp(to);
    for (final String name : new String[] {"example.com", "metadata.google.internal", "host.docker.internal", "localhost", "data-in-the-name-7f3a.tunnel.example"}) {
      j.attempt("resolve", name, new Journal.Attempt() {
        @Override public String make() throws Exception {
          StringBuilder s = new StringBuilder("resolved:");
          for (InetAddress a : InetAddress.getAllByName(name)) s.append(' ').append(a.getHostAddress());
          return s.toString();
        }
      });
    }
    for (final String to : new String[] {"1.1.1.1", "10.0.0.1", "169.254.169.254", "127.0.0.1", Sockets.gateway(), "2606:4700:4700::1111"}) {
      j.attempt("icmp", to, new Journal.Attempt() {
        @Override public String make() throws Exception {
          return InetAddress.getByName(to).isReachable(1000) ? "reachable" : "unreachable";
        }
      });
    }
    j.attempt("multicast join", "224.0.0.251", new Journal.Attempt() {
      @Override public String make() throws Exception {
        try (MulticastSocket s = new MulticastSocket(5353)) {
          s.joinGroup(InetAddress.getByName("224.0.0.251"));
          return "joined";
        }
      }
    });
  }

  private void udp(final String to) {
    j.attempt("udp", to, new Journal.Attempt() {
      @Override public String make() throws Exception {
        int at = to.lastIndexOf(':');
        InetAddress a = InetAddress.getByName(to.substring(0, at).replace("[", "").replace("]", ""));
        try (DatagramSocket s = new DatagramSocket()) {
          s.setSoTimeout(700);
          s.setBroadcast(true);
          s.send(new DatagramPacket(QUERY, QUERY.length, a, Integer.parseInt(to.substring(at + 1))));
          DatagramPacket p = new DatagramPacket(new byte[512], 512);
          try {
            s.receive(p);
            return "answered: " + p.getLength() + " bytes " + Journal.hex(p.getData(), p.getLength());
          } catch (java.net.SocketTimeoutException e) {
            return "sent: no answer";
          }
        }
      }
    });
  }
}
