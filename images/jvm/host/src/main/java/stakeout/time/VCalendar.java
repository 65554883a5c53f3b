package stakeout.time;

import java.util.GregorianCalendar;
import java.util.Locale;
import java.util.TimeZone;

/** A calendar that is made for now is made for the virtual now; the rest is the JDK's. */
public class VCalendar extends GregorianCalendar {
  public VCalendar() { setTimeInMillis(Clock.now()); }
  public VCalendar(TimeZone z) {
    super(z);
    setTimeInMillis(Clock.now());
  }
  public VCalendar(Locale l) {
    super(l);
    setTimeInMillis(Clock.now());
  }
  public VCalendar(TimeZone z, Locale l) {
    super(z, l);
    setTimeInMillis(Clock.now());
  }
  public VCalendar(int y, int m, int d) { super(y, m, d); }
  public VCalendar(int y, int m, int d, int h, int min) { super(y, m, d, h, min); }
  public VCalendar(int y, int m, int d, int h, int min, int s) { super(y, m, d, h, min, s); }
}
