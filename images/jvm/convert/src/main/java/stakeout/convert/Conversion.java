package stakeout.convert;

import com.googlecode.d2j.Method;
import com.googlecode.d2j.dex.BaseDexExceptionHandler;
import com.googlecode.d2j.dex.Dex2jar;
import com.googlecode.d2j.node.DexMethodNode;
import com.googlecode.d2j.reader.DexFileReader;
import com.googlecode.d2j.reader.MultiDexFileReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.objectweb.asm.MethodVisitor;
import stakeout.rewrite.Hierarchy;
import stakeout.rewrite.Rewriter;

/** One conversion: all dex files of a base APK and its splits into one jar. */
final class Conversion {
  private static final int MOST_CLASSES = 150_000;
  private final List<Path> apks;
  private final Path out, framework;
  private final List<String> failed = new ArrayList<>(), unconverted = new ArrayList<>();

  Conversion(List<Path> apks, Path out, Path framework) {
    this.apks = apks;
    this.out = out;
    this.framework = framework;
  }

  Report run() throws IOException, Refused {
    long from = System.nanoTime();
    List<byte[]> dex = DexFiles.of(apks);
    for (byte[] b : dex) if (!DexFiles.looksLikeDex(b)) throw new Refused("bad_dex", "`classes.dex` or one that follows is no dex file");
    Path folder = out.toAbsolutePath().getParent();
    Path raw = Files.createTempFile(folder, "raw", ".jar"), done = Files.createTempFile(folder, "done", ".jar");
    Files.delete(raw);
    try {
      translate(dex, raw);
      Map<String, byte[]> app = classes(raw);
      if (app.isEmpty()) throw new Refused("no_code", "no class in " + dex.size() + " dex files");
      Map<String, Integer> redirected = rewrite(app, done);
      Files.move(done, out, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
      return new Report(dex.size(), app.size(), Files.size(out), redirected, unconverted, failed, (System.nanoTime() - from) / 1_000_000);
    } finally {
      Files.deleteIfExists(raw);
      Files.deleteIfExists(done);
    }
  }

  private void translate(List<byte[]> dex, Path raw) throws Refused {
    try {
      List<DexFileReader> readers = new ArrayList<>();
      int count = 0;
      for (byte[] b : dex) {
        DexFileReader r = new DexFileReader(b);
        count += r.getClassNames().size();
        readers.add(r);
      }
      if (count > MOST_CLASSES) throw new Refused("too_large", count + " classes, at most " + MOST_CLASSES);
      Dex2jar.from(new MultiDexFileReader(readers)).skipDebug(false).topoLogicalSort().withExceptionHandler(new Failures()).to(raw);
    } catch (IOException | RuntimeException e) {
      throw new Refused("bad_dex", "`classes.dex` or one that follows cannot be converted: " + e);
    }
  }

  /** A method that cannot be translated throws when it is called; that must not lose the app. */
  private final class Failures extends BaseDexExceptionHandler {
    @Override public void handleMethodTranslateException(Method m, DexMethodNode node, MethodVisitor v, Exception e) {
      failed.add(m.getOwner() + "." + m.getName());
      super.handleMethodTranslateException(m, node, v, e);
    }
  }

  private static Map<String, byte[]> classes(Path raw) throws IOException {
    Map<String, byte[]> app = new LinkedHashMap<>();
    try (ZipFile z = new ZipFile(raw.toFile())) {
      for (ZipEntry e : Collections.list(z.entries())) {
        String name = e.getName();
        if (name.endsWith(".class")) app.put(name.substring(0, name.length() - 6), z.getInputStream(e).readAllBytes());
      }
    }
    return app;
  }

  private Map<String, Integer> rewrite(Map<String, byte[]> app, Path to) throws IOException {
    try (ZipFile fw = new ZipFile(framework.toFile()); ZipOutputStream z = new ZipOutputStream(Files.newOutputStream(to))) {
      z.setLevel(1);
      Rewriter rewriter = new Rewriter(new Hierarchy(n -> app.containsKey(n) ? app.get(n) : entry(fw, n)));
      Set<String> named = new TreeSet<>();
      for (Map.Entry<String, byte[]> e : app.entrySet()) {
        byte[] b = e.getValue();
        try {
          named.addAll(Rewriter.named(b));
          b = rewriter.app(b);
        } catch (RuntimeException x) { // one class that cannot be rewritten must not lose the app
          unconverted.add(e.getKey());
        }
        z.putNextEntry(new ZipEntry(e.getKey() + ".class"));
        z.write(b);
        z.closeEntry();
      }
      if (!named.isEmpty()) {
        z.putNextEntry(new ZipEntry(Rewriter.NAMED));
        z.write(String.join("\n", named).getBytes(StandardCharsets.UTF_8));
        z.closeEntry();
      }
      return rewriter.counts;
    }
  }

  private static byte[] entry(ZipFile z, String name) {
    ZipEntry e = z.getEntry(name + ".class");
    if (e == null) return null;
    try {
      return z.getInputStream(e).readAllBytes();
    } catch (IOException x) {
      throw new UncheckedIOException(x);
    }
  }
}
