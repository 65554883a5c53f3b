package stakeout.audio;

import android.media.AudioFormat;
import android.media.AudioRecord;
import stakeout.host.Log;
import stakeout.perm.Permissions;
import stakeout.time.Clock;
import stakeout.time.VTime;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadow.api.Shadow;

/**
 * AudioRecord paced by the virtual clock: a blocking read of a second takes a virtual second, whatever its form. The stock
 * shadow (final, so not extended) fills buffers at once (an app's recording loop would spin) and no permission is checked in the app's process.
 */
@Implements(AudioRecord.class)
public class RecordShadow {
  private static final int INVALID = AudioRecord.ERROR_INVALID_OPERATION;
  @RealObject private AudioRecord me;
  private final boolean allowed = Permissions.granted("RECORD_AUDIO");
  private long startedAt, taken;
  private boolean silenceTold;

  @Implementation protected static int native_get_min_buff_size(int rate, int channels, int format) { return rate / 25 * channels * 2; }

  @Implementation protected int getState() { return allowed ? AudioRecord.STATE_INITIALIZED : AudioRecord.STATE_UNINITIALIZED; }

  @Implementation protected void startRecording() {
    if (!allowed) {
      Log.event("denied", "AudioRecord without RECORD_AUDIO");
      throw new IllegalStateException("startRecording() called on an uninitialized AudioRecord.");
    }
    Shadow.directlyOn(me, AudioRecord.class, "startRecording");
  }

  @Implementation protected int native_start(int event, int session) {
    startedAt = Clock.now();
    taken = 0;
    silenceTold = false;
    Log.event("mic.start", me.getSampleRate() + " Hz, " + me.getChannelCount() + " channel(s), source " + me.getAudioSource());
    return AudioRecord.SUCCESS;
  }

  /** Frames that may be read now; waits for them if blocking. What the app was too slow to fetch is lost, as on Android. */
  private int frames(int want, boolean blocking) {
    int rate = me.getSampleRate();
    long made = (Clock.now() - startedAt) * rate / 1000;
    taken = Math.max(taken, made - Math.max(me.getBufferSizeInFrames(), rate / 10));
    if (blocking && taken + want > made) {
      try {
        VTime.sleep(((taken + want) * 1000 + rate - 1) / rate + startedAt - Clock.now());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      return want;
    }
    return (int) Math.min(want, made - taken);
  }

  private interface Sink {
    void put(int index, short sample);
  }

  /** @return samples read, over all channels */
  private int fill(int samples, boolean blocking, Sink sink) {
    if (!allowed || me.getRecordingState() != AudioRecord.RECORDSTATE_RECORDING) return INVALID;
    int ch = Math.max(1, me.getChannelCount()), n = frames(samples / ch, blocking);
    boolean silent = Permissions.idle();
    if (silent && !silenceTold) Log.event("mic.silenced", "uid is idle");
    silenceTold |= silent;
    for (int i = 0; i < n * ch; i++) sink.put(i, silent ? 0 : Mic.sample(taken + i / ch, me.getSampleRate()));
    taken += n;
    return n * ch;
  }

  @Implementation protected int native_read_in_byte_array(byte[] b, int off, int size, boolean blocking) {
    if (me.getAudioFormat() == AudioFormat.ENCODING_PCM_8BIT) return fill(size, blocking, (i, s) -> b[off + i] = (byte) ((s >> 8) + 128));
    int n = fill(size / 2, blocking, (i, s) -> {
      b[off + 2 * i] = (byte) s;
      b[off + 2 * i + 1] = (byte) (s >> 8);
    });
    return n < 0 ? n : n * 2;
  }

  @Implementation protected int native_read_in_short_array(short[] b, int off, int size, boolean blocking) {
    return fill(size, blocking, (i, s) -> b[off + i] = s);
  }

  @Implementation protected int native_read_in_float_array(float[] b, int off, int size, boolean blocking) {
    return fill(size, blocking, (i, s) -> b[off + i] = s / 32768f);
  }

  @Implementation protected int native_read_in_direct_buffer(Object buffer, int size, boolean blocking) {
    ByteBuffer b = ((ByteBuffer) buffer).duplicate().order(ByteOrder.LITTLE_ENDIAN);
    int n = fill(size / 2, blocking, (i, s) -> b.putShort(2 * i, s));
    return n < 0 ? n : n * 2;
  }
}
