package stakeout.time;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Calendar;
import java.util.Locale;
import java.util.TimeZone;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** What the app's calls to the JDK's clock and to its simple timed waits become (time.txt). */
public final class VTime {
  /** notifyAll needs the object's monitor, which the app may hold for long: never on the clock's thread. */
  private static final ExecutorService WAKERS = Executors.newCachedThreadPool(r -> {
    Thread t = new Thread(r, "stakeout-waker");
    t.setDaemon(true);
    return t;
  });

  public static long currentTimeMillis() {
    return Clock.now();
  }

  public static long nanoTime() {
    return Clock.now() * 1_000_000L;
  }

  private static Calendar now(Calendar c) {
    c.setTimeInMillis(Clock.now());
    return c;
  }

  public static Calendar getInstance() { return now(Calendar.getInstance()); }
  public static Calendar getInstance(Locale l) { return now(Calendar.getInstance(l)); }
  public static Calendar getInstance(TimeZone z) { return now(Calendar.getInstance(z)); }
  public static Calendar getInstance(TimeZone z, Locale l) { return now(Calendar.getInstance(z, l)); }

  private static java.time.Clock clock(ZoneId zone) {
    return new java.time.Clock() {
      @Override public ZoneId getZone() { return zone; }
      @Override public java.time.Clock withZone(ZoneId z) { return clock(z); }
      @Override public Instant instant() { return Instant.ofEpochMilli(Clock.now()); }
    };
  }

  public static java.time.Clock system(ZoneId z) { return clock(z); }
  public static java.time.Clock systemUTC() { return clock(ZoneOffset.UTC); }
  public static java.time.Clock systemDefaultZone() { return clock(ZoneId.systemDefault()); }
  public static Instant instant() { return Instant.ofEpochMilli(Clock.now()); }
  public static LocalDate localDate() { return LocalDate.now(systemDefaultZone()); }
  public static LocalDateTime localDateTime() { return LocalDateTime.now(systemDefaultZone()); }
  public static LocalDate localDate(ZoneId z) { return LocalDate.now(clock(z)); }
  public static LocalDateTime localDateTime(ZoneId z) { return LocalDateTime.now(clock(z)); }
  public static ZonedDateTime zonedDateTime(ZoneId z) { return ZonedDateTime.now(clock(z)); }
  public static LocalTime localTime() { return LocalTime.now(systemDefaultZone()); }
  public static OffsetDateTime offsetDateTime() { return OffsetDateTime.now(systemDefaultZone()); }
  public static ZonedDateTime zonedDateTime() { return ZonedDateTime.now(systemDefaultZone()); }

  /** A file's time as the app would have seen it: the disk keeps the real one. */
  public static long lastModified(File f) {
    long real = f.lastModified();
    return real == 0 ? 0 : Samples.virtual(real);
  }

  public static FileTime lastModified(Path p, LinkOption... o) throws IOException {
    return FileTime.fromMillis(Samples.virtual(Files.getLastModifiedTime(p, o).toMillis()));
  }

  /** A due time that cannot overflow: apps wait for Long.MAX_VALUE. */
  static long deadline(long ms) {
    long now = Clock.now();
    return ms > Long.MAX_VALUE / 4 - now ? Long.MAX_VALUE / 4 : now + Math.max(0, ms);
  }

  private static long ceilMillis(long nanos) {
    return nanos <= 0 ? 0 : (nanos - 1) / 1_000_000 + 1;
  }

  public static void sleep(long ms) throws InterruptedException {
    if (Thread.interrupted()) throw new InterruptedException();
    if (ms <= 0) { Thread.yield(); return; }
    long end = deadline(ms);
    Thread me = Thread.currentThread();
    Clock.Entry e = Clock.await(end, () -> LockSupport.unpark(me));
    try {
      while (Clock.now() < end) {
        LockSupport.park();
        if (Thread.interrupted()) throw new InterruptedException();
      }
    } finally {
      Clock.awaited(e);
    }
  }

  public static void sleep(long ms, int nanos) throws InterruptedException {
    sleep(ms + (nanos > 0 ? 1 : 0));
  }

  public static void sleep(TimeUnit u, long n) throws InterruptedException {
    sleep(ceilMillis(u.toNanos(n)));
  }

  /** The caller holds o's monitor. A wake-up of other waiters on o is a spurious one, which the language allows. */
  public static void wait(Object o, long ms) throws InterruptedException {
    if (ms == 0) { o.wait(); return; }
    Clock.Entry e = Clock.await(deadline(ms), () -> WAKERS.execute(() -> {
      synchronized (o) {
        o.notifyAll();
      }
    }));
    try {
      o.wait();
    } finally {
      Clock.awaited(e);
    }
  }

  public static void wait(Object o, long ms, int nanos) throws InterruptedException {
    wait(o, ms + (nanos > 0 ? 1 : 0));
  }

  public static void join(Thread t, long ms, int nanos) throws InterruptedException {
    join(t, ms + (nanos > 0 ? 1 : 0));
  }

  public static void join(Thread t, long ms) throws InterruptedException {
    if (ms == 0) { t.join(); return; }
    VWait.timed(deadline(ms), real -> {
      t.join(real);
      return t.isAlive() ? null : true;
    });
  }

  public static void parkNanos(Object blocker, long nanos) {
    if (nanos <= 0) return;
    parkTill(blocker, deadline(ceilMillis(nanos)));
  }

  public static void parkNanos(long nanos) {
    parkNanos(null, nanos);
  }

  public static void parkUntil(Object blocker, long when) {
    parkTill(blocker, when);
  }

  public static void parkUntil(long when) {
    parkTill(null, when);
  }

  private static void parkTill(Object blocker, long when) {
    Thread me = Thread.currentThread();
    Clock.Entry e = Clock.await(when, () -> LockSupport.unpark(me));
    try {
      if (Clock.now() < when) LockSupport.park(blocker);
    } finally {
      Clock.awaited(e);
    }
  }
}
