package @PKG@;

import java.io.BufferedReader;
import java.io.FileReader;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.Proxy;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.Collections;

/** TCP: to where nothing may be reached, and to what must not be talked to directly. */
final class Sockets {
  private static final int TIMEOUT = 1000;
  private final Journal j;

  Sockets(Journal j) {
    this.j = j;
  }

  void all() {
    for (String to : new String[] {
        "1.1.1.1:443", "8.8.8.8:53", "93.184.216.34:80", "203.0.113.7:4444", // public
        "10.0.0.1:80", "172.16.0.1:80", "172.17.0.1:2375", "172.17.0.1:22", "172.18.0.1:22", "192.168.0.1:80", "192.168.1.1:443", // private, the engine's bridges
        "169.254.169.254:80", "169.254.170.2:80", "169.254.1.1:80", "100.100.100.200:80", // link-local, metadata
        "127.0.0.11:53", "127.0.0.1:15001", "127.0.0.1:15053", "127.0.0.1:5555", "127.0.0.1:5554", "127.0.0.1:8554", "0.0.0.0:15001", "127.0.0.2:15001", // the cell's own
        "[::1]:15001", "[::1]:80", "[fe80::1]:80", "[2606:4700:4700::1111]:443", "[::ffff:1.1.1.1]:80", "[::ffff:127.0.0.1]:15001", "[fd00:ec2::254]:80",
        "224.0.0.251:5353", "255.255.255.255:80"}) tcp(to);
    String gateway = gateway();
    for (String port : new String[] {"22", "53", "80", "2375", "2376", "15001", "15053"}) tcp(gateway + ":" + port);
    j.attempt("interfaces", "", new Journal.Attempt() {
      @Override public String make() throws Exception {
        StringBuilder s = new StringBuilder();
        for (NetworkInterface i : Collections.list(NetworkInterface.getNetworkInterfaces()))
          for (InetAddress a : Collections.list(i.getInetAddresses())) s.append(' ').append(i.getName()).append('=').append(a.getHostAddress());
        return "read: " + s.toString().trim();
      }
    });
    j.attempt("socketchannel", "1.1.1.1:80", new Journal.Attempt() {
      @Override public String make() throws Exception {
        try (SocketChannel c = SocketChannel.open()) {
          c.socket().connect(new InetSocketAddress("1.1.1.1", 80), TIMEOUT);
          c.write(ByteBuffer.wrap(Bytes.utf8("GET / HTTP/1.0\r\n\r\n")));
          c.socket().setSoTimeout(TIMEOUT);
          byte[] b = new byte[64];
          int n = c.socket().getInputStream().read(b);
          return "connected: " + n + " bytes " + Journal.hex(b, n);
        }
      }
    });
    j.attempt("socks", "127.0.0.1:15001", new Journal.Attempt() {
      @Override public String make() throws Exception {
        try (Socket s = new Socket(new Proxy(Proxy.Type.SOCKS, new InetSocketAddress("127.0.0.1", 15001)))) {
          s.setSoTimeout(TIMEOUT);
          s.connect(new InetSocketAddress("169.254.169.254", 80), TIMEOUT);
          return "connected";
        }
      }
    });
    j.attempt("source port", "1.1.1.1:80", new Journal.Attempt() {
      @Override public String make() throws Exception {
        try (Socket s = new Socket()) {
          s.bind(new InetSocketAddress("0.0.0.0", 53));
          s.connect(new InetSocketAddress("1.1.1.1", 80), TIMEOUT);
          return "connected: from port 53";
        }
      }
    });
    j.attempt("listen", "0.0.0.0", new Journal.Attempt() {
      @Override public String make() throws Exception {
        try (java.net.ServerSocket s = new java.net.ServerSocket(0)) {
          return "listening: port " + s.getLocalPort();
        }
      }
    });
  }

  /** The answer to a plain request tells who is at the other end. */
  private void tcp(final String to) {
    j.attempt("tcp", to, new Journal.Attempt() {
      @Override public String make() throws Exception {
        int at = to.lastIndexOf(':');
        String host = to.substring(0, at).replace("[", "").replace("]", "");
        try (Socket s = new Socket()) {
          s.connect(new InetSocketAddress(InetAddress.getByName(host), Integer.parseInt(to.substring(at + 1))), TIMEOUT);
          s.setSoTimeout(TIMEOUT);
          OutputStream o = s.getOutputStream();
          o.write(Bytes.utf8("GET /latest/meta-data/ HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"));
          o.flush();
          byte[] b = new byte[64];
          InputStream in = s.getInputStream();
          try {
            int n = in.read(b);
            return n < 0 ? "closed: connected, then closed without an answer" : "answered: " + n + " bytes " + Journal.hex(b, n);
          } catch (java.net.SocketTimeoutException e) {
            return "connected: no answer";
          }
        }
      }
    });
  }

  /** The default route of this namespace. */
  static String gateway() {
    try (BufferedReader r = new BufferedReader(new FileReader("/proc/net/route"))) {
      for (String l = r.readLine(); l != null; l = r.readLine()) {
        String[] f = l.trim().split("\\s+");
        if (f.length < 3 || !f[1].equals("00000000")) continue;
        long v = Long.parseLong(f[2], 16);
        return (v & 255) + "." + (v >> 8 & 255) + "." + (v >> 16 & 255) + "." + (v >> 24 & 255);
      }
    } catch (java.io.IOException | NumberFormatException e) {
      android.util.Log.i(Plan.TAG, "route: " + e);
    }
    return "172.17.0.1";
  }
}
