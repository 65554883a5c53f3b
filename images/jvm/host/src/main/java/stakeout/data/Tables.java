package stakeout.data;

import android.content.ContentValues;
import android.database.Cursor;
import android.database.sqlite.SQLiteDatabase;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** The planted data as SQL tables and views with the providers' column names, so that apps' own selections and orders work. */
final class Tables {
  private Tables() {}

  private static SQLiteDatabase db;
  private static final Map<String, Set<String>> COLUMNS = new HashMap<>();

  private static final String[] SCHEMA = {
    "CREATE TABLE raw_contacts(_id INTEGER PRIMARY KEY, contact_id INTEGER, account_name TEXT, account_type TEXT, sourceid TEXT, version INTEGER DEFAULT 1,"
        + " dirty INTEGER DEFAULT 0, deleted INTEGER DEFAULT 0, starred INTEGER DEFAULT 0, aggregation_mode INTEGER DEFAULT 0, display_name TEXT)",
    "CREATE TABLE data_t(_id INTEGER PRIMARY KEY, raw_contact_id INTEGER, mimetype TEXT, is_primary INTEGER DEFAULT 0, is_super_primary INTEGER DEFAULT 0,"
        + " data1, data2, data3, data4, data5, data6, data7, data8, data9, data10, data11, data12, data13, data14, data15)",
    "CREATE VIEW contacts AS SELECT r.contact_id AS _id, r.contact_id AS name_raw_contact_id, 'c' || r.contact_id AS lookup, MAX(r.display_name) AS display_name,"
        + " MAX(r.display_name) AS display_name_alt, MAX(r.display_name) AS sort_key, MAX(r.display_name) AS sort_key_alt, NULL AS phonetic_name, NULL AS photo_id, NULL AS photo_uri,"
        + " NULL AS photo_thumb_uri, 1 AS in_visible_group, MAX(r.starred) AS starred, 0 AS times_contacted, 0 AS last_time_contacted, NULL AS custom_ringtone,"
        + " 0 AS send_to_voicemail, EXISTS(SELECT 1 FROM data_t d JOIN raw_contacts x ON x._id = d.raw_contact_id WHERE x.contact_id = r.contact_id"
        + " AND d.mimetype = 'vnd.android.cursor.item/phone_v2') AS has_phone_number FROM raw_contacts r WHERE r.deleted = 0 GROUP BY r.contact_id",
    "CREATE VIEW data AS SELECT d.*, d._id AS data_id, c._id AS contact_id, c.lookup, c.display_name, c.display_name_alt, c.sort_key, c.has_phone_number, c.starred, c.photo_id,"
        + " c.photo_uri, c.photo_thumb_uri, c.in_visible_group, c.times_contacted, c.last_time_contacted, r.account_name, r.account_type, r.deleted, r.version, r.sourceid"
        + " FROM data_t d JOIN raw_contacts r ON r._id = d.raw_contact_id JOIN contacts c ON c._id = r.contact_id",
    "CREATE VIEW phone_lookup AS SELECT contact_id AS _id, contact_id, data_id, lookup, display_name, starred, photo_id, photo_uri, photo_thumb_uri, has_phone_number,"
        + " data1 AS number, data2 AS type, data3 AS label, data4 AS normalized_number FROM data WHERE mimetype = 'vnd.android.cursor.item/phone_v2'",
    "CREATE TABLE empty(_id INTEGER PRIMARY KEY)",
    "CREATE TABLE calls(_id INTEGER PRIMARY KEY, number TEXT, name TEXT, date INTEGER, duration INTEGER, type INTEGER, new INTEGER DEFAULT 0, is_read INTEGER DEFAULT 1,"
        + " numbertype INTEGER DEFAULT 2, numberlabel TEXT, countryiso TEXT DEFAULT 'CN', geocoded_location TEXT, presentation INTEGER DEFAULT 1, normalized_number TEXT,"
        + " matched_number TEXT, lookup_uri TEXT, formatted_number TEXT, features INTEGER DEFAULT 0, data_usage INTEGER, transcription TEXT, voicemail_uri TEXT,"
        + " photo_id INTEGER DEFAULT 0, photo_uri TEXT, subscription_component_name TEXT, subscription_id TEXT, via_number TEXT DEFAULT '', last_modified INTEGER)",
    "CREATE TABLE sms(_id INTEGER PRIMARY KEY, thread_id INTEGER, address TEXT, person INTEGER, date INTEGER, date_sent INTEGER, protocol INTEGER DEFAULT 0,"
        + " read INTEGER DEFAULT 1, status INTEGER DEFAULT -1, type INTEGER DEFAULT 1, reply_path_present INTEGER DEFAULT 0, subject TEXT, body TEXT, service_center TEXT,"
        + " locked INTEGER DEFAULT 0, sub_id INTEGER DEFAULT 1, error_code INTEGER DEFAULT 0, creator TEXT, seen INTEGER DEFAULT 1)",
    "CREATE VIEW threads AS SELECT thread_id AS _id, thread_id, MAX(date) AS date, COUNT(*) AS message_count, COUNT(*) AS msg_count, body AS snippet, address AS recipient_ids FROM sms GROUP BY thread_id",
    "CREATE TABLE calendars(_id INTEGER PRIMARY KEY, account_name TEXT, account_type TEXT, name TEXT, calendar_displayName TEXT, calendar_color INTEGER, calendar_access_level INTEGER,"
        + " ownerAccount TEXT, visible INTEGER DEFAULT 1, sync_events INTEGER DEFAULT 1, isPrimary INTEGER DEFAULT 1, calendar_timezone TEXT, maxReminders INTEGER DEFAULT 5, deleted INTEGER DEFAULT 0)",
    "CREATE TABLE events_t(_id INTEGER PRIMARY KEY, calendar_id INTEGER, title TEXT, description TEXT, eventLocation TEXT, dtstart INTEGER, dtend INTEGER, duration TEXT,"
        + " allDay INTEGER DEFAULT 0, eventTimezone TEXT, hasAlarm INTEGER DEFAULT 0, rrule TEXT, rdate TEXT, exdate TEXT, organizer TEXT, eventStatus INTEGER DEFAULT 1,"
        + " selfAttendeeStatus INTEGER DEFAULT 0, availability INTEGER DEFAULT 0, accessLevel INTEGER DEFAULT 0, eventColor INTEGER, deleted INTEGER DEFAULT 0, lastDate INTEGER)",
    "CREATE VIEW events AS SELECT e.*, c.account_name, c.account_type, c.calendar_displayName, c.calendar_color, c.ownerAccount, c.visible, c.calendar_access_level"
        + " FROM events_t e JOIN calendars c ON c._id = e.calendar_id",
    "CREATE VIEW instances AS SELECT e.*, e._id AS event_id, e.dtstart AS begin, e.dtend AS end FROM events e",
    "CREATE TABLE files(_id INTEGER PRIMARY KEY, _data TEXT, _display_name TEXT, title TEXT, mime_type TEXT, _size INTEGER, date_added INTEGER, date_modified INTEGER, datetaken INTEGER,"
        + " width INTEGER, height INTEGER, orientation INTEGER DEFAULT 0, duration INTEGER, bucket_id TEXT, bucket_display_name TEXT, media_type INTEGER, relative_path TEXT, volume_name TEXT DEFAULT 'external_primary',"
        + " is_pending INTEGER DEFAULT 0, is_trashed INTEGER DEFAULT 0, is_favorite INTEGER DEFAULT 0, owner_package_name TEXT, description TEXT, latitude REAL, longitude REAL, mini_thumb_magic INTEGER,"
        + " artist TEXT, album TEXT, artist_id INTEGER, album_id INTEGER, track INTEGER, is_music INTEGER, resolution TEXT, parent INTEGER, format INTEGER)",
  };

  /** The tables are made anew from the planted data at the next use. */
  static synchronized void reset() {
    if (db != null) db.close();
    db = null;
    COLUMNS.clear();
  }

  static synchronized SQLiteDatabase db() {
    if (db != null) return db;
    db = SQLiteDatabase.create(null);
    for (String s : SCHEMA) db.execSQL(s);
    Rows.fill(db);
    return db;
  }

  static synchronized Set<String> columns(String table) {
    return COLUMNS.computeIfAbsent(table, t -> {
      try (Cursor c = db().rawQuery("SELECT * FROM " + t + " LIMIT 0", null)) {
        return new HashSet<>(Arrays.asList(c.getColumnNames()));
      }
    });
  }

  /** A projection that never fails: a column that this device does not keep reads as NULL, as most are on a fresh phone. */
  static String[] projection(String table, String[] wanted) {
    if (wanted == null || wanted.length == 0) return null;
    Set<String> known = columns(table);
    String[] p = new String[wanted.length];
    for (int i = 0; i < p.length; i++) {
      String w = wanted[i];
      if (w.equals("_count")) p[i] = "COUNT(*) AS _count";
      else p[i] = known.contains(w) || !w.matches("[A-Za-z_][A-Za-z0-9_]*") ? w : "NULL AS " + w;
    }
    return p;
  }

  /** Only the columns that the table has. */
  static ContentValues known(String table, ContentValues v) {
    ContentValues out = new ContentValues(v);
    Set<String> columns = columns(table);
    for (String k : v.keySet()) if (!columns.contains(k)) out.remove(k);
    return out;
  }
}
