package stakeout.audio;

import android.media.AudioFormat;
import android.media.AudioRecord;
import android.media.AudioTimestamp;
import android.os.Parcel;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicInteger;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.util.ReflectionHelpers;
import org.robolectric.util.ReflectionHelpers.ClassParameter;
import stakeout.camera.Hal;
import stakeout.time.Clock;
import stakeout.time.VTime;

/**
 * The native half of AudioRecord, paced by the virtual clock: a blocking read of a second takes a virtual second, whatever
 * its form. The stock shadow is final and fills buffers at once, on which a recording loop would spin.
 */
@Implements(value = AudioRecord.class, isInAndroidSdk = false)
public class RecordShadow {
  private static final int INVALID = AudioRecord.ERROR_INVALID_OPERATION, INIT_FAILED = -20;
  private static final int EVENT_MARKER = 2, EVENT_NEW_POS = 3;
  private static final AtomicInteger AUDIO_SESSIONS = new AtomicInteger(100);
  private static final int PCM_24 = 21, PCM_32 = 22;

  @RealObject private AudioRecord me;
  private Object weak;
  private int bufferBytes, marker, period, run;
  private Mic mic;
  /** Virtual nanoseconds of the trial at start; frames read or lost since. */
  private long startedAt, taken;

  // API 23, 26-30, and since 31 with the caller's attribution

  @Implementation protected int native_setup(Object w, Object attributes, int rate, int mask, int index, int format, int bytes, int[] session, String app) {
    return setUp(w, bytes, session);
  }

  @Implementation protected int native_setup(Object w, Object attributes, int[] rate, int mask, int index, int format, int bytes, int[] session, String app, long shared) {
    return setUp(w, bytes, session);
  }

  @Implementation protected int native_setup(Object w, Object attributes, int[] rate, int mask, int index, int format, int bytes, int[] session, String app, long shared, int ms) {
    return setUp(w, bytes, session);
  }

  @Implementation protected int native_setup(Object w, Object attributes, int[] rate, int mask, int index, int format, int bytes, int[] session, Parcel app, long shared, int ms, int flags) {
    return setUp(w, bytes, session);
  }

  private int setUp(Object weakThis, int bytes, int[] session) {
    if (!Mic.permitted("AudioRecord")) return INIT_FAILED;
    weak = weakThis;
    bufferBytes = bytes;
    if (session.length > 0 && session[0] == 0) session[0] = AUDIO_SESSIONS.incrementAndGet();
    return AudioRecord.SUCCESS;
  }

  @Implementation protected static int native_get_min_buff_size(int rate, int channels, int format) {
    return rate / 25 * channels * bytes(format);
  }

  private static int bytes(int format) {
    return switch (format) { case AudioFormat.ENCODING_PCM_8BIT -> 1; case AudioFormat.ENCODING_PCM_FLOAT, PCM_32 -> 4; case PCM_24 -> 3; default -> 2; };
  }

  private int channels() {
    return Math.max(1, me.getChannelCount());
  }

  @Implementation protected int native_get_buffer_size_in_frames() { return bufferBytes / bytes(me.getAudioFormat()) / channels(); }

  @Implementation protected synchronized int native_start(int event, int session) {
    startedAt = Clock.trialNanos();
    taken = 0;
    mic = Mic.open("audio_record");
    mic.begin(startedAt, me.getSampleRate());
    notifications(++run);
    return AudioRecord.SUCCESS;
  }

  @Implementation protected synchronized void native_stop() {
    run++;
    if (mic != null) mic.close();
    mic = null;
  }

  @Implementation protected void native_release() { native_stop(); }
  @Implementation protected void native_finalize() { native_stop(); }

  // ---- positions

  @Implementation protected int native_set_marker_pos(int frames) { marker = frames; return AudioRecord.SUCCESS; }
  @Implementation protected int native_get_marker_pos() { return marker; }
  @Implementation protected int native_get_pos_update_period() { return period; }

  @Implementation protected int native_set_pos_update_period(int frames) {
    period = frames;
    if (mic != null) notifications(++run);
    return AudioRecord.SUCCESS;
  }

  private void notifications(int of) {
    int rate = me.getSampleRate();
    if (marker > 0) Hal.handler().postDelayed(() -> tell(of, EVENT_MARKER), 1000L * marker / rate);
    if (period > 0) period(of, 1, rate);
  }

  private void period(int of, long n, int rate) {
    long due = n * period * 1000L / rate - (Clock.trialNanos() - startedAt) / 1_000_000;
    if (due < 0 && n == 1) n += -due * rate / 1000 / period; // set while recording: the past is not made up for
    long next = n + 1;
    Hal.handler().postDelayed(() -> {
      if (of != run || mic == null) return;
      tell(of, EVENT_NEW_POS);
      period(of, next, rate);
    }, Math.max(0, due));
  }

  private void tell(int of, int what) {
    if (of != run || mic == null) return;
    ReflectionHelpers.callStaticMethod(AudioRecord.class, "postEventFromNative", ClassParameter.from(Object.class, weak),
        ClassParameter.from(int.class, what), ClassParameter.from(int.class, 0), ClassParameter.from(int.class, 0), ClassParameter.from(Object.class, null));
  }

  @Implementation(minSdk = 24) protected int native_get_timestamp(AudioTimestamp out, int base) {
    if (mic == null) return INVALID;
    out.framePosition = (Clock.trialNanos() - startedAt) / 1000 * me.getSampleRate() / 1_000_000;
    out.nanoTime = Clock.now() * 1_000_000;
    return AudioRecord.SUCCESS;
  }

  // ---- reads

  /** Frames that may be read now; waits for them if blocking. What the app was too slow to fetch is lost, as on Android. */
  private int frames(int want, boolean blocking) {
    int rate = me.getSampleRate();
    long made = (Clock.trialNanos() - startedAt) / 1000 * rate / 1_000_000;
    taken = Math.max(taken, made - Math.max(native_get_buffer_size_in_frames(), rate / 10));
    if (!blocking) return (int) Math.min(want, made - taken);
    if (taken + want > made) {
      long ready = Mic.at(startedAt, taken + want, rate);
      try {
        VTime.sleep((ready - Clock.trialNanos() + 999_999) / 1_000_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
    return want;
  }

  private interface Sink {
    void put(int index, short sample);
  }

  /** @return samples read, over all channels */
  private int fill(int samples, boolean blocking, Sink sink) {
    Mic m = mic;
    if (m == null) return INVALID;
    int ch = channels(), n = frames(samples / ch, blocking);
    if (mic != m) return blocking ? 0 : INVALID; // stopped meanwhile
    byte[] pcm = m.pcm(taken, n);
    for (int i = 0; i < n; i++) {
      short s = (short) (pcm[2 * i] & 255 | pcm[2 * i + 1] << 8);
      for (int c = 0; c < ch; c++) sink.put(i * ch + c, s);
    }
    taken += n;
    return n * ch;
  }

  /** A sample in the record's own encoding, at byte `at`. */
  private static void encode(ByteBuffer b, int at, int format, short s) {
    switch (format) {
      case AudioFormat.ENCODING_PCM_8BIT -> b.put(at, (byte) ((s >> 8) + 128));
      case AudioFormat.ENCODING_PCM_FLOAT -> b.putFloat(at, s / 32768f);
      case PCM_32 -> b.putInt(at, s << 16);
      case PCM_24 -> b.put(at, (byte) 0).putShort(at + 1, s);
      default -> b.putShort(at, s);
    }
  }

  private int bytes(ByteBuffer b, int off, int size, boolean blocking) {
    int format = me.getAudioFormat(), each = bytes(format);
    int n = fill(size / each, blocking, (i, s) -> encode(b, off + each * i, format, s));
    return n < 0 ? n : n * each;
  }

  @Implementation protected int native_read_in_byte_array(byte[] b, int off, int size, boolean blocking) {
    return bytes(ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN), off, size, blocking);
  }

  @Implementation protected int native_read_in_short_array(short[] b, int off, int size, boolean blocking) {
    return fill(size, blocking, (i, s) -> b[off + i] = s);
  }

  @Implementation protected int native_read_in_float_array(float[] b, int off, int size, boolean blocking) {
    return fill(size, blocking, (i, s) -> b[off + i] = s / 32768f);
  }

  @Implementation protected int native_read_in_direct_buffer(Object buffer, int size, boolean blocking) {
    return bytes(((ByteBuffer) buffer).duplicate().order(ByteOrder.LITTLE_ENDIAN), 0, size, blocking);
  }
}
