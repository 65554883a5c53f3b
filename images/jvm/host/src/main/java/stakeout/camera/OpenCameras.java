package stakeout.camera;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import stakeout.honesty.Numbers;
import stakeout.host.Events;
import stakeout.perm.Permissions;
import stakeout.perm.Uid;

/**
 * Who may open a camera, and which are open: the camera service's part. Each opening is a session of its own in the facts.
 * An open camera is taken away when the uid loses its right to it (API 28+), as the service does.
 */
public final class OpenCameras {
  private OpenCameras() {}

  /** One open camera. */
  static final class Open {
    final Lens lens;
    final int session = Numbers.session();
    private final Runnable takeAway;
    /** Where its preview is drawn, asked anew at each change; null while no preview runs. */
    private volatile Supplier<Boolean> preview;
    private Boolean told;

    private Open(Lens lens, Runnable takeAway) {
      this.lens = lens;
      this.takeAway = takeAway;
    }

    /** A preview has begun, whose visibility `visible` tells. */
    void previewing(Supplier<Boolean> visible) {
      preview = visible;
      look();
    }

    void previewStopped() {
      preview = null;
      told = null;
    }

    private synchronized void look() {
      Supplier<Boolean> p = preview;
      if (p == null) return;
      boolean now = p.get();
      if (told != null && told == now) return;
      told = now;
      Events.fact("preview", "session", session, "visible", now);
    }
  }

  private static final Map<Object, Open> OPEN = new LinkedHashMap<>();

  /**
   * Why the app may not open a camera now, or null.
   * @return `permission`, `idle_uid` or `foreground_service_type`; the refusal has been told as a fact
   */
  static String refusal(String what) {
    String why = Permissions.granted("CAMERA") ? Uid.refusal(Uid.TYPE_CAMERA) : "permission";
    if (why != null) Events.fact("refused", "sensor", "camera", "data", null, "what", what, "reason", why);
    return why;
  }

  /** @param takeAway called when the uid loses its right; the camera must tell its client and deliver nothing more */
  static Open opened(Object camera, Lens lens, String api, Runnable takeAway) {
    Open o = new Open(lens, takeAway);
    synchronized (OPEN) {
      OPEN.put(camera, o);
    }
    Events.fact("opened", "sensor", "camera", "id", lens.id, "facing", lens.facing, "api", api, "session", o.session, "preview_visible", false);
    return o;
  }

  static void closed(Object camera) {
    Open o;
    synchronized (OPEN) {
      o = OPEN.remove(camera);
    }
    if (o != null) Events.fact("closed", "sensor", "camera", "session", o.session);
  }

  /** The client, other than `camera`, that holds this lens: a new client takes the camera from it (API 23+). */
  static void evict(Lens lens) {
    take(o -> o.lens == lens);
  }

  /** The session of the camera that was opened last and is still open, 0 if none. */
  static int lastSession() {
    int last = 0;
    synchronized (OPEN) {
      for (Open o : OPEN.values()) last = o.session;
    }
    return last;
  }

  private static void take(java.util.function.Predicate<Open> which) {
    List<Object> gone = new ArrayList<>();
    synchronized (OPEN) {
      OPEN.forEach((c, o) -> {
        if (which.test(o)) gone.add(c);
      });
    }
    for (Object c : gone) {
      Open o;
      synchronized (OPEN) {
        o = OPEN.get(c);
      }
      if (o == null) continue;
      o.takeAway.run();
      closed(c);
    }
  }

  /** The uid's state or a surface has changed. */
  static void check() {
    String why = Uid.refusal(Uid.TYPE_CAMERA);
    if (why != null) {
      synchronized (OPEN) {
        if (OPEN.isEmpty()) return;
      }
      Events.fact(List.of(), "refused", "sensor", "camera", "data", null, "what", "open camera taken away", "reason", why);
      take(o -> true);
      return;
    }
    List<Open> all;
    synchronized (OPEN) {
      all = new ArrayList<>(OPEN.values());
    }
    all.forEach(Open::look);
  }

  /** A minute after the app was last seen: the same check as at every change of the uid's state. */
  public static void uidIdle() {
    check();
  }

  /** The app's process has ended: the service closes what it held. */
  public static void processDied() {
    List<Object> all;
    synchronized (OPEN) {
      all = new ArrayList<>(OPEN.keySet());
    }
    all.forEach(OpenCameras::closed);
    ManagerShadow.processEnded();
    stakeout.audio.Mics.processEnded();
  }
}
