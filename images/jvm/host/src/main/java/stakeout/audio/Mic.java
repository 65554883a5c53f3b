package stakeout.audio;

import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import stakeout.camera.Feed;
import stakeout.honesty.Numbers;
import stakeout.host.Events;
import stakeout.host.FeedPipe;
import stakeout.perm.Permissions;
import stakeout.perm.Uid;
import stakeout.time.Clock;

/**
 * The microphone: who has it open, and what it hears, asked from outside for the stretch of virtual time that is read. An app
 * whose state gives it no right to the microphone reads silence and no error, as on Android since API 28.
 */
final class Mic {
  private final String api;
  private final int session = Numbers.session();
  private static final int MOST_SECONDS = 30;
  private boolean silenceTold;

  /** From when on, and how fast, samples are taken; how many were; and those fetched before they were asked for. */
  private long start;
  private int rate;
  private long taken;
  private byte[] ahead = {};

  private static final Map<Integer, Mic> OPEN = new LinkedHashMap<>();

  static {
    Clock.atEnd(() -> {
      Mic[] all;
      synchronized (OPEN) {
        all = OPEN.values().toArray(new Mic[0]);
      }
      for (Mic m : all) m.fetch();
    });
  }

  private Mic(String api) {
    this.api = api;
  }

  /** @return false without RECORD_AUDIO; the refusal has been told */
  static boolean permitted(String what) {
    if (Permissions.granted("RECORD_AUDIO")) return true;
    Events.fact("refused", "sensor", "microphone", "data", null, "what", what, "reason", "permission");
    return false;
  }

  /** @param api `audio_record` or `media_recorder` */
  static Mic open(String api) {
    Mic m = new Mic(api);
    synchronized (OPEN) {
      OPEN.put(m.session, m);
    }
    Events.fact("opened", "sensor", "microphone", "id", "0", "facing", null, "api", api, "session", m.session, "preview_visible", false);
    return m;
  }

  int session() {
    return session;
  }

  void close() {
    boolean was;
    synchronized (OPEN) {
      was = OPEN.remove(session) != null;
    }
    if (was) Events.fact("closed", "sensor", "microphone", "session", session);
  }

  /** The app's process has ended. */
  static void processEnded() {
    Mic[] all;
    synchronized (OPEN) {
      all = OPEN.values().toArray(new Mic[0]);
    }
    for (Mic m : all) m.close();
  }

  /** Whether the app reads silence now; the first read of each stretch of silence is told as refused. */
  boolean silenced() {
    String why = Uid.refusal(Uid.TYPE_MICROPHONE);
    if (why != null && !silenceTold) {
      Events.fact("refused", "sensor", "microphone", "data", null, "what", api + " reads silence", "reason", why);
    }
    silenceTold = why != null;
    return why != null;
  }

  /** The clock stops for now, in the middle of what is being recorded: what was heard up to here is fetched. */
  private synchronized void fetch() {
    if (rate == 0) return;
    long from = taken + ahead.length / 2, made = (Clock.trialNanos() - start) / 1000 * rate / 1_000_000;
    int n = (int) Math.min(made - from, MOST_SECONDS * rate);
    if (n <= 0) return;
    byte[] b = ask(at(start, from, rate), rate, n);
    int had = ahead.length;
    ahead = Arrays.copyOf(ahead, had + b.length);
    System.arraycopy(b, 0, ahead, had, b.length);
  }

  /** Samples are about to be taken: the first is heard at `start`, in nanoseconds of the trial. */
  synchronized void begin(long start, int rate) {
    this.start = start;
    this.rate = rate;
  }

  /** @param first the number of the first sample since {@link #begin}; @return signed 16 bit little endian, mono; zeros while silenced or without a feed */
  synchronized byte[] pcm(long first, int frames) {
    byte[] out = new byte[2 * frames];
    int skip = (int) Math.max(0, Math.min(ahead.length, 2 * (first - taken)));
    int have = Math.min(ahead.length - skip, out.length);
    System.arraycopy(ahead, skip, out, 0, have);
    ahead = Arrays.copyOfRange(ahead, skip + have, ahead.length);
    if (have < out.length) System.arraycopy(ask(at(start, first + have / 2, rate), rate, frames - have / 2), 0, out, have, out.length - have);
    taken = first + frames;
    return out;
  }

  /** @param at nanoseconds of the trial */
  private byte[] ask(long at, int rate, int frames) {
    byte[] out = new byte[2 * frames];
    if (frames == 0 || silenced()) return out;
    Clock.standStill(() -> {
      try {
        byte[] b = FeedPipe.microphone(at, session, rate, frames);
        System.arraycopy(b, 0, out, 0, Math.min(b.length, out.length));
      } catch (IOException e) {
        Feed.lost("microphone feed", e);
      }
    });
    return out;
  }

  /** When sample `n` after `start` was heard, in nanoseconds, rounded up so that it is the n-th again when rounded down. */
  static long at(long start, long n, int rate) {
    return start + n / rate * 1_000_000_000L + (n % rate * 1_000_000_000L + rate - 1) / rate;
  }
}
