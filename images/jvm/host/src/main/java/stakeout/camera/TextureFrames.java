package stakeout.camera;

import android.graphics.Bitmap;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;

/** What was drawn last to a texture or a surface by a camera, for those who read it back without a callback. */
final class TextureFrames {
  private TextureFrames() {}

  private record Source(Lens lens, OpenCameras.Open open) {}

  private static final Map<Object, Source> SOURCES = Collections.synchronizedMap(new WeakHashMap<>());

  /** @param target SurfaceTexture or Surface */
  static void drawnBy(Object target, Lens lens, OpenCameras.Open open) {
    SOURCES.put(target, new Source(lens, open));
  }

  static void forget(OpenCameras.Open open) {
    SOURCES.values().removeIf(s -> s.open == open);
  }

  /** Fills the bitmap with the frame of now. @return false when no camera draws to this target */
  static boolean fill(Object target, Bitmap b) {
    Source s = target == null ? null : SOURCES.get(target);
    if (s == null) return false;
    int w = b.getWidth(), h = b.getHeight();
    byte[] rgb = Feed.rgb(s.lens, s.open.session, w, h);
    if (rgb == null || rgb.length < w * h * 3) return false;
    int[] px = new int[w * h];
    for (int i = 0, p = 0; i < px.length; i++, p += 3) {
      px[i] = 0xff000000 | (rgb[p] & 255) << 16 | (rgb[p + 1] & 255) << 8 | rgb[p + 2] & 255;
    }
    b.setPixels(px, 0, w, 0, 0, w, h);
    return true;
  }


  static VideoSource source(Object target) {
    Source s = SOURCES.get(target);
    return s == null ? null : new VideoSource(s.lens, s.open.session);
  }
}
