package stakeout.data;

import android.content.ContentValues;
import android.net.Uri;
import java.util.List;

/** content://com.android.contacts: contacts, raw contacts, data rows, phones, e-mails and lookups. */
public final class ContactsData extends DataProvider {
  private static final String PHONE = "vnd.android.cursor.item/phone_v2", EMAIL = "vnd.android.cursor.item/email_v2";

  @Override String kind() { return "contacts"; }
  @Override String component() { return "com.android.providers.contacts.ContactsProvider2"; }
  @Override String readPermission() { return "READ_CONTACTS"; }
  @Override String writePermission() { return "WRITE_CONTACTS"; }

  @Override String writable(String table) {
    return table.equals("data") ? "data_t" : table.equals("contacts") ? "raw_contacts" : table;
  }

  @Override Route route(Uri u) {
    List<String> p = path(u);
    return switch (at(p, 0)) {
      case "contacts" -> contacts(p);
      case "raw_contacts" -> p.size() < 2 ? new Route("raw_contacts", null)
          : at(p, 2).equals("data") || at(p, 2).equals("entity") ? new Route("data", "raw_contact_id = ?", at(p, 1)) : new Route("raw_contacts", "_id = ?", at(p, 1));
      case "raw_contact_entities", "data_enterprise" -> new Route("data", null);
      case "data" -> data(p);
      case "phone_lookup", "phone_lookup_enterprise" -> new Route("phone_lookup", "REPLACE(REPLACE(REPLACE(normalized_number, ' ', ''), '-', ''), '+', '') LIKE ?",
          "%" + tail(at(p, 1)));
      case "groups", "settings", "profile", "stream_items", "directories", "deleted_contacts", "status_updates", "syncstate", "aggregation_exceptions" -> new Route("empty", null);
      default -> null;
    };
  }

  /** Numbers are the same when their last seven digits are, as Android's loose comparison has it. */
  private static String tail(String number) {
    String n = number.replaceAll("[^0-9]", "");
    return n.length() > 7 ? n.substring(n.length() - 7) : n;
  }

  private static Route contacts(List<String> p) {
    String s = at(p, 1);
    if (s.isEmpty()) return new Route("contacts", null);
    if (s.equals("filter")) return new Route("contacts", "display_name LIKE ?", "%" + at(p, 2) + "%");
    if (s.equals("strequent") || s.equals("frequent")) return new Route("contacts", "starred = 1");
    if (s.equals("group")) return new Route("empty", null);
    if (s.equals("as_vcard") || s.equals("as_multi_vcard")) return null;
    if (s.equals("lookup")) return at(p, 3).equals("data") || at(p, 4).equals("data") ? new Route("data", "lookup = ?", at(p, 2)) : new Route("contacts", "lookup = ?", at(p, 2));
    return switch (at(p, 2)) {
      case "data", "entities" -> new Route("data", "contact_id = ?", s);
      case "photo", "display_photo" -> new Route("data", "contact_id = ? AND mimetype = 'vnd.android.cursor.item/photo'", s);
      default -> new Route("contacts", "_id = ?", s);
    };
  }

  private static Route data(List<String> p) {
    String s = at(p, 1), t = at(p, 2);
    String mime = s.equals("phones") ? PHONE : s.equals("emails") ? EMAIL : s.equals("postals") ? "vnd.android.cursor.item/postal-address_v2" : null;
    if (s.isEmpty()) return new Route("data", null);
    if (s.equals("contactables") || s.equals("callables")) return new Route("data", "mimetype IN ('" + PHONE + "', '" + EMAIL + "')");
    if (mime == null) return new Route("data", "_id = ?", s);
    if (t.equals("filter")) return new Route("data", "mimetype = ? AND (data1 LIKE ? OR display_name LIKE ?)", mime, "%" + at(p, 3) + "%", "%" + at(p, 3) + "%");
    if (t.equals("lookup")) return new Route("data", "mimetype = ? AND data1 = ?", mime, at(p, 3));
    return t.isEmpty() ? new Route("data", "mimetype = ?", mime) : new Route("data", "mimetype = ? AND _id = ?", mime, t);
  }

  /** A raw contact of the app becomes a contact of its own; a name row names it. */
  @Override public Uri insert(Uri u, ContentValues v) {
    ContentValues values = v == null ? new ContentValues() : new ContentValues(v);
    List<String> p = path(u);
    if (at(p, 0).equals("raw_contacts") && at(p, 2).equals("data")) values.put("raw_contact_id", at(p, 1));
    Uri made = super.insert(u, values);
    if (made == null) return null;
    if (at(p, 0).equals("raw_contacts") && p.size() == 1) Tables.db().execSQL("UPDATE raw_contacts SET contact_id = _id WHERE contact_id IS NULL");
    if ("vnd.android.cursor.item/name".equals(values.getAsString("mimetype"))) {
      Tables.db().execSQL("UPDATE raw_contacts SET display_name = ? WHERE _id = ?", new Object[] {values.getAsString("data1"), values.getAsLong("raw_contact_id")});
    }
    return made;
  }
}
