package stakeout.host;

import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public class MainTest {
  @Rule public TemporaryFolder folder = new TemporaryFolder();

  /** Runs a shell that opens fd 3 as told and then this JVM's check of it. */
  private boolean isPipe(String redirection) throws Exception {
    List<String> command = List.of("sh", "-c", "exec \"$0\" -cp \"$1\" stakeout.host.MainTest " + redirection,
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), System.getProperty("java.class.path"));
    Process p = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    return new String(p.getInputStream().readAllBytes()).trim().equals("true");
  }

  public static void main(String[] args) {
    System.out.println(Main.isPipe(3));
  }

  @Test public void a_pipe_is_taken_for_the_feed() throws Exception {
    assertTrue(isPipe("3>&1"));
  }

  @Test public void a_file_that_happens_to_have_the_number_is_not_touched() throws Exception {
    Path f = folder.getRoot().toPath().resolve("precious");
    Files.writeString(f, "bytes");
    assertFalse(isPipe("3<" + f));
  }

  @Test public void without_a_feed_the_number_is_the_jvms_own_and_is_not_touched() throws Exception {
    assertFalse(isPipe(""));
  }
}
