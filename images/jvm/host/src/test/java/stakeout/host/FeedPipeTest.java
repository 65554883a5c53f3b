package stakeout.host;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.Test;

public class FeedPipeTest {
  private static byte[] answer(String line, String bytes) {
    return (line + "\n" + bytes).getBytes(StandardCharsets.US_ASCII);
  }

  private static long id(ByteArrayOutputStream asked) {
    return (Long) Json.object(asked.toString(StandardCharsets.US_ASCII).trim()).get("id");
  }

  /** The ids go on from test to test, as the pipe is one: the answer is made for the id that comes next. */
  private static long next() {
    ByteArrayOutputStream asked = new ByteArrayOutputStream();
    FeedPipe.open(asked, new ByteArrayInputStream(answer("{\"error\":{}}", "")));
    assertThrows(IOException.class, () -> FeedPipe.microphone(0, 1, 8000, 1));
    return id(asked) + 1;
  }

  @Test public void a_frame_is_its_number_and_exactly_its_bytes() throws IOException {
    long id = next();
    FeedPipe.open(new ByteArrayOutputStream(), new ByteArrayInputStream(answer("{\"id\":" + id + ",\"frame\":7,\"bytes\":4}", "abcdrest")));
    FeedPipe.Answer a = FeedPipe.camera("back", 0, 1, 2, 2, "nv21", 90);
    assertEquals(7, a.frame());
    assertArrayEquals("abcd".getBytes(), a.bytes());
  }

  @Test public void an_error_has_no_bytes_and_is_an_exception() {
    long id = next();
    FeedPipe.open(new ByteArrayOutputStream(), new ByteArrayInputStream(answer("{\"id\":" + id + ",\"error\":{\"code\":\"failed\"}}", "")));
    assertThrows(IOException.class, () -> FeedPipe.camera("back", 0, 1, 2, 2, "nv21", 90));
  }

  @Test public void an_answer_to_another_request_is_refused() {
    long id = next();
    FeedPipe.open(new ByteArrayOutputStream(), new ByteArrayInputStream(answer("{\"id\":" + (id + 5) + ",\"bytes\":0}", "")));
    assertThrows(IOException.class, () -> FeedPipe.microphone(0, 1, 8000, 1));
  }

  @Test public void a_length_beyond_reason_is_refused_before_memory_is_taken() {
    long id = next();
    FeedPipe.open(new ByteArrayOutputStream(), new ByteArrayInputStream(answer("{\"id\":" + id + ",\"bytes\":999999999999}", "")));
    assertThrows(IOException.class, () -> FeedPipe.microphone(0, 1, 8000, 1));
  }
}
