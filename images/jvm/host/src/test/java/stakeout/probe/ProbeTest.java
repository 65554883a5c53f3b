package stakeout.probe;

import static org.junit.Assume.assumeTrue;

import java.nio.file.Path;
import org.junit.Before;
import org.junit.Rule;
import org.junit.rules.TemporaryFolder;

/** What tests with a real host share: they run where the environment names the folder that build.sh made. */
public abstract class ProbeTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();
  private Path out;

  @Before public void host() {
    String name = System.getenv("STAKEOUT_JVM");
    assumeTrue("STAKEOUT_JVM is not set", name != null);
    out = Path.of(name).toAbsolutePath();
  }

  Handset handset(int api) throws Exception {
    return new Handset(out, folder.newFolder().toPath(), api);
  }

  /** Each step 20 s after the one before, the first after 20 s. */
  static String every20Seconds(String... steps) {
    StringBuilder b = new StringBuilder("10:Data.ask");
    for (int i = 0; i < steps.length; i++) b.append(';').append((i + 1) * 20_000).append(':').append(steps[i]);
    return b.toString();
  }
}
