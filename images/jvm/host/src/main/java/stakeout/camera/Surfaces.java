package stakeout.camera;

import android.graphics.SurfaceTexture;
import android.util.DisplayMetrics;
import android.view.Surface;
import android.view.View;
import java.lang.ref.WeakReference;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import stakeout.perm.Uid;

/** Which view shows what is drawn to a surface, and whether a person could see it. */
public final class Surfaces {
  private Surfaces() {}

  /** A view smaller than this part of the screen shows nobody anything: spies use views of one pixel. */
  private static final double SMALLEST_PART = 0.01;
  private static final Map<Object, WeakReference<View>> VIEWS = Collections.synchronizedMap(new WeakHashMap<>());
  private static final Map<Surface, SurfaceTexture> TEXTURES = Collections.synchronizedMap(new WeakHashMap<>());

  /** @param target a Surface or a SurfaceTexture that this view shows */
  static void shows(View view, Object target) {
    VIEWS.put(target, new WeakReference<>(view));
  }

  /** The app made a surface from a texture. */
  static void madeFrom(Surface s, SurfaceTexture t) {
    TEXTURES.put(s, t);
  }

  /** Whether a preview drawn to this Surface or SurfaceTexture is on the screen now, large enough to be noticed. */
  static boolean visible(Object target) {
    if (target == null || !Uid.isVisible()) return false;
    Object t = target instanceof Surface s && TEXTURES.get(s) != null ? TEXTURES.get(s) : target;
    WeakReference<View> ref = VIEWS.get(t);
    View v = ref == null ? null : ref.get();
    if (v == null || !v.isAttachedToWindow() || !v.isShown() || v.getAlpha() < 0.1f) return false;
    DisplayMetrics d = v.getResources().getDisplayMetrics();
    return (double) v.getWidth() * v.getHeight() >= SMALLEST_PART * d.widthPixels * d.heightPixels;
  }

  /** The texture behind a surface, or null. */
  static SurfaceTexture texture(Surface s) {
    return TEXTURES.get(s);
  }

}
