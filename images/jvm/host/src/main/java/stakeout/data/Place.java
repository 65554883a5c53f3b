package stakeout.data;

import stakeout.host.Trial;
import stakeout.perm.Permissions;
import stakeout.perm.Uid;

/** Android's rules for what tells where the phone is: cells, Wi-Fi networks, positions. */
final class Place {
  private Place() {}

  static boolean fine() {
    return Permissions.granted("ACCESS_FINE_LOCATION");
  }

  static boolean coarse() {
    return fine() || Permissions.granted("ACCESS_COARSE_LOCATION");
  }

  /** Since API 29 a location in the background needs a permission of its own. */
  static boolean inBackground() {
    if (Trial.rules < 29 || Uid.isVisible() || Uid.state() == Uid.State.FOREGROUND_SERVICE) return false;
    return !Permissions.granted("ACCESS_BACKGROUND_LOCATION");
  }

  /** Cells and scans: coarse is enough until API 28, fine since 29. */
  static boolean radios() {
    return (Trial.rules < 29 ? coarse() : fine()) && !inBackground();
  }
}
