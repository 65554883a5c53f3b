package stakeout.direct;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.objectweb.asm.ClassReader;

/** {@code rules SHADOWS.jar...} prints which methods shadows may take; {@code make IN.jar OUT.jar SHADOWS.jar...} writes a framework with direct calls. */
public final class Main {
  /** The same jar from the same input, wherever it is made. */
  private static final LocalDateTime WHEN = LocalDateTime.of(2020, 1, 1, 0, 0);

  private Main() {}

  public static void main(String[] args) throws IOException {
    boolean make = args[0].equals("make");
    List<Path> jars = new ArrayList<>();
    for (int i = make ? 3 : 1; i < args.length; i++) jars.add(Path.of(args[i]));
    Takers takers = new Takers(jars);
    if (make) make(Path.of(args[1]), Path.of(args[2]), takers);
    else System.out.print(takers.lines());
  }

  private static void make(Path in, Path out, Takers takers) throws IOException {
    try (ZipFile z = new ZipFile(in.toFile()); OutputStream o = new BufferedOutputStream(Files.newOutputStream(out)); ZipOutputStream w = new ZipOutputStream(o)) {
      DirectCalls calls = new DirectCalls(takers, parents(z));
      for (Enumeration<? extends ZipEntry> all = z.entries(); all.hasMoreElements(); ) {
        ZipEntry e = all.nextElement();
        byte[] b = z.getInputStream(e).readAllBytes();
        ZipEntry copy = new ZipEntry(e.getName());
        copy.setTimeLocal(WHEN);
        if (e.getName().endsWith(".class")) b = calls.apply(b);
        else if (e.getMethod() == ZipEntry.STORED) stored(copy, b);
        w.putNextEntry(copy);
        w.write(b);
        w.closeEntry();
      }
      System.err.println(in.getFileName() + ": " + calls.direct + " calls are direct, " + calls.kept + " ask for a shadow");
    }
  }

  private static Map<String, String> parents(ZipFile z) throws IOException {
    Map<String, String> parents = new HashMap<>();
    for (Enumeration<? extends ZipEntry> all = z.entries(); all.hasMoreElements(); ) {
      ZipEntry e = all.nextElement();
      if (!e.getName().endsWith(".class")) continue;
      ClassReader r = new ClassReader(z.getInputStream(e).readAllBytes());
      parents.put(r.getClassName(), r.getSuperName());
    }
    return parents;
  }

  private static void stored(ZipEntry e, byte[] b) {
    CRC32 crc = new CRC32();
    crc.update(b);
    e.setMethod(ZipEntry.STORED);
    e.setSize(b.length);
    e.setCrc(crc.getValue());
  }
}
