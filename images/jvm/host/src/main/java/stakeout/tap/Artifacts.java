package stakeout.tap;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import stakeout.host.Events;
import stakeout.host.Trial;

/**
 * The bounded folders of bytes that would else be lost: `deleted` has deleted and overwritten files, `crypto` plain and cipher
 * text, `code` what was loaded at run time. The device takes just these, so each name begins with one of them.
 */
public final class Artifacts {
  private Artifacts() {}

  private static final long MOST_BYTES = 512L << 20, LARGEST = 64L << 20;
  private static final int MOST_FILES = 10_000, NAME = 80;
  private static long bytes;
  private static int files, lost;

  /** A name for a new file in `folder`, or null when `size` bytes would break a bound; what is refused is counted and told at the end. */
  private static synchronized String reserve(String folder, String name, long size) throws IOException {
    if (Trial.artifactsDir == null || size > LARGEST || bytes + size > MOST_BYTES || files >= MOST_FILES) {
      lost++;
      return null;
    }
    bytes += size;
    String plain = name.replaceAll("[^A-Za-z0-9._-]", "_");
    Files.createDirectories(Trial.artifactsDir.resolve(folder));
    return String.format("%s/%05d-%s", folder, ++files, plain.length() > NAME ? plain.substring(plain.length() - NAME) : plain);
  }

  /** Bytes that should be here and are not. */
  static synchronized void failed() {
    lost++;
  }

  /**
   * Keeps what a file holds now: free where a hard link can be made, which a later write to the file would change.
   * @param link whether the file is about to lose its name, and not its bytes
   * @return the artifact's name below the folder of artifacts, or null
   */
  public static String keep(Path p, String folder, boolean link) {
    try {
      String name = reserve(folder, p.getFileName().toString(), Files.size(p));
      if (name == null) return null;
      Path to = Trial.artifactsDir.resolve(name);
      if (link) {
        try {
          Files.createLink(to, p);
          return name;
        } catch (IOException | UnsupportedOperationException e) {
          // another file system: copied below
        }
      }
      Files.copy(p, to, StandardCopyOption.REPLACE_EXISTING);
      return name;
    } catch (IOException e) {
      failed();
      return null;
    }
  }

  /** @return the artifact's name below the folder of artifacts, or null */
  public static String write(String folder, String name, byte[] b) {
    try {
      String n = reserve(folder, name, b.length);
      if (n == null) return null;
      Files.write(Trial.artifactsDir.resolve(n), b);
      return n;
    } catch (IOException e) {
      failed();
      return null;
    }
  }

  /** Tells how much was not kept. */
  static synchronized void finish() {
    if (lost > 0) Events.fact("lost", "what", "artifacts", "count", lost);
    lost = 0;
  }
}
