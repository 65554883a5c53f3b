package stakeout.host;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/** A sample app from source, as an APK and converted. Needs aapt2 and the folder that build.sh made. */
record SampleApp(Path apk, Path jar, String report) {
  private static final String ANDROID = "sdk/android-all-14-robolectric-10818077.jar";

  static SampleApp build(Path source, Path out, Path into) throws Exception {
    Path all = out.resolve(ANDROID), base = into.resolve("app.apk"), classes = into.resolve("classes"), resources = into.resolve("res.zip");
    Files.createDirectories(classes);
    run(into, "aapt2", "compile", "--dir", source.resolve("res").toString(), "-o", resources.toString());
    run(into, "aapt2", "link", "-I", all.toString(), "--manifest", source.resolve("AndroidManifest.xml").toString(), "--java", into.toString(), "-o",
        base.toString(), resources.toString());
    List<String> args = new ArrayList<>(List.of("-nowarn", "-source", "8", "-target", "8", "-Xlint:-options", "-cp", all.toString(), "-d", classes.toString()));
    for (Path root : List.of(source, into)) {
      try (Stream<Path> s = Files.walk(root)) {
        s.filter(p -> p.toString().endsWith(".java")).forEach(p -> args.add(p.toString()));
      }
    }
    int r = ToolProvider.getSystemJavaCompiler().run(null, OutputStream.nullOutputStream(), System.err, args.toArray(new String[0]));
    if (r != 0) throw new IOException("javac says " + r);
    Path dex = into.resolve("classes.dex");
    run(into, "java", "-cp", out.resolve("sdk/dalvik-dx-16.0.1.jar").toString(), "com.android.dx.command.Main", "--dex", "--min-sdk-version=26",
        "--output=" + dex, classes.toString());
    try (FileSystem z = FileSystems.newFileSystem(base)) {
      Files.copy(dex, z.getPath("classes.dex"));
    }
    Path jar = into.resolve("app.jar");
    String report = run(out, "java", "@convert.args", base.toString(), jar.toString(), all.toString());
    return new SampleApp(base, jar, report);
  }

  private static String run(Path in, String... command) throws IOException, InterruptedException {
    Process p = new ProcessBuilder(command).directory(in.toFile()).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String said = new String(p.getInputStream().readAllBytes());
    if (p.waitFor() != 0) throw new IOException(command[0] + " " + command[1] + " failed: " + said);
    return said;
  }
}
