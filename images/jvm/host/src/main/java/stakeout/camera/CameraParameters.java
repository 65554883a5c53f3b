package stakeout.camera;

import java.util.LinkedHashMap;
import java.util.Map;

/** Camera1's parameters as the driver keeps them: `name=value;...`, which the framework's own Camera.Parameters reads. */
final class CameraParameters {
  private static final String SIZES = "1920x1080,1280x720,640x480,320x240";
  private static final String DEFAULTS = "preview-size=640x480;preview-size-values=" + SIZES + ";picture-size=1920x1080;picture-size-values=" + SIZES
      + ";video-size=1280x720;video-size-values=" + SIZES + ";preferred-preview-size-for-video=1280x720"
      + ";preview-format=yuv420sp;preview-format-values=yuv420sp,yuv420p;picture-format=jpeg;picture-format-values=jpeg"
      + ";preview-frame-rate=30;preview-frame-rate-values=15,30;preview-fps-range=15000,30000;preview-fps-range-values=(15000,30000),(30000,30000)"
      + ";jpeg-quality=90;jpeg-thumbnail-width=320;jpeg-thumbnail-height=240;jpeg-thumbnail-quality=90;jpeg-thumbnail-size-values=320x240,0x0"
      + ";rotation=0;focus-mode=auto;focus-mode-values=auto,infinity,fixed,macro,continuous-picture,continuous-video;focal-length=4.3"
      + ";focus-distances=0.95,1.9,Infinity;horizontal-view-angle=60.5;vertical-view-angle=47.1"
      + ";whitebalance=auto;whitebalance-values=auto,daylight,fluorescent,incandescent,cloudy-daylight;antibanding=auto;antibanding-values=auto,50hz,60hz,off"
      + ";effect=none;effect-values=none,mono,negative,sepia;scene-mode=auto;scene-mode-values=auto,portrait,landscape,night,sports"
      + ";exposure-compensation=0;max-exposure-compensation=12;min-exposure-compensation=-12;exposure-compensation-step=0.166667"
      + ";auto-exposure-lock=false;auto-exposure-lock-supported=true;auto-whitebalance-lock=false;auto-whitebalance-lock-supported=true"
      + ";zoom=0;max-zoom=0;zoom-ratios=100;zoom-supported=false;smooth-zoom-supported=false;max-num-focus-areas=1;focus-areas=(0,0,0,0,0)"
      + ";max-num-metering-areas=1;metering-areas=(0,0,0,0,0);max-num-detected-faces-hw=0;max-num-detected-faces-sw=0"
      + ";video-snapshot-supported=true;video-stabilization=false;video-stabilization-supported=false;recording-hint=false";

  private volatile Map<String, String> values;

  CameraParameters(Lens lens) {
    values = parse(DEFAULTS + (lens == Lens.BACK ? ";flash-mode=off;flash-mode-values=off,auto,on,torch,red-eye" : ""));
  }

  private static Map<String, String> parse(String flat) {
    Map<String, String> m = new LinkedHashMap<>();
    for (String pair : flat.split(";")) {
      int i = pair.indexOf('=');
      if (i > 0) m.put(pair.substring(0, i), pair.substring(i + 1));
    }
    return m;
  }

  String flat() {
    StringBuilder b = new StringBuilder();
    values.forEach((k, v) -> b.append(b.length() == 0 ? "" : ";").append(k).append('=').append(v));
    return b.toString();
  }

  /** @return false, with nothing changed, when a size or a format is not one of those offered */
  boolean set(String flat) {
    Map<String, String> m = parse(flat);
    for (String size : new String[] {"preview-size", "picture-size"}) {
      if (!offered(m.get(size), SIZES)) return false;
    }
    if (!offered(m.get("preview-format"), "yuv420sp,yuv420p") || !offered(m.get("picture-format"), "jpeg")) return false;
    values = m;
    return true;
  }

  private static boolean offered(String v, String all) {
    return v == null || ("," + all + ",").contains("," + v + ",");
  }

  String get(String name) {
    return values.getOrDefault(name, "");
  }

  /** Width and height of a size parameter. */
  int[] size(String name) {
    String[] p = get(name).split("x");
    return p.length == 2 ? new int[] {Integer.parseInt(p[0]), Integer.parseInt(p[1])} : new int[] {640, 480};
  }

  int number(String name, int otherwise) {
    try {
      return Integer.parseInt(get(name));
    } catch (NumberFormatException e) {
      return otherwise;
    }
  }
}
