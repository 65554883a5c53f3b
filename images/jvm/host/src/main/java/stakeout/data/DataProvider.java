package stakeout.data;

import android.content.ContentProvider;
import android.content.ContentUris;
import android.content.ContentValues;
import android.database.Cursor;
import android.database.sqlite.SQLiteQueryBuilder;
import android.net.Uri;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import stakeout.host.Events;
import stakeout.perm.Permissions;

/** A provider of the system: each read is a fact, each access without its permission fails in Android's words. */
abstract class DataProvider extends ContentProvider {
  /** What a URI stands for: a table or view, and the condition that its path adds. */
  record Route(String table, String where, String... args) {}

  /** The data kind of its facts. */
  abstract String kind();

  /** Its class on Android, for the text of the exception. */
  abstract String component();

  /** Short names of the permissions; null when none is needed. */
  abstract String readPermission();

  abstract String writePermission();

  /** @return null for a URI that the provider does not know */
  abstract Route route(Uri u);

  /** The tables that rows are written to, by what a URI routes to. */
  String writable(String table) {
    return table;
  }

  String order(String table) {
    return null;
  }

  void enforce(String permission, Uri u, String verb) {
    if (permission == null || Permissions.granted(permission)) return;
    String pid = "(pid=" + android.os.Process.myPid() + ", uid=" + android.os.Process.myUid() + ")";
    throw Permissions.refuse(kind(), verb + " " + u, "Permission Denial: opening provider " + component() + " from (null) " + pid + " requires android.permission."
        + readPermission() + (writePermission() == null ? "" : " or android.permission." + writePermission()));
  }

  private Route known(Uri u) {
    Route r = route(u);
    if (r == null) {
      Events.unsupported("android.content.ContentResolver of " + u, "default");
      return new Route("empty", null);
    }
    return r;
  }

  @Override public boolean onCreate() { return true; }
  @Override public String getType(Uri u) { return null; }

  private static String and(String a, String b) {
    if (a == null || a.isEmpty()) return b;
    if (b == null || b.isEmpty()) return a;
    return "(" + a + ") AND (" + b + ")";
  }

  private static String[] join(String[] a, String[] b) {
    List<String> l = new ArrayList<>(Arrays.asList(a));
    if (b != null) l.addAll(Arrays.asList(b));
    return l.toArray(new String[0]);
  }

  /** Rows are read when the app asks, as the cursor of the real provider is a window filled by another process. */
  @Override public Cursor query(Uri u, String[] projection, String selection, String[] args, String order) {
    enforce(readPermission(), u, "query");
    Route r = known(u);
    SQLiteQueryBuilder q = new SQLiteQueryBuilder();
    q.setTables(r.table);
    String sort = order != null && !order.isEmpty() ? order : order(r.table), limit = u.getQueryParameter("limit");
    Cursor c = q.query(Tables.db(), Tables.projection(r.table, projection), and(r.where, selection), join(r.args, args), null, null, sort, limit);
    Planted.read(kind(), String.valueOf(u), c.getCount());
    return c;
  }

  @Override public Uri insert(Uri u, ContentValues v) {
    enforce(writePermission(), u, "insert");
    String t = writable(known(u).table);
    long id = Tables.db().insert(t, null, Tables.known(t, v == null ? new ContentValues() : v));
    return id < 0 ? null : ContentUris.withAppendedId(u, id);
  }

  /** Rows of a view are changed in its table, by their ids. */
  private String ids(Route r, String selection) {
    return "_id IN (SELECT _id FROM " + r.table + (and(r.where, selection) == null ? "" : " WHERE " + and(r.where, selection)) + ")";
  }

  @Override public int delete(Uri u, String selection, String[] args) {
    enforce(writePermission(), u, "delete");
    Route r = known(u);
    return Tables.db().delete(writable(r.table), ids(r, selection), join(r.args, args));
  }

  @Override public int update(Uri u, ContentValues v, String selection, String[] args) {
    enforce(writePermission(), u, "update");
    Route r = known(u);
    String t = writable(r.table);
    ContentValues known = Tables.known(t, v);
    return known.size() == 0 ? 0 : Tables.db().update(t, known, ids(r, selection), join(r.args, args));
  }

  /** The path's segments, without a trailing empty one. */
  static List<String> path(Uri u) {
    return u.getPathSegments();
  }

  static String at(List<String> path, int i) {
    return i < path.size() ? path.get(i) : "";
  }
}
