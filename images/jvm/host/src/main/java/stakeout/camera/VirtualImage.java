package stakeout.camera;

import android.graphics.ImageFormat;
import android.media.Image;
import java.nio.ByteBuffer;

/** An image of a class of ours: the framework's take their planes from native buffers. */
final class VirtualImage extends Image {
  private final Runnable released;
  private final int format, width, height;
  private long nanos;
  private final Plane[] planes;
  private boolean closed;

  private VirtualImage(Runnable released, int format, int width, int height, long nanos, Plane[] planes) {
    this.released = released;
    this.format = format;
    this.width = width;
    this.height = height;
    this.nanos = nanos;
    this.planes = planes;
    mIsImageValid = true;
  }

  /** @param nanos of the device's clock at exposure; @return null when the feed has no frame */
  static VirtualImage jpeg(Runnable released, byte[] b, int w, int h, long nanos, int degrees) {
    return b == null ? null : new VirtualImage(released, ImageFormat.JPEG, w, h, nanos, new Plane[] {plane(direct(Exif.with(b, degrees)), 0, 0)});
  }

  /** @param nv21 as the feed gives it; null gives null */
  static VirtualImage yuv(Runnable released, byte[] nv21, int w, int h, long nanos) {
    return nv21 == null ? null : new VirtualImage(released, ImageFormat.YUV_420_888, w, h, nanos, planes(nv21, w & ~1, h & ~1));
  }

  private static ByteBuffer direct(byte[] b) {
    ByteBuffer d = ByteBuffer.allocateDirect(b.length);
    d.put(b).rewind();
    return d;
  }

  /** As many phones do it: U and V are two views of one interleaved area, with a pixel stride of 2. */
  private static Plane[] planes(byte[] nv21, int w, int h) {
    ByteBuffer all = direct(nv21);
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

  private void check() {
    if (closed) throw new IllegalStateException("Image is already closed");
  }

  @Override public int getFormat() { check(); return format; }
  @Override public int getWidth() { check(); return width; }
  @Override public int getHeight() { check(); return height; }
  @Override public long getTimestamp() { check(); return nanos; }
  @Override public void setTimestamp(long t) { nanos = t; }
  @Override public int getTransform() { return 0; }
  @Override public int getScalingMode() { return 0; }
  @Override public Plane[] getPlanes() { check(); return planes; }

  @Override public void close() {
    if (!closed) released.run();
    closed = true;
  }
}
