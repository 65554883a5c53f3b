package @PKG@;

import android.content.Context;
import android.media.AudioFormat;
import android.media.AudioRecord;
import android.media.MediaRecorder;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;

/** Seconds of sound, by both APIs. */
final class Sound {
  /** `form` is wav or pcm: 16 bits, one channel. */
  static byte[] record(Order o, String form) throws IOException {
    int rate = o.number("sample_rate", 16000), want = 2 * rate * o.number("mic_seconds", 4);
    int least = AudioRecord.getMinBufferSize(rate, AudioFormat.CHANNEL_IN_MONO, AudioFormat.ENCODING_PCM_16BIT);
    AudioRecord a = new AudioRecord(MediaRecorder.AudioSource.MIC, rate, AudioFormat.CHANNEL_IN_MONO, AudioFormat.ENCODING_PCM_16BIT, Math.max(least, rate));
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try {
      if (a.getState() != AudioRecord.STATE_INITIALIZED) throw new IOException("AudioRecord is not initialized");
      a.startRecording();
      byte[] bytes = new byte[rate / 5];
      short[] shorts = new short[rate / 10];
      while (all.size() < want) {
        int n = Plan.SHORTS ? a.read(shorts, 0, shorts.length) : a.read(bytes, 0, bytes.length);
        if (n <= 0) throw new IOException("AudioRecord.read: " + n);
        if (Plan.SHORTS) {
          for (int i = 0; i < n; i++) {
            all.write(shorts[i]);
            all.write(shorts[i] >> 8);
          }
        } else {
          all.write(bytes, 0, n);
        }
      }
      a.stop();
    } finally {
      a.release();
    }
    return form.equals("wav") ? wav(all.toByteArray(), rate) : all.toByteArray();
  }

  static byte[] wav(byte[] pcm, int rate) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    DataOutputStream d = new DataOutputStream(all);
    d.writeBytes("RIFF");
    d.writeInt(Integer.reverseBytes(36 + pcm.length));
    d.writeBytes("WAVEfmt ");
    d.writeInt(Integer.reverseBytes(16));
    d.write(new byte[] {1, 0, 1, 0});
    d.writeInt(Integer.reverseBytes(rate));
    d.writeInt(Integer.reverseBytes(2 * rate));
    d.write(new byte[] {2, 0, 16, 0});
    d.writeBytes("data");
    d.writeInt(Integer.reverseBytes(pcm.length));
    d.write(pcm);
    return all.toByteArray();
  }

  /** `form` is m4a (AAC in MPEG-4), aac (ADTS), 3gp (AMR-NB) or amr. The file is a passing one. */
  static byte[] recorder(Context c, Order o, String form) throws Exception {
    File f = new File(c.getCacheDir(), Plan.TEMPORARY + "." + form);
    boolean aac = form.equals("m4a") || form.equals("aac");
    MediaRecorder r = new MediaRecorder();
    try {
      r.setAudioSource(MediaRecorder.AudioSource.MIC);
      r.setOutputFormat(form.equals("m4a") ? MediaRecorder.OutputFormat.MPEG_4 : form.equals("aac") ? MediaRecorder.OutputFormat.AAC_ADTS
          : form.equals("amr") ? MediaRecorder.OutputFormat.AMR_NB : MediaRecorder.OutputFormat.THREE_GPP);
      r.setAudioEncoder(aac ? MediaRecorder.AudioEncoder.AAC : MediaRecorder.AudioEncoder.AMR_NB);
      if (aac) {
        r.setAudioSamplingRate(44100);
        r.setAudioEncodingBitRate(64000);
      }
      r.setOutputFile(f.getPath());
      r.prepare();
      r.start();
      Thread.sleep(1000L * o.number("mic_seconds", 4));
      r.stop();
    } finally {
      r.release();
    }
    byte[] b = Bytes.read(f);
    f.delete();
    return b;
  }
}
