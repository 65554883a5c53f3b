package stakeout.data;

import android.content.ContentUris;
import android.content.ContentValues;
import android.database.Cursor;
import android.net.Uri;
import android.os.Environment;
import android.os.ParcelFileDescriptor;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import stakeout.host.Trial;
import stakeout.perm.Permissions;
import stakeout.time.Clock;

/** content://media: the owner's pictures, videos and sounds, and what the app adds to them. */
public final class MediaData extends DataProvider {
  @Override String kind() { return "media_files"; }
  @Override String component() { return "com.android.providers.media.MediaProvider"; }
  @Override String readPermission() { return "READ_EXTERNAL_STORAGE"; }
  @Override String writePermission() { return "WRITE_EXTERNAL_STORAGE"; }

  private static int type(Uri u) {
    return switch (at(path(u), 1)) { case "images" -> 1; case "audio" -> 2; case "video" -> 3; default -> 0; };
  }

  /** Whether the app may see files of others: one permission until API 32, one for each type since. */
  private static boolean seesAll(int type) {
    if (Trial.rules < 33) return Permissions.granted("READ_EXTERNAL_STORAGE") || Permissions.granted("WRITE_EXTERNAL_STORAGE");
    return switch (type) {
      case 1 -> Permissions.granted("READ_MEDIA_IMAGES");
      case 2 -> Permissions.granted("READ_MEDIA_AUDIO");
      case 3 -> Permissions.granted("READ_MEDIA_VIDEO");
      default -> Permissions.granted("READ_MEDIA_IMAGES") && Permissions.granted("READ_MEDIA_VIDEO");
    };
  }

  /** Since API 29 an app without permission sees and writes its own files; before, it is refused. */
  @Override void enforce(String permission, Uri u, String verb) {
    if (Trial.rules >= 29) return;
    boolean ok = Permissions.granted(permission) || verb.equals("query") && Permissions.granted("WRITE_EXTERNAL_STORAGE");
    if (!ok) super.enforce(permission, u, verb);
  }

  @Override Route route(Uri u) {
    List<String> p = path(u);
    int type = type(u);
    String id = p.size() > 3 ? at(p, 3) : at(p, 1).equals("file") && p.size() > 2 ? at(p, 2) : null;
    if (at(p, 2).equals("thumbnails") || at(p, 2).matches("albums|artists|genres|playlists")) return new Route("empty", null);
    if (!at(p, 1).matches("images|audio|video|file|downloads")) return null;
    String where = type == 0 ? "1" : "media_type = " + type;
    if (!seesAll(type)) where += " AND owner_package_name = '" + getContext().getPackageName() + "'";
    return id == null ? new Route("files", where) : new Route("files", where + " AND _id = ?", id);
  }

  @Override public Cursor query(Uri u, String[] projection, String selection, String[] args, String order) {
    if (Trial.rules >= 29 && !seesAll(type(u))) refusedQuietly(u);
    return super.query(u, projection, selection, args, order);
  }

  private static void refusedQuietly(Uri u) {
    Permissions.refuse("media_files", "query " + u, "");
  }

  @Override public Uri insert(Uri u, ContentValues v) {
    enforce(writePermission(), u, "insert");
    String mime = v.getAsString("mime_type"), name = v.getAsString("_display_name"), path = v.getAsString("_data"), folder = v.getAsString("relative_path");
    int type = type(u);
    if (mime == null) mime = switch (type) { case 1 -> "image/jpeg"; case 2 -> "audio/mpeg"; case 3 -> "video/mp4"; default -> "application/octet-stream"; };
    if (name == null) name = path != null ? new File(path).getName() : String.valueOf(Clock.now());
    if (folder == null) folder = switch (type) { case 1 -> "Pictures/"; case 2 -> "Music/"; case 3 -> "Movies/"; default -> "Download/"; };
    File f = path != null ? new File(path) : new File(Environment.getExternalStorageDirectory(), folder + "/" + name.replaceAll("[/\\\\]", "_"));
    long id = Rows.file(Tables.db(), f, name, mime, folder, getContext().getPackageName(), Clock.now());
    return ContentUris.withAppendedId(u, id);
  }

  @Override public ParcelFileDescriptor openFile(Uri u, String mode) throws FileNotFoundException {
    boolean writes = mode.contains("w");
    enforce(writes ? writePermission() : readPermission(), u, "openFile");
    File f = null;
    Route r = route(u);
    if (r != null) {
      try (Cursor c = Tables.db().rawQuery("SELECT _data FROM " + r.table() + " WHERE " + r.where(), r.args())) {
        if (c.moveToFirst()) f = new File(c.getString(0));
      }
    }
    if (f == null) throw new FileNotFoundException("No item at " + u);
    if (!writes) Planted.read(kind(), "openFile " + u, null);
    try {
      if (writes && f.getParentFile() != null) Files.createDirectories(f.getParentFile().toPath());
    } catch (IOException e) {
      throw new FileNotFoundException(f + ": " + e.getMessage());
    }
    return ParcelFileDescriptor.open(f, ParcelFileDescriptor.parseMode(mode));
  }
}
