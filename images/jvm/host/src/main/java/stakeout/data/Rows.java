package stakeout.data;

import android.content.ContentValues;
import android.database.sqlite.SQLiteDatabase;
import android.os.Environment;
import android.util.Base64;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import java.util.TimeZone;
import stakeout.host.Log;
import stakeout.host.Trial;

/** Planted entries as rows of the providers' tables. */
final class Rows {
  private Rows() {}

  private static final long HOUR = 3_600_000;

  static void fill(SQLiteDatabase db) {
    int i = 0;
    for (Map<String, Object> c : Planted.list("contacts")) contact(db, ++i, c);
    for (Map<String, Object> c : Planted.list("call_log")) call(db, c);
    Map<String, Integer> threads = new HashMap<>();
    for (Map<String, Object> m : Planted.list("sms")) sms(db, m, threads);
    calendar(db);
    for (Map<String, Object> m : Planted.list("media")) media(db, m);
  }

  private static ContentValues values(Object... pairs) {
    ContentValues v = new ContentValues();
    for (int i = 0; i + 1 < pairs.length; i += 2) {
      Object x = pairs[i + 1];
      if (x == null) v.putNull((String) pairs[i]);
      else if (x instanceof Number n) v.put((String) pairs[i], n.longValue());
      else v.put((String) pairs[i], String.valueOf(x));
    }
    return v;
  }

  private static void contact(SQLiteDatabase db, int id, Map<String, Object> c) {
    String name = Planted.text(c, "name"), phone = Planted.text(c, "phone"), email = Planted.text(c, "email");
    db.insertOrThrow("raw_contacts", null, values("_id", id, "contact_id", id, "display_name", name));
    String given = name == null ? null : name.split(" ", 2)[0], family = name == null || !name.contains(" ") ? null : name.split(" ", 2)[1];
    if (name != null) db.insertOrThrow("data_t", null, values("raw_contact_id", id, "mimetype", "vnd.android.cursor.item/name", "data1", name, "data2", given, "data3", family));
    if (phone != null) {
      db.insertOrThrow("data_t", null, values("raw_contact_id", id, "mimetype", "vnd.android.cursor.item/phone_v2", "is_primary", 1, "data1", phone, "data2", 2,
          "data4", phone.replaceAll("[^+0-9]", "")));
    }
    if (email != null) db.insertOrThrow("data_t", null, values("raw_contact_id", id, "mimetype", "vnd.android.cursor.item/email_v2", "data1", email, "data2", 1));
  }

  private static void call(SQLiteDatabase db, Map<String, Object> c) {
    int type = switch (String.valueOf(c.get("type"))) { case "outgoing" -> 2; case "missed" -> 3; default -> 1; };
    long at = Planted.number(c, "at_millis", Trial.startMillis);
    db.insertOrThrow("calls", null, values("number", Planted.text(c, "number"), "name", Planted.text(c, "name"), "date", at, "last_modified", at,
        "duration", Planted.number(c, "duration_s", 0), "type", type, "normalized_number", Planted.text(c, "number")));
  }

  private static void sms(SQLiteDatabase db, Map<String, Object> m, Map<String, Integer> threads) {
    String address = String.valueOf(m.get("address"));
    int thread = threads.computeIfAbsent(address, k -> threads.size() + 1);
    long at = Planted.number(m, "at_millis", Trial.startMillis);
    db.insertOrThrow("sms", null, values("thread_id", thread, "address", address, "date", at, "date_sent", at, "body", Planted.text(m, "body")));
  }

  private static void calendar(SQLiteDatabase db) {
    if (Planted.list("calendar").isEmpty()) return;
    db.insertOrThrow("calendars", null, values("_id", 1, "account_name", "Phone", "account_type", "LOCAL", "name", "Phone", "calendar_displayName", "Phone",
        "calendar_color", -16733231, "calendar_access_level", 700, "ownerAccount", "Phone", "calendar_timezone", TimeZone.getDefault().getID()));
    for (Map<String, Object> e : Planted.list("calendar")) {
      long at = Planted.number(e, "at_millis", Trial.startMillis);
      db.insertOrThrow("events_t", null, values("calendar_id", 1, "title", Planted.text(e, "title"), "eventLocation", Planted.text(e, "location"), "dtstart", at,
          "dtend", at + HOUR, "lastDate", at + HOUR, "eventTimezone", TimeZone.getDefault().getID(), "organizer", "Phone"));
    }
  }

  /** The file itself goes to the shared storage, where an app may also find it without the provider. */
  private static void media(SQLiteDatabase db, Map<String, Object> m) {
    String name = String.valueOf(m.get("name")).replaceAll("[/\\\\]", "_"), mime = Planted.text(m, "mime");
    if (mime == null) mime = "application/octet-stream";
    int type = type(mime);
    String folder = type == 1 || type == 3 ? "DCIM/Camera" : type == 2 ? "Music" : "Download";
    File f = new File(Environment.getExternalStorageDirectory(), folder + "/" + name);
    try {
      if (f.getParentFile() != null) Files.createDirectories(f.getParentFile().toPath());
      if (!f.exists()) Files.write(f.toPath(), Base64.decode(String.valueOf(m.get("base64")), Base64.DEFAULT));
    } catch (IOException | IllegalArgumentException e) {
      Log.event("plant", "media file " + name + ": " + e);
    }
    file(db, f, name, mime, folder + "/", null, Trial.startMillis);
  }

  /** What MediaStore.Files calls MEDIA_TYPE_*. */
  static int type(String mime) {
    return mime.startsWith("image/") ? 1 : mime.startsWith("audio/") ? 2 : mime.startsWith("video/") ? 3 : 0;
  }

  static long file(SQLiteDatabase db, File f, String name, String mime, String folder, String owner, long now) {
    String bucket = folder.replaceAll("/$", "").replaceAll(".*/", "");
    return db.insertOrThrow("files", null, values("_data", f.getPath(), "_display_name", name, "title", name.replaceAll("\\.[^.]*$", ""), "mime_type", mime, "_size", f.length(),
        "date_added", now / 1000, "date_modified", now / 1000, "datetaken", now, "bucket_id", String.valueOf(bucket.hashCode()), "bucket_display_name", bucket, "media_type", type(mime),
        "relative_path", folder, "owner_package_name", owner));
  }
}
