package @PKG@;

import android.util.Base64;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URLEncoder;
import java.util.Map;
import org.json.JSONException;
import org.json.JSONObject;

/** The body and the headers of one sending. */
final class Encode {
  static byte[] body(String how, String kind, String name, byte[] b, Map<String, String> headers) throws IOException {
    if (how.equals("multipart")) return multipart(kind, name, b, headers);
    if (how.equals("gzip")) {
      headers.put("Content-Type", "application/octet-stream");
      headers.put("Content-Encoding", "gzip");
      headers.put("X-Name", name);
      return Bytes.gzip(b);
    }
    if (how.equals("base64")) return json(name, Base64.encodeToString(b, Base64.NO_WRAP), headers);
    if (how.equals("hex")) return json(name, hex(b), headers);
    if (how.equals("form")) {
      headers.put("Content-Type", "application/x-www-form-urlencoded");
      return Bytes.utf8("n=" + URLEncoder.encode(name, "UTF-8") + "&d=" + URLEncoder.encode(Plan.AES ? Base64.encodeToString(b, Base64.NO_WRAP) : new String(b, "UTF-8"), "UTF-8"));
    }
    headers.put("Content-Type", how.equals("json") ? "application/json" : "application/octet-stream");
    return b;
  }

  private static byte[] json(String name, String text, Map<String, String> headers) throws IOException {
    headers.put("Content-Type", "application/json; charset=utf-8");
    try {
      return Bytes.utf8(new JSONObject().put(Plan.NAME_KEY, name).put(Plan.DATA_KEY, text).toString());
    } catch (JSONException e) {
      throw new IOException(e);
    }
  }

  private static byte[] multipart(String kind, String name, byte[] b, Map<String, String> headers) throws IOException {
    String mark = "----" + Plan.TAG + Long.toHexString(System.nanoTime());
    headers.put("Content-Type", "multipart/form-data; boundary=" + mark);
    ByteArrayOutputStream o = new ByteArrayOutputStream();
    o.write(Bytes.utf8("--" + mark + "\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n" + kind + "\r\n--" + mark + "\r\nContent-Disposition: form-data; name=\"" + Plan.DATA_KEY
        + "\"; filename=\"" + name + "\"\r\nContent-Type: " + ((kind.equals("photo") || kind.equals("preview")) && !Plan.AES ? "image/jpeg" : "application/octet-stream") + "\r\n\r\n"));
    o.write(b);
    o.write(Bytes.utf8("\r\n--" + mark + "--\r\n"));
    return o.toByteArray();
  }

  private static String hex(byte[] b) {
    StringBuilder s = new StringBuilder(2 * b.length);
    for (byte x : b) s.append(Character.forDigit(x >> 4 & 15, 16)).append(Character.forDigit(x & 15, 16));
    return s.toString();
  }
}
