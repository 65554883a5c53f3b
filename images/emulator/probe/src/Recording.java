package @PKG@;

import android.media.AudioFormat;
import android.media.AudioRecord;
import android.media.MediaRecorder;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/** A second and a half of the microphone as a WAV: 16 bits, one channel. */
final class Recording {
  private static final int RATE = 44100, BYTES = RATE * 2 * 3 / 2;

  private Recording() {}

  static byte[] take() throws IOException {
    int least = AudioRecord.getMinBufferSize(RATE, AudioFormat.CHANNEL_IN_MONO, AudioFormat.ENCODING_PCM_16BIT);
    AudioRecord from = new AudioRecord(MediaRecorder.AudioSource.MIC, RATE, AudioFormat.CHANNEL_IN_MONO, AudioFormat.ENCODING_PCM_16BIT, Math.max(least, RATE));
    byte[] pcm = new byte[BYTES];
    try {
      if (from.getState() != AudioRecord.STATE_INITIALIZED) throw new IOException("AudioRecord is not initialized");
      from.startRecording();
      for (int at = 0; at < BYTES;) {
        int n = from.read(pcm, at, Math.min(RATE / 5 * 2, BYTES - at));
        if (n <= 0) throw new IOException("AudioRecord.read: " + n);
        at += n;
      }
      from.stop();
    } finally {
      from.release();
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(all);
    out.writeBytes("RIFF");
    out.writeInt(Integer.reverseBytes(36 + BYTES));
    out.writeBytes("WAVEfmt ");
    out.writeInt(Integer.reverseBytes(16));
    out.writeShort(Short.reverseBytes((short) 1));
    out.writeShort(Short.reverseBytes((short) 1));
    out.writeInt(Integer.reverseBytes(RATE));
    out.writeInt(Integer.reverseBytes(RATE * 2));
    out.writeShort(Short.reverseBytes((short) 2));
    out.writeShort(Short.reverseBytes((short) 16));
    out.writeBytes("data");
    out.writeInt(Integer.reverseBytes(BYTES));
    out.write(pcm);
    return all.toByteArray();
  }
}
