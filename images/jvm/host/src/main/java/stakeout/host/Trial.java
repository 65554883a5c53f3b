package stakeout.host;

import java.nio.file.Path;
import java.util.Set;
import java.util.function.LongSupplier;

/** What `assign`, `permission` and `install` said about the one trial of this process; read by every room. */
public final class Trial {
  private Trial() {}

  /** The device's wall clock when the trial began, Unix milliseconds. */
  public static volatile long startMillis = System.currentTimeMillis();
  public static volatile long seed;
  /** The API level whose rules hold: the profile's, which may differ from the framework classes' own. */
  public static volatile int rules = 34;
  /** The API level of the framework classes. */
  public static volatile int api = 34;
  /** `grant_on_request`, `deny` or `grant_all`. */
  public static volatile String policy = "grant_on_request";
  /** Full names of permissions that are denied whatever the policy. */
  public static volatile Set<String> deny = Set.of();
  public static volatile long holdCapMillis = 3000;
  public static volatile String locale = "en-US";
  public static volatile int width = 1080, height = 1920, density = 420;
  /** The folder that holds the app's data and the external storage; and the one for tapped files. Null until `install`. */
  public static volatile Path dataDir, artifactsDir;
  /** The JVM's own folder of temporary files. The app's is its cache, once it is installed. */
  public static final Path TEMPORARY = Path.of(System.getProperty("java.io.tmpdir"));
  /** Virtual nanoseconds since the trial began; set by the clock inside the sandbox. */
  public static volatile LongSupplier clock = () -> 0;

  /** The permission's full name, also for the short ones that rules are written in. */
  public static boolean denies(String permission) {
    return deny.contains(permission) || deny.contains(permission.substring(permission.lastIndexOf('.') + 1));
  }
}
