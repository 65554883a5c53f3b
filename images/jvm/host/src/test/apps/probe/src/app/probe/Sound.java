package app.probe;

import android.content.Context;
import android.media.AudioFormat;
import android.media.AudioRecord;
import android.media.MediaRecorder;
import java.io.File;
import java.nio.ByteBuffer;

/** AudioRecord and MediaRecorder. */
final class Sound {
  private static AudioRecord open(int encoding) {
    int min = AudioRecord.getMinBufferSize(16000, AudioFormat.CHANNEL_IN_MONO, encoding);
    return new AudioRecord(MediaRecorder.AudioSource.MIC, 16000, AudioFormat.CHANNEL_IN_MONO, encoding, min * 4);
  }

  static String shorts(Context c) {
    AudioRecord a = open(AudioFormat.ENCODING_PCM_16BIT);
    a.startRecording();
    long from = System.currentTimeMillis();
    short[] all = new short[16000];
    int n = 0;
    while (n < all.length) {
      int r = a.read(all, n, Math.min(1600, all.length - n));
      if (r <= 0) return "read " + r;
      n += r;
    }
    long ms = System.currentTimeMillis() - from;
    a.stop();
    a.release();
    int other = 0;
    for (short s : all) if (s != 0) other++;
    return n + " samples in " + ms + " ms, " + other + " not zero, first " + all[0] + " " + all[1] + " last " + all[15999];
  }

  static String bytes(Context c) {
    AudioRecord a = open(AudioFormat.ENCODING_PCM_16BIT);
    a.startRecording();
    byte[] b = new byte[3200];
    int n = a.read(b, 0, b.length);
    ByteBuffer d = ByteBuffer.allocateDirect(3200);
    int m = a.read(d, 3200);
    a.stop();
    a.release();
    return n + " and " + m;
  }

  static String periods(final Context c) throws Exception {
    final AudioRecord a = open(AudioFormat.ENCODING_PCM_16BIT);
    final int[] n = new int[1];
    a.setPositionNotificationPeriod(1600);
    a.setRecordPositionUpdateListener(new AudioRecord.OnRecordPositionUpdateListener() {
      @Override public void onMarkerReached(AudioRecord r) {}
      @Override public void onPeriodicNotification(AudioRecord r) {
        n[0]++;
      }
    }, new android.os.Handler(android.os.Looper.getMainLooper()));
    a.startRecording();
    Thread.sleep(1050);
    a.stop();
    a.release();
    return n[0] + " notifications";
  }

  private static String file(Context c, String name, int format, int encoder, long ms) throws Exception {
    File f = new File(c.getFilesDir(), name);
    MediaRecorder r = new MediaRecorder();
    r.setAudioSource(MediaRecorder.AudioSource.MIC);
    r.setOutputFormat(format);
    r.setAudioEncoder(encoder);
    r.setOutputFile(f.getPath());
    r.prepare();
    r.start();
    Thread.sleep(ms);
    r.stop();
    r.release();
    return name + (f.length() > 1000 ? " has bytes" : " is short: " + f.length());
  }

  static String amr(Context c) throws Exception { return file(c, "a.3gp", MediaRecorder.OutputFormat.THREE_GPP, MediaRecorder.AudioEncoder.AMR_NB, 5000); }
  static String wide(Context c) throws Exception { return file(c, "w.amr", MediaRecorder.OutputFormat.AMR_WB, MediaRecorder.AudioEncoder.AMR_WB, 3000); }
  static String aac(Context c) throws Exception { return file(c, "a.mp4", MediaRecorder.OutputFormat.MPEG_4, MediaRecorder.AudioEncoder.AAC, 3000); }

  static String video(Context c) throws Exception {
    File f = new File(c.getFilesDir(), "v.mp4");
    android.hardware.Camera cam = android.hardware.Camera.open(0);
    cam.setPreviewTexture(new android.graphics.SurfaceTexture(10));
    cam.startPreview();
    cam.unlock();
    MediaRecorder r = new MediaRecorder();
    r.setCamera(cam);
    r.setAudioSource(MediaRecorder.AudioSource.CAMCORDER);
    r.setVideoSource(MediaRecorder.VideoSource.CAMERA);
    r.setOutputFormat(MediaRecorder.OutputFormat.MPEG_4);
    r.setVideoSize(320, 240);
    r.setVideoEncoder(MediaRecorder.VideoEncoder.H264);
    r.setAudioEncoder(MediaRecorder.AudioEncoder.AAC);
    r.setOutputFile(f.getPath());
    r.prepare();
    r.start();
    Thread.sleep(4000);
    r.stop();
    r.release();
    cam.lock();
    cam.release();
    return f.length() > 1000 ? "v.mp4 has bytes" : "short";
  }
}
