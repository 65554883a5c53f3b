package stakeout.data;

import java.util.Map;

/** Planted personal data: called with `data` of the request `plant`, before or after `install`. */
public final class Planted {
  private Planted() {}

  /** @return how many of each kind were planted */
  public static Map<String, Object> plant(Map<String, Object> data) {
    return Map.of();
  }

  /** After each application is created: registers the providers of this device. */
  public static void register() {}
}
