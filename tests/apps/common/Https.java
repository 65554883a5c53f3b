package @PKG@;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.util.Map;

/** One request and its answer; the caller is never on the main thread. */
final class Https {
  final int status;
  final byte[] body;
  final String date;

  private Https(int status, byte[] body, String date) {
    this.status = status;
    this.body = body;
    this.date = date;
  }

  boolean good() {
    return status >= 200 && status < 300;
  }

  static Https get(String url) throws IOException {
    return call("GET", url, null, null, false);
  }

  static Https post(String url, Map<String, String> headers, byte[] body, boolean chunked) throws IOException {
    return call("POST", url, headers, body, chunked);
  }

  private static Https call(String method, String url, Map<String, String> headers, byte[] body, boolean chunked) throws IOException {
    HttpURLConnection u = (HttpURLConnection) new URL(url).openConnection();
    try {
      u.setConnectTimeout(10000);
      u.setReadTimeout(20000);
      u.setRequestMethod(method);
      u.setRequestProperty("User-Agent", Plan.USER_AGENT);
      if (headers != null) for (Map.Entry<String, String> h : headers.entrySet()) u.setRequestProperty(h.getKey(), h.getValue());
      if (body != null) {
        u.setDoOutput(true);
        if (chunked) u.setChunkedStreamingMode(4096);
        else u.setFixedLengthStreamingMode(body.length);
        try (OutputStream o = u.getOutputStream()) {
          o.write(body);
        }
      }
      int status = u.getResponseCode();
      return new Https(status, read(status < 400 ? u.getInputStream() : u.getErrorStream()), u.getHeaderField("Date"));
    } finally {
      u.disconnect();
    }
  }

  static byte[] read(InputStream in) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    if (in == null) return all.toByteArray();
    try {
      byte[] b = new byte[8192];
      for (int n = in.read(b); n >= 0; n = in.read(b)) all.write(b, 0, n);
    } finally {
      in.close();
    }
    return all.toByteArray();
  }
}
