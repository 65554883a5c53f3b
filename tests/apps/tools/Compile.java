import com.android.dx.command.dexer.Main;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Compiles staged apps to dex in one JVM: Compile FRAMEWORK.jar DIR.. (each with src and gen; gets classes.dex). */
public final class Compile {
  public static void main(String[] args) throws IOException {
    JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
    DiagnosticCollector<JavaFileObject> said = new DiagnosticCollector<>();
    // One file manager for all: the framework's jar is indexed once.
    try (StandardJavaFileManager files = javac.getStandardFileManager(said, Locale.ROOT, null)) {
      for (String d : Arrays.asList(args).subList(1, args.length)) {
        Path dir = Path.of(d);
        Path classes = Files.createDirectories(dir.resolve("classes"));
        List<Path> sources = new ArrayList<>();
        for (String from : List.of("src", "gen")) {
          try (Stream<Path> all = Files.walk(dir.resolve(from))) {
            all.filter(p -> p.toString().endsWith(".java")).sorted().forEach(sources::add);
          }
        }
        List<String> options = List.of("--release", "8", "-nowarn", "-proc:none", "-Xlint:-options", "-cp", args[0], "-d", classes.toString());
        if (!javac.getTask(null, files, said, options, null, files.getJavaFileObjectsFromPaths(sources)).call()) {
          said.getDiagnostics().stream().filter(x -> x.getKind() == Diagnostic.Kind.ERROR).forEach(System.err::println);
          System.exit(1);
        }
        // Ends the JVM with a status of its own when it fails.
        Main.main(new String[] {"--min-sdk-version=21", "--output=" + dir.resolve("classes.dex"), classes.toString()});
      }
    }
  }
}
