package stakeout.camera;

import java.io.IOException;
import stakeout.host.Events;
import stakeout.host.FeedPipe;
import stakeout.host.Log;
import stakeout.time.Clock;

/**
 * What the cameras see, asked from outside at the virtual time of delivery. Nothing is asked that nobody takes: each call here
 * stands for an app that receives the bytes.
 */
public final class Feed {
  private Feed() {}

  private static boolean toldFailure;

  /** One frame, or null when the feed has none: then the app gets no frame, and the loss is a fact. */
  private static byte[] ask(Lens lens, int session, int w, int h, String format, int quality, long at) {
    byte[][] got = new byte[1][];
    Clock.standStill(() -> {
      try {
        got[0] = FeedPipe.camera(lens.facing, at, session, w, h, format, quality).bytes();
      } catch (IOException e) {
        lost("camera feed", e);
      }
    });
    return got[0];
  }

  /** Tells that a feed failed, once: every later verdict on absence must know. */
  public static synchronized void lost(String what, IOException e) {
    Log.event("feed", what + ": " + e);
    if (!toldFailure) Events.fact("lost", "what", what, "count", 1);
    toldFailure = true;
  }

  static synchronized void reset() {
    toldFailure = false;
  }

  /** H rows of W luma bytes, then H/2 rows of V and U in turn, BT.601 full range; W and H are made even. */
  static byte[] nv21(Lens lens, int session, int w, int h) {
    return ask(lens, session, w & ~1, h & ~1, "nv21", 90, Clock.trialNanos());
  }

  /** The frame that was exposed at `at`, in nanoseconds of the trial. */
  static byte[] nv21(Lens lens, int session, int w, int h, long at) {
    return ask(lens, session, w & ~1, h & ~1, "nv21", 90, at);
  }

  /** Three bytes a pixel, rows top down. */
  static byte[] rgb(Lens lens, int session, int w, int h) {
    return ask(lens, session, w, h, "rgb", 90, Clock.trialNanos());
  }

  static byte[] jpeg(Lens lens, int session, int w, int h, int quality) {
    return ask(lens, session, w & ~1, h & ~1, "jpeg", Math.max(1, Math.min(100, quality)), Clock.trialNanos());
  }
}
