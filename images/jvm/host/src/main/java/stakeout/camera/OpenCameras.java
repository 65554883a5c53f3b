package stakeout.camera;

import stakeout.host.Log;
import stakeout.perm.Permissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;

/** Which cameras are open, so that they can be taken away when the app's uid becomes idle (API 28+), as the camera service does. */
public final class OpenCameras {
  private static final Map<Object, Runnable> OPEN = new LinkedHashMap<>();

  static synchronized void opened(Object camera, String what, Runnable disconnect) {
    Log.event("camera.open", what);
    OPEN.put(camera, disconnect);
  }

  static synchronized void closed(Object camera) {
    OPEN.remove(camera);
  }

  public static synchronized void uidIdle() {
    if (!Permissions.idle()) return;
    for (Runnable r : new ArrayList<>(OPEN.values())) {
      Log.event("camera.taken_away", "uid is idle");
      r.run();
    }
    OPEN.clear();
  }
}
