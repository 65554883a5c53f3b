package stakeout.app;

import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.view.View;
import java.io.ByteArrayOutputStream;
import java.util.Locale;
import stakeout.host.Trial;

/** The display: its size as resource qualifiers, and what it shows. */
final class Screen {
  private Screen() {}

  static String qualifiers() {
    Locale l = Locale.forLanguageTag(Trial.locale);
    String region = l.getCountry().isEmpty() ? "" : "-r" + l.getCountry();
    int dpi = Trial.density;
    return l.getLanguage() + region + "-w" + Trial.width * 160 / dpi + "dp-h" + Trial.height * 160 / dpi + "dp-" + dpi + "dpi";
  }

  record Picture(int width, int height, byte[] png) {}

  /** Null when no activity has a window. */
  static Picture png() {
    if (!Uid.visible() || Activities.topActivity() == null) return null;
    Frames.drawNow();
    View v = Activities.topActivity().getWindow().getDecorView();
    if (v.getWidth() == 0 || v.getHeight() == 0) return null;
    Bitmap b = Bitmap.createBitmap(v.getWidth(), v.getHeight(), Bitmap.Config.ARGB_8888);
    v.draw(new Canvas(b));
    ByteArrayOutputStream o = new ByteArrayOutputStream();
    b.compress(Bitmap.CompressFormat.PNG, 100, o);
    return new Picture(b.getWidth(), b.getHeight(), o.toByteArray());
  }
}
