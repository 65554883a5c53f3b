package stakeout.data;

import android.net.Uri;
import java.util.List;

/** content://sms and content://mms-sms: text messages; of MMS there are none. */
public final class SmsData extends DataProvider {
  @Override String kind() { return "sms"; }
  @Override String component() { return "com.android.providers.telephony.SmsProvider"; }
  @Override String readPermission() { return "READ_SMS"; }
  @Override String writePermission() { return "SEND_SMS"; }
  @Override String order(String table) { return table.equals("empty") ? null : "date DESC"; }

  @Override Route route(Uri u) {
    List<String> p = path(u);
    if ("mms-sms".equals(u.getAuthority())) {
      if (!at(p, 0).equals("conversations")) return null;
      return p.size() < 2 ? new Route("threads", null) : new Route("sms", "thread_id = ?", at(p, 1));
    }
    return switch (at(p, 0)) {
      case "" -> new Route("sms", null);
      case "inbox" -> new Route("sms", "type = 1");
      case "sent" -> new Route("sms", "type = 2");
      case "draft", "outbox", "failed", "undelivered", "queued" -> new Route("sms", "type > 2");
      case "conversations" -> new Route("threads", null);
      default -> at(p, 0).matches("\\d+") ? new Route("sms", "_id = ?", at(p, 0)) : null;
    };
  }
}
