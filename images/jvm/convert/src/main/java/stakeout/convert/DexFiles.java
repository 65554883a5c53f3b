package stakeout.convert;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/** The dex files of APKs, in the order in which Android searches them: base first, classes.dex before classes2.dex. */
final class DexFiles {
  private DexFiles() {}

  private static final int MOST_FILES = 200;
  private static final long MOST_BYTES = 300L << 20;

  static List<byte[]> of(List<Path> apks) throws IOException, Refused {
    List<byte[]> all = new ArrayList<>();
    long total = 0;
    for (Path apk : apks) {
      try (ZipFile z = new ZipFile(apk.toFile())) {
        List<ZipEntry> dex = new ArrayList<>();
        for (ZipEntry e : Collections.list(z.entries())) if (number(e.getName()) > 0) dex.add(e);
        dex.sort((a, b) -> Integer.compare(number(a.getName()), number(b.getName())));
        for (ZipEntry e : dex) {
          byte[] b = read(z, e, MOST_BYTES - total);
          total += b.length;
          if (all.size() >= MOST_FILES) throw new Refused("too_large", "more than " + MOST_FILES + " dex files");
          all.add(b);
        }
      } catch (ZipException e) {
        throw new Refused("bad_dex", "`" + apk.getFileName() + "` is no ZIP: " + e.getMessage());
      }
    }
    if (all.isEmpty()) throw new Refused("no_code", "no classes.dex");
    return all;
  }

  /** Whether it has a header: `dex`, a version, and a size that it has (Dalvik executable format, header_item). */
  static boolean looksLikeDex(byte[] b) {
    if (b.length < 0x70 || b[0] != 'd' || b[1] != 'e' || b[2] != 'x' || b[3] != '\n' || b[7] != 0) return false;
    int size = java.nio.ByteBuffer.wrap(b).order(java.nio.ByteOrder.LITTLE_ENDIAN).getInt(32);
    return size >= 0x70 && size <= b.length;
  }

  /** 1 for classes.dex, n for classesN.dex, 0 for anything else. */
  static int number(String name) {
    if (name.equals("classes.dex")) return 1;
    if (!name.matches("classes[1-9][0-9]{0,3}\\.dex")) return 0;
    int n = Integer.parseInt(name.substring(7, name.length() - 4));
    return n >= 2 ? n : 0;
  }

  /** Counted while it is read: what a ZIP says of an entry's size may be a lie. */
  private static byte[] read(ZipFile z, ZipEntry e, long left) throws IOException, Refused {
    try (InputStream in = z.getInputStream(e)) {
      byte[] b = in.readNBytes((int) Math.min(Integer.MAX_VALUE - 8, left + 1));
      if (b.length > left) throw new Refused("too_large", "dex of more than " + (MOST_BYTES >> 20) + " MiB");
      return b;
    }
  }
}
