package stakeout.convert;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertThrows;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

public class DexFilesTest {
  @Rule public TemporaryFolder folder = new TemporaryFolder();

  private Path zip(String file, String... entries) throws Exception {
    Path p = folder.getRoot().toPath().resolve(file);
    try (ZipOutputStream z = new ZipOutputStream(Files.newOutputStream(p))) {
      for (String e : entries) {
        z.putNextEntry(new ZipEntry(e));
        z.write(e.getBytes());
        z.closeEntry();
      }
    }
    return p;
  }

  @Test public void dex_files_come_in_the_order_of_their_numbers_and_the_base_before_its_splits() throws Exception {
    Path base = zip("base.apk", "classes10.dex", "classes2.dex", "classes.dex", "assets/classes3.dex", "classes1.dex", "classes02.dex");
    Path split = zip("split.apk", "classes.dex");
    List<byte[]> all = DexFiles.of(List.of(base, split));
    assertEquals(List.of("classes.dex", "classes2.dex", "classes10.dex", "classes.dex"), all.stream().map(String::new).toList());
  }

  @Test public void an_apk_without_dex_has_no_code() throws Exception {
    Path p = zip("res.apk", "resources.arsc");
    assertEquals("no_code", assertThrows(Refused.class, () -> DexFiles.of(List.of(p))).code);
  }

  @Test public void a_file_that_is_no_zip_is_bad() throws Exception {
    Path p = folder.getRoot().toPath().resolve("x.apk");
    Files.writeString(p, "not a zip");
    assertEquals("bad_dex", assertThrows(Refused.class, () -> DexFiles.of(List.of(p))).code);
  }

  @Test public void dex_that_is_no_dex_is_refused_and_leaves_no_file_behind() throws Exception {
    Path p = zip("bad.apk", "classes.dex"), out = folder.getRoot().toPath().resolve("out.jar");
    assertEquals("bad_dex", assertThrows(Refused.class, () -> new Conversion(List.of(p), out, p).run()).code);
    assertEquals(List.of("bad.apk"), List.of(folder.getRoot().list()));
  }
}
