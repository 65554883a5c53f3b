package stakeout.host;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.util.List;
import org.junit.Test;

public class JsonTest {
  @Test public void what_is_written_is_read_again() {
    var m = Json.of("text", "a\"\\\n\u0001中", "n", 1234567890123456789L, "list", List.of(1L, true, Json.of()), "none", null, "half", 0.5);
    assertEquals(m, Json.object(Json.text(m)));
  }

  @Test public void an_unsigned_seed_keeps_its_bits() {
    assertEquals(-1L, Json.object("{\"seed\":18446744073709551615}").get("seed"));
  }

  @Test public void a_line_is_ascii_whatever_an_app_says() {
    assertEquals("{\"m\":\"\\u2028\\u000a\"}", Json.text(Json.of("m", "\u2028\n")));
  }

  @Test public void broken_lines_are_refused() {
    for (String s : List.of("", "[]", "{", "{\"a\":}", "{\"a\":1}x", "{\"a\":\"\\q\"}", "{\"a\":\"", "{\"a\":--1}", "{a:1}")) {
      assertThrows(s, IllegalArgumentException.class, () -> Json.object(s));
    }
  }

  @Test public void depth_is_bounded() {
    assertThrows(IllegalArgumentException.class, () -> Json.object("{\"a\":" + "[".repeat(100_000)));
  }
}
