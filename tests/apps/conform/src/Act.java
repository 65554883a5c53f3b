package @PKG@;

import android.content.Context;
import android.database.Cursor;
import android.media.AudioFormat;
import android.media.AudioRecord;
import android.media.MediaRecorder;
import android.net.Uri;
import android.provider.CallLog;
import android.provider.ContactsContract.CommonDataKinds.Phone;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/** One act on a thread of its own. */
final class Act extends Thread {
  private static final int RATE = 16000;
  private final Context c;

  Act(Context c, String name) {
    super(name);
    this.c = c;
  }

  @Override public void run() {
    try {
      act(getName());
      Files.say(c, getName(), "ok");
    } catch (Exception e) {
      Files.say(c, getName(), "failed: " + e);
    }
  }

  private void act(String name) throws Exception {
    switch (name) {
      case "camera": Files.put(c, "photo.jpg", Photo.take(c)); break;
      case "microphone": Files.put(c, "sound.wav", sound()); break;
      case "contacts": Files.put(c, "contacts.txt", rows(Phone.CONTENT_URI, Phone.DISPLAY_NAME, Phone.NUMBER)); break;
      case "calls": Files.put(c, "calls.txt", rows(CallLog.Calls.CONTENT_URI, CallLog.Calls.NUMBER, CallLog.Calls.CACHED_NAME)); break;
      case "write": Files.put(c, "written.txt", Bytes.utf8("written by the app")); break;
      case "erase":
        Files.put(c, "gone.txt", Bytes.utf8("deleted by the app"));
        if (!new File(c.getFilesDir(), "gone.txt").delete()) throw new IOException("not deleted");
        break;
      case "fetch": Files.put(c, "fetched.txt", Https.get("https://" + Plan.HOST + "/hello?from=app").body); break;
      case "ports": ports(); break;
      case "split": Files.put(c, "split.txt", Https.read(c.getAssets().open("extra.txt"))); break;
      default: throw new IllegalArgumentException(name);
    }
  }

  private byte[] rows(Uri u, String... columns) throws IOException {
    StringBuilder all = new StringBuilder();
    try (Cursor q = c.getContentResolver().query(u, columns, null, null, null)) {
      while (q != null && q.moveToNext()) {
        for (int i = 0; i < columns.length; i++) all.append(i == 0 ? "" : "\t").append(q.getString(i));
        all.append('\n');
      }
    }
    return Bytes.utf8(all.toString());
  }

  /** All at once: some are refused only by silence. */
  private void ports() throws InterruptedException {
    List<Thread> all = new ArrayList<>();
    for (final String host : new String[] {"127.0.0.1", "10.0.2.2"}) {
      for (final int port : new int[] {5554, 5555, 8554}) {
        all.add(new Thread(host + "-" + port) {
          @Override public void run() {
            Files.write(c, "ports/" + getName(), connect(host, port));
          }
        });
      }
    }
    for (Thread t : all) t.start();
    for (Thread t : all) t.join();
  }

  /** `connected` if the connection stood, `answered` and what came if somebody spoke, else why there was none. */
  private static String connect(String host, int port) {
    boolean stood = false;
    try (Socket s = new Socket()) {
      s.connect(new InetSocketAddress(host, port), 1500);
      stood = true;
      s.setSoTimeout(1500);
      byte[] b = new byte[64];
      int n = s.getInputStream().read(b);
      return n > 0 ? "answered " + new String(b, 0, n, "ISO-8859-1") : "connected and closed";
    } catch (IOException e) {
      return stood ? "connected" : "refused: " + e;
    }
  }

  /** Two seconds, 16 bits, one channel. */
  private static byte[] sound() throws IOException {
    int least = AudioRecord.getMinBufferSize(RATE, AudioFormat.CHANNEL_IN_MONO, AudioFormat.ENCODING_PCM_16BIT);
    AudioRecord a = new AudioRecord(MediaRecorder.AudioSource.MIC, RATE, AudioFormat.CHANNEL_IN_MONO, AudioFormat.ENCODING_PCM_16BIT, Math.max(least, RATE));
    ByteArrayOutputStream pcm = new ByteArrayOutputStream();
    try {
      if (a.getState() != AudioRecord.STATE_INITIALIZED) throw new IOException("AudioRecord is not initialized");
      a.startRecording();
      byte[] b = new byte[RATE / 5];
      while (pcm.size() < 2 * 2 * RATE) {
        int n = a.read(b, 0, b.length);
        if (n <= 0) throw new IOException("AudioRecord.read: " + n);
        pcm.write(b, 0, n);
      }
      a.stop();
    } finally {
      a.release();
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    DataOutputStream d = new DataOutputStream(all);
    d.writeBytes("RIFF");
    d.writeInt(Integer.reverseBytes(36 + pcm.size()));
    d.writeBytes("WAVEfmt ");
    d.write(new byte[] {16, 0, 0, 0, 1, 0, 1, 0});
    d.writeInt(Integer.reverseBytes(RATE));
    d.writeInt(Integer.reverseBytes(2 * RATE));
    d.write(new byte[] {2, 0, 16, 0});
    d.writeBytes("data");
    d.writeInt(Integer.reverseBytes(pcm.size()));
    pcm.writeTo(d);
    return all.toByteArray();
  }
}
