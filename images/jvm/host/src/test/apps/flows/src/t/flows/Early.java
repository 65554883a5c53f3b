package t.flows;
import android.content.*; import android.database.*; import android.net.Uri;
public class Early extends ContentProvider {
  static int created;
  public boolean onCreate() { created++; return true; }
  public Cursor query(Uri u, String[] p, String s, String[] a, String o) { MatrixCursor c = new MatrixCursor(new String[] {"x"}); c.addRow(new Object[] {u.getAuthority()}); return c; }
  public String getType(Uri u) { return null; } public Uri insert(Uri u, ContentValues v) { return null; } public int delete(Uri u, String s, String[] a) { return 0; } public int update(Uri u, ContentValues v, String s, String[] a) { return 0; }
}
