package stakeout.app;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class DozeTest {
  private static final long MINUTE = 60_000, HOUR = 60 * MINUTE;

  @Test public void what_is_due_at_once_waits_for_the_first_window_an_hour_later() {
    assertEquals(HOUR, Doze.nextWindow(0, 0));
  }

  @Test public void what_falls_into_a_window_is_on_time() {
    assertEquals(HOUR + 2 * MINUTE, Doze.nextWindow(0, HOUR + 2 * MINUTE));
  }

  @Test public void windows_are_two_then_four_then_six_hours_apart_and_get_longer() {
    long second = HOUR + 5 * MINUTE + 2 * HOUR, third = second + 10 * MINUTE + 4 * HOUR, fourth = third + 10 * MINUTE + 6 * HOUR;
    assertEquals(second, Doze.nextWindow(0, HOUR + 5 * MINUTE));
    assertEquals(third, Doze.nextWindow(0, second + 10 * MINUTE));
    assertEquals(fourth, Doze.nextWindow(0, third + 10 * MINUTE));
    assertEquals(fourth + 10 * MINUTE + 6 * HOUR, Doze.nextWindow(0, fourth + 10 * MINUTE));
  }
}
