package @PKG@;

import android.app.Activity;
import android.graphics.SurfaceTexture;
import android.os.Handler;
import android.os.Looper;
import android.view.Surface;
import android.view.SurfaceHolder;
import android.view.SurfaceView;
import android.view.TextureView;
import android.view.View;
import java.io.File;

/** The view that shows the preview, and the one picture that is taken two seconds after it is there. Main thread only. */
final class Preview implements SurfaceHolder.Callback, TextureView.SurfaceTextureListener {
  interface Taken {
    /** Exactly one of the two is null. */
    void photo(byte[] jpeg, String error);
  }

  /** A camera API behind the view. */
  interface Lens {
    void open(SurfaceHolder holder, SurfaceTexture texture, Surface surface) throws Exception;
    void shoot() throws Exception;
    void close();
  }

  private final Activity a;
  private final Taken taken;
  private final View view;
  private final Handler main = new Handler(Looper.getMainLooper());
  private Lens lens;
  private boolean over;

  Preview(Activity a, Taken taken) {
    this.a = a;
    this.taken = taken;
    if (Plan.TEXTURE) {
      TextureView t = new TextureView(a);
      t.setSurfaceTextureListener(this);
      view = t;
    } else {
      SurfaceView s = new SurfaceView(a);
      s.getHolder().addCallback(this);
      view = s;
    }
  }

  View view() {
    return view;
  }

  private void begin(SurfaceHolder holder, SurfaceTexture texture, Surface surface) {
    if (lens != null || over) return;
    lens = Plan.CAMERA2 ? new NewLens(a, this) : new OldLens(this);
    try {
      lens.open(holder, texture, surface);
      main.postDelayed(new Runnable() {
        @Override public void run() {
          try {
            if (!over) lens.shoot();
          } catch (Exception e) {
            failed(String.valueOf(e));
          }
        }
      }, 2000);
    } catch (Exception e) {
      failed(String.valueOf(e));
    }
  }

  void photo(byte[] jpeg) {
    if (over) return;
    try {
      Bytes.write(new File(new File(a.getFilesDir(), Plan.FOLDER), Plan.PHOTO + System.currentTimeMillis() + ".jpg"), jpeg);
      taken.photo(jpeg, null);
    } catch (java.io.IOException e) {
      failed(String.valueOf(e));
    }
  }

  void failed(String why) {
    android.util.Log.w(Plan.TAG, "photo: " + why);
    if (!over) taken.photo(null, why);
  }

  void close() {
    over = true;
    if (lens != null) lens.close();
    lens = null;
  }

  @Override public void surfaceCreated(SurfaceHolder h) {
    begin(h, null, h.getSurface());
  }

  @Override public void surfaceDestroyed(SurfaceHolder h) {
    close();
  }

  @Override public void onSurfaceTextureAvailable(SurfaceTexture t, int w, int h) {
    begin(null, t, new Surface(t));
  }

  @Override public boolean onSurfaceTextureDestroyed(SurfaceTexture t) {
    close();
    return true;
  }

  @Override public void surfaceChanged(SurfaceHolder h, int format, int w, int height) {}
  @Override public void onSurfaceTextureSizeChanged(SurfaceTexture t, int w, int h) {}
  @Override public void onSurfaceTextureUpdated(SurfaceTexture t) {}
}
