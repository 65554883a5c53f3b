package stakeout.camera;

import android.graphics.ImageFormat;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.Looper;
import android.view.Surface;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.Map;
import java.util.WeakHashMap;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowImageReader;

/** ImageReader with real bytes. Its images are a class of ours: the framework's take their planes from native buffers. */
@Implements(ImageReader.class)
public class ReaderShadow extends ShadowImageReader {
  private static final Map<Surface, ImageReader> READERS = Collections.synchronizedMap(new WeakHashMap<>());
  @RealObject private ImageReader me;
  private final Deque<StakeoutImage> ready = new ArrayDeque<>();
  private int acquired;
  private ImageReader.OnImageAvailableListener listener;
  private Handler handler;

  /** A camera's frame for a surface; other surfaces (SurfaceView, SurfaceTexture) show nothing and need nothing. */
  static void push(Surface s, String camera, long nanos) {
    ImageReader r = READERS.get(s);
    if (r != null) ((ReaderShadow) Shadow.extract(r)).add(camera, nanos);
  }

  private void add(String camera, long nanos) {
    StakeoutImage i = new StakeoutImage(this, camera, me.getImageFormat(), me.getWidth(), me.getHeight(), nanos);
    synchronized (this) {
      if (ready.size() + acquired >= me.getMaxImages()) { // the queue is full: the camera drops the frame
        if (ready.isEmpty()) return;
        ready.poll();
      }
      ready.add(i);
      if (listener != null) handler.post(() -> listener.onImageAvailable(me));
    }
  }

  @Override @Implementation protected Surface nativeGetSurface() {
    Surface s = super.nativeGetSurface();
    READERS.put(s, me);
    return s;
  }

  @Implementation protected synchronized void setOnImageAvailableListener(ImageReader.OnImageAvailableListener l, Handler h) {
    listener = l;
    handler = l == null ? null : new Handler(h != null ? h.getLooper() : Looper.myLooper() != null ? Looper.myLooper() : Looper.getMainLooper());
  }

  @Implementation protected synchronized Image acquireNextImage() {
    if (acquired >= me.getMaxImages()) throw new IllegalStateException("maxImages (" + acquired + ") has already been acquired, call #close before acquiring more.");
    if (!ready.isEmpty()) acquired++;
    return ready.poll();
  }

  @Implementation protected synchronized Image acquireLatestImage() {
    while (ready.size() > 1) ready.poll();
    return acquireNextImage();
  }

  @Override @Implementation protected void close() {
    listener = null;
    ready.clear();
  }

  private synchronized void released() {
    acquired--;
  }

  private static final class StakeoutImage extends Image {
    private final ReaderShadow owner;
    private final int format, width, height;
    private final long nanos;
    private final Plane[] planes;
    private boolean closed;

    StakeoutImage(ReaderShadow owner, String camera, int format, int width, int height, long nanos) {
      this.owner = owner;
      this.format = format;
      this.width = width;
      this.height = height;
      this.nanos = nanos;
      mIsImageValid = true;
      planes = format == ImageFormat.JPEG ? new Plane[] {plane(ByteBuffer.wrap(Feed.jpeg(camera, width, height)), 0, 0)} : yuv(Feed.nv21(camera, width, height), width, height);
    }

    /** As many phones do it: U and V are two views of one interleaved area, with a pixel stride of 2. */
    private static Plane[] yuv(byte[] nv21, int w, int h) {
      ByteBuffer all = ByteBuffer.allocateDirect(nv21.length);
      all.put(nv21);
      return new Plane[] {plane(slice(all, 0, w * h), w, 1), plane(slice(all, w * h + 1, nv21.length), w, 2), plane(slice(all, w * h, nv21.length - 1), w, 2)};
    }

    private static ByteBuffer slice(ByteBuffer b, int from, int to) {
      ByteBuffer d = b.duplicate();
      d.position(from).limit(to);
      return d.slice();
    }

    private static Plane plane(ByteBuffer b, int row, int pixel) {
      return new Plane() {
        @Override public int getRowStride() { return row; }
        @Override public int getPixelStride() { return pixel; }
        @Override public ByteBuffer getBuffer() { return b; }
      };
    }

    @Override public int getFormat() { return format; }
    @Override public int getWidth() { return width; }
    @Override public int getHeight() { return height; }
    @Override public long getTimestamp() { return nanos; }
    @Override public int getTransform() { return 0; }
    @Override public int getScalingMode() { return 0; }
    @Override public Plane[] getPlanes() {
      if (closed) throw new IllegalStateException("Image is already closed");
      return planes;
    }
    @Override public void close() {
      if (!closed) owner.released();
      closed = true;
    }
  }
}
