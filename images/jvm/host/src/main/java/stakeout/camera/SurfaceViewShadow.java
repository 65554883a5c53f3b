package stakeout.camera;

import android.graphics.Rect;
import android.os.Handler;
import android.os.Looper;
import android.view.Surface;
import android.view.SurfaceHolder;
import android.view.SurfaceView;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadows.ShadowSurfaceView;

/** SurfaceView's holder: apps open the camera in surfaceCreated, which stock Robolectric never calls. */
@Implements(SurfaceView.class)
public class SurfaceViewShadow extends ShadowSurfaceView {
  private static final Set<SurfaceViewShadow> ATTACHED = Collections.newSetFromMap(new WeakHashMap<>());
  private static final int RGB_565 = 4;
  @RealObject private SurfaceView me;
  private final Surface surface = new Valid();
  private boolean created;

  /** A surface made from nothing has no native object, and says so. */
  private final class Valid extends Surface {
    @Override public boolean isValid() { return created; }
  }

  private final class Holder extends FakeSurfaceHolder {
    @Override public void addCallback(Callback c) {
      super.addCallback(c);
      if (created) new Handler(Looper.getMainLooper()).post(() -> announce(c));
    }
    @Override public Surface getSurface() { return surface; }
    @Override public Rect getSurfaceFrame() { return new Rect(0, 0, me.getWidth(), me.getHeight()); }
  }
  private final Holder holder = new Holder();

  @Override @Implementation protected SurfaceHolder getHolder() { return holder; }

  @Override @Implementation protected void onAttachedToWindow() {
    synchronized (ATTACHED) {
      ATTACHED.add(this);
    }
    Surfaces.shows(me, surface);
    new Handler(Looper.getMainLooper()).post(this::create); // after layout, as on Android
  }

  private void announce(SurfaceHolder.Callback c) {
    c.surfaceCreated(holder);
    c.surfaceChanged(holder, RGB_565, me.getWidth(), me.getHeight());
  }

  private void create() {
    if (created || !me.isAttachedToWindow()) return;
    created = true;
    for (SurfaceHolder.Callback c : new ArrayList<>(holder.getCallbacks())) announce(c);
  }

  private void destroy() {
    if (!created) return;
    created = false;
    for (SurfaceHolder.Callback c : new ArrayList<>(holder.getCallbacks())) c.surfaceDestroyed(holder);
  }

  private static ArrayList<SurfaceViewShadow> all() {
    synchronized (ATTACHED) {
      return new ArrayList<>(ATTACHED);
    }
  }

  /** Views of hidden activities lose their surfaces; called when an activity stops. */
  public static void windowHidden() {
    for (SurfaceViewShadow s : all()) if (!s.me.isAttachedToWindow() || !stakeout.perm.Uid.isVisible()) s.destroy();
    OpenCameras.check();
  }

  /** They get them back when it is shown again. */
  public static void windowShown() {
    for (SurfaceViewShadow s : all()) if (s.me.isAttachedToWindow()) new Handler(Looper.getMainLooper()).post(s::create);
    OpenCameras.check();
  }
}
