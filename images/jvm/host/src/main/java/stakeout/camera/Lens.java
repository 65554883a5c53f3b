package stakeout.camera;

import android.util.Size;

/** The two cameras of this device: `0` looks back, `1` looks front. */
enum Lens {
  BACK("0", "back", 90), FRONT("1", "front", 270);

  /** Sizes that every stream offers, the largest first; width and height are even, as NV21 needs. */
  static final Size[] SIZES = {new Size(1920, 1080), new Size(1280, 720), new Size(640, 480), new Size(320, 240)};

  final String id;
  /** As facts and the feed call it. */
  final String facing;
  /** Degrees by which the sensor is turned in the phone. */
  final int orientation;

  Lens(String id, String facing, int orientation) {
    this.id = id;
    this.facing = facing;
    this.orientation = orientation;
  }

  /** @return null when there is no such camera */
  static Lens of(String id) {
    return id.equals("0") ? BACK : id.equals("1") ? FRONT : null;
  }

  static boolean offers(int width, int height) {
    for (Size s : SIZES) if (s.getWidth() == width && s.getHeight() == height) return true;
    return false;
  }
}
