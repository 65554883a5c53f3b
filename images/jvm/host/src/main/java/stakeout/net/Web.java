package stakeout.net;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URL;
import java.net.URLConnection;
import java.text.SimpleDateFormat;
import java.time.DateTimeException;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import java.util.WeakHashMap;
import javax.net.ssl.SSLException;
import stakeout.host.Events;
import stakeout.host.Trial;
import stakeout.tap.Looks;
import stakeout.time.Clock;

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
      T done = call.run();
      ANSWERED.putIfAbsent(c, Clock.now());
      return done;
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
    ANSWERED.remove(c);
  }

  public static InputStream getInputStream(URLConnection c) throws IOException {
    return using(c, c::getInputStream);
  }

  public static OutputStream getOutputStream(URLConnection c) throws IOException {
    OutputStream out = using(c, c::getOutputStream);
    ANSWERED.remove(c); // it is the request yet
    return out;
  }

  public static int getResponseCode(HttpURLConnection c) throws IOException {
    return using(c, c::getResponseCode);
  }

  public static String getResponseMessage(HttpURLConnection c) throws IOException {
    return using(c, c::getResponseMessage);
  }

  /** When an answer came, by the device's clock. */
  private static final Map<URLConnection, Long> ANSWERED = Collections.synchronizedMap(new WeakHashMap<>());

  /**
   * The time of a server as the app would see it: the gateway does not know the device's clock and sends none with its own
   * answers, so it is added here. One that a stub or a live server sends does not follow the device's clock, and that is told.
   */
  private static String date(URLConnection c, String sent) {
    if (!(c instanceof HttpURLConnection)) return sent;
    if (sent != null) {
      Looks.realTime("the Date header of " + c.getURL().getHost());
      return sent;
    }
    if (c.getHeaderField(0) == null) return null; // no answer at all
    SimpleDateFormat f = new SimpleDateFormat("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.US);
    f.setTimeZone(TimeZone.getTimeZone("GMT"));
    return f.format(new Date(ANSWERED.computeIfAbsent(c, k -> Clock.now())));
  }

  /** Asking for a header sends the request, if that has not been done. */
  private static <T> T header(URLConnection c, Call<T> call) {
    try {
      return using(c, call);
    } catch (IOException e) { // the JDK answers null, then, and so does Android
      return null;
    }
  }

  public static String getHeaderField(URLConnection c, String name) {
    String sent = header(c, () -> c.getHeaderField(name));
    return "Date".equalsIgnoreCase(name) ? date(c, sent) : sent;
  }

  public static Map<String, List<String>> getHeaderFields(URLConnection c) {
    Map<String, List<String>> all = header(c, c::getHeaderFields);
    if (all == null) return Map.of();
    if (all.isEmpty() || all.keySet().stream().anyMatch("Date"::equalsIgnoreCase)) return all;
    Map<String, List<String>> with = new LinkedHashMap<>(all);
    String d = date(c, null);
    if (d != null) with.put("Date", List.of(d));
    return Collections.unmodifiableMap(with);
  }

  public static long getHeaderFieldDate(URLConnection c, String name, long otherwise) {
    if (!"Date".equalsIgnoreCase(name)) return c.getHeaderFieldDate(name, otherwise);
    String d = getHeaderField(c, name);
    try {
      return d == null ? otherwise : ZonedDateTime.parse(d, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant().toEpochMilli();
    } catch (DateTimeException e) {
      return otherwise;
    }
  }

  public static long getDate(URLConnection c) {
    return getHeaderFieldDate(c, "Date", 0);
  }
}
