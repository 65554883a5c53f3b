package stakeout.net;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URL;
import java.net.URLConnection;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import javax.net.ssl.SSLException;
import stakeout.host.Events;
import stakeout.host.Trial;
import stakeout.tap.Looks;

/** URL connections as Android's: the policy for plain HTTP, its User-Agent, no network on the main thread; and told as facts. */
public final class Web {
  private Web() {}

  private static final Map<URLConnection, Boolean> TOLD = Collections.synchronizedMap(new WeakHashMap<>());

  public static URLConnection openConnection(URL u) throws IOException {
    return prepared(u.openConnection());
  }

  public static URLConnection openConnection(URL u, Proxy p) throws IOException {
    return prepared(u.openConnection(p));
  }

  public static InputStream openStream(URL u) throws IOException {
    return getInputStream(openConnection(u));
  }

  private static URLConnection prepared(URLConnection c) {
    if (c instanceof HttpURLConnection h) h.setRequestProperty("User-Agent", agent());
    return c;
  }

  private static String agent() {
    return "Dalvik/2.1.0 (Linux; U; Android " + android.os.Build.VERSION.RELEASE + "; " + android.os.Build.MODEL + " Build/" + android.os.Build.ID + ")";
  }

  private interface Call<T> {
    T run() throws IOException;
  }

  /** Before the first byte: what Android checks when it connects. */
  private static <T> T using(URLConnection c, Call<T> call) throws IOException {
    if (!(c instanceof HttpURLConnection)) return call.run();
    URL u = c.getURL();
    int port = u.getPort() >= 0 ? u.getPort() : u.getDefaultPort();
    if (TOLD.put(c, true) == null) {
      MainThread.check();
      Offline.resolve(u.getHost());
      if (u.getProtocol().equals("http") && Trial.rules >= 23) Policy.cleartext(u.getHost(), port);
      Events.connecting(u.getHost(), port);
    }
    try {
      return call.run();
    } catch (SSLException e) {
      Events.fact("network", "host", u.getHost(), "port", port, "what", "tls_refused");
      throw e;
    }
  }

  public static void connect(URLConnection c) throws IOException {
    using(c, () -> {
      c.connect();
      return null;
    });
  }

  public static InputStream getInputStream(URLConnection c) throws IOException {
    return using(c, c::getInputStream);
  }

  public static OutputStream getOutputStream(URLConnection c) throws IOException {
    return using(c, c::getOutputStream);
  }

  public static int getResponseCode(HttpURLConnection c) throws IOException {
    return using(c, c::getResponseCode);
  }

  public static String getResponseMessage(HttpURLConnection c) throws IOException {
    return using(c, c::getResponseMessage);
  }

  /** A server's own time is no device's: the gateway sends none with its own answers, and a stub's or a live one's does not follow the clock. */
  private static void date(URLConnection c) {
    Looks.realTime("the Date header of " + c.getURL().getHost());
  }

  public static String getHeaderField(URLConnection c, String name) {
    if ("Date".equalsIgnoreCase(name)) date(c);
    return c.getHeaderField(name);
  }

  public static long getHeaderFieldDate(URLConnection c, String name, long otherwise) {
    if ("Date".equalsIgnoreCase(name)) date(c);
    return c.getHeaderFieldDate(name, otherwise);
  }

  public static long getDate(URLConnection c) {
    date(c);
    return c.getDate();
  }
}
