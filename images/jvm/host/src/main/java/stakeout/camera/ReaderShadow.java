package stakeout.camera;

import android.graphics.ImageFormat;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.Looper;
import android.view.Surface;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.function.Supplier;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowImageReader;
import stakeout.host.Events;
import stakeout.time.Clock;

/** ImageReader with real bytes: a picture is asked from the feed when it is exposed, a preview frame when the app acquires it. */
@Implements(ImageReader.class)
public class ReaderShadow extends ShadowImageReader {
  private static final Map<Surface, ImageReader> READERS = Collections.synchronizedMap(new WeakHashMap<>());
  @RealObject private ImageReader me;
  private final Deque<Supplier<VirtualImage>> ready = new ArrayDeque<>();
  private int acquired;
  private ImageReader.OnImageAvailableListener listener;
  private Handler handler;

  private static ReaderShadow of(Surface s) {
    ImageReader r = READERS.get(s);
    return r == null ? null : Shadow.extract(r);
  }

  /** Whether anybody can read images of this surface; SurfaceView and SurfaceTexture show frames, and need none. */
  static boolean reads(Surface s) {
    return READERS.get(s) != null;
  }

  static boolean takesJpeg(Surface s) {
    ImageReader r = READERS.get(s);
    return r != null && r.getImageFormat() == ImageFormat.JPEG;
  }

  /** A camera's frame for a surface, exposed at `nanos` of the device's clock. */
  static void push(Surface s, Lens lens, int session, long nanos, int degrees, int quality) {
    ReaderShadow r = of(s);
    if (r != null) r.add(lens, session, nanos, degrees, quality);
  }

  private void add(Lens lens, int session, long nanos, int degrees, int quality) {
    int format = me.getImageFormat();
    if (format != ImageFormat.JPEG && format != ImageFormat.YUV_420_888) {
      Events.unsupported("android.media.ImageReader of format " + format, "ignored");
      return;
    }
    synchronized (this) {
      if (ready.size() + acquired >= me.getMaxImages()) { // the queue is full: the camera drops the frame
        if (ready.isEmpty()) return;
        ready.poll();
      }
    }
    int w = me.getWidth(), h = me.getHeight();
    long at = Clock.trialNanos();
    Supplier<VirtualImage> i;
    if (format == ImageFormat.JPEG) {
      VirtualImage taken = VirtualImage.jpeg(this::released, Feed.jpeg(lens, session, w, h, quality), w, h, nanos, degrees);
      if (taken == null) return;
      i = () -> taken;
    } else {
      i = () -> VirtualImage.yuv(this::released, Feed.nv21(lens, session, w, h, at), w, h, nanos);
    }
    synchronized (this) {
      ready.add(i);
      ImageReader.OnImageAvailableListener l = listener;
      if (l != null) handler.post(() -> l.onImageAvailable(me));
    }
  }

  @Override @Implementation protected Surface nativeGetSurface() {
    Surface s = super.nativeGetSurface();
    READERS.put(s, me);
    return s;
  }

  @Implementation protected synchronized void setOnImageAvailableListener(ImageReader.OnImageAvailableListener l, Handler h) {
    if (l != null && h == null && Looper.myLooper() == null) throw new IllegalArgumentException("handler is null but the current thread is not a looper");
    listener = l;
    handler = l == null ? null : new Handler(h != null ? h.getLooper() : Looper.myLooper());
  }

  @Implementation protected synchronized Image acquireNextImage() {
    if (acquired >= me.getMaxImages()) throw new IllegalStateException("maxImages (" + acquired + ") has already been acquired, call #close before acquiring more.");
    Supplier<VirtualImage> next = ready.poll();
    VirtualImage i = next == null ? null : next.get();
    if (i != null) acquired++;
    return i;
  }

  @Implementation protected synchronized Image acquireLatestImage() {
    while (ready.size() > 1) ready.poll();
    return acquireNextImage();
  }

  @Override @Implementation protected synchronized void close() {
    listener = null;
    ready.clear();
  }

  private synchronized void released() {
    acquired--;
  }
}
