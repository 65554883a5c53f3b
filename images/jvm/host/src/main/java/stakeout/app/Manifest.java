package stakeout.app;

import android.content.IntentFilter;
import android.content.pm.PackageParser;
import android.os.Bundle;

/** What the manifest says of components, also while there is no process. Filled at `install`. */
final class Manifest {
  private Manifest() {}

  private static PackageParser.Package parsed;

  static void of(PackageParser.Package p) {
    parsed = p;
  }

  /** Whether a receiver in the manifest has a filter for the action; none has before there is an app. */
  static boolean receives(String action) {
    if (parsed == null) return false;
    for (PackageParser.Activity r : parsed.receivers) {
      for (IntentFilter f : r.intents) if (f.hasAction(action)) return true;
    }
    return false;
  }

  static boolean requests(String permission) {
    return parsed.requestedPermissions.contains(permission);
  }

  /** The service that is declared with this class, or null. */
  static PackageParser.Service service(String name) {
    for (PackageParser.Service s : parsed.services) if (s.info.name.equals(name)) return s;
    return null;
  }

  static Bundle metaData() {
    return parsed.mAppMetaData == null ? Bundle.EMPTY : parsed.mAppMetaData;
  }
}
