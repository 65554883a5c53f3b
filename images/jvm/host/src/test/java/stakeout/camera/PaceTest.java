package stakeout.camera;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public class PaceTest {
  private static long frames(Pace p, long millis) {
    long n = 0;
    for (long now = 0; ; n++) {
      now += p.pause(now);
      if (now >= millis) return n;
      p.took(now);
    }
  }

  @Test public void a_preview_begins_with_thirty_frames_a_second() {
    assertEquals(30, frames(new Pace(), 1000), 1);
  }

  @Test public void an_hour_of_preview_costs_about_one_frame_a_second() {
    long n = frames(new Pace(), 3_600_000);
    assertTrue("" + n, n > 3_600 && n < 3_900);
  }

  @Test public void a_frame_that_is_asked_for_late_comes_at_once() {
    Pace p = new Pace();
    p.took(0);
    assertEquals(0, p.pause(10_000));
  }
}
