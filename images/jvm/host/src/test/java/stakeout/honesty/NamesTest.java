package stakeout.honesty;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.Test;

/** What is told as unsupported begins with a class's full name: by it a verdict knows which claims are in doubt. */
public class NamesTest {
  private static final Pattern CALL = Pattern.compile("Events\\.unsupported\\((.*)"), NAMED = Pattern.compile("\"android\\.[a-z0-9.]+\\.[A-Z][A-Za-z0-9]*.*");

  @Test public void every_unsupported_api_is_named_with_its_class() throws IOException {
    List<String> unnamed = new ArrayList<>();
    int seen = 0;
    try (Stream<Path> all = Files.walk(Path.of("src/main/java"))) {
      for (Path p : all.filter(f -> f.toString().endsWith(".java")).toList()) {
        Matcher m = CALL.matcher(Files.readString(p));
        for (; m.find(); seen++) {
          // the reporter's are made of the class itself
          if (!NAMED.matcher(m.group(1)).matches() && !p.endsWith("honesty/Reporter.java")) unnamed.add(p.getFileName() + ": " + m.group(1));
        }
      }
    }
    assertTrue("the search finds calls", seen > 10);
    assertEquals(List.of(), unnamed);
  }
}
