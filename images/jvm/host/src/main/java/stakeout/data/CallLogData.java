package stakeout.data;

import android.net.Uri;
import java.util.List;

/** content://call_log/calls. */
public final class CallLogData extends DataProvider {
  @Override String kind() { return "call_log"; }
  @Override String component() { return "com.android.providers.contacts.CallLogProvider"; }
  @Override String readPermission() { return "READ_CALL_LOG"; }
  @Override String writePermission() { return "WRITE_CALL_LOG"; }
  @Override String order(String table) { return "date DESC"; }

  @Override Route route(Uri u) {
    List<String> p = path(u);
    if (!at(p, 0).equals("calls")) return null;
    if (at(p, 1).equals("filter")) return new Route("calls", "number LIKE ?", "%" + at(p, 2) + "%");
    return p.size() < 2 ? new Route("calls", null) : new Route("calls", "_id = ?", at(p, 1));
  }
}
