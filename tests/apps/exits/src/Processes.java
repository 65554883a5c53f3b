package @PKG@;

import java.io.InputStream;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Second processes, which no rewritten call of the first one sees. */
final class Processes {
  private final Journal j;

  Processes(Journal j) {
    this.j = j;
  }

  void all() {
    exec("id");
    exec("sh", "-c", "id; cat /proc/self/status | grep -i cap; ulimit -a");
    exec("ping", "-c", "1", "-W", "2", "1.1.1.1");
    exec("curl", "-m", "3", "-s", "http://169.254.169.254/latest/meta-data/");
    exec("wget", "-T", "3", "-q", "-O", "-", "http://1.1.1.1/");
    exec("nc", "-w", "2", "1.1.1.1", "80");
    exec("bash", "-c", "exec 3<>/dev/tcp/1.1.1.1/80; echo open; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; head -c 64 <&3");
    exec("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/15001; echo open");
    exec("bash", "-c", "echo x > /dev/udp/8.8.8.8/53; echo sent");
    exec("sh", "-c", "nohup sleep 1000 >/dev/null 2>&1 & echo left behind");
    exec("su", "-c", "id");
    exec("unshare", "-rn", "id");
    exec("nft", "list", "ruleset");
    exec("iptables", "-S");
    exec("java", "-version");
    builder("ProcessBuilder", "sh", "-c", "cat /proc/1/environ | head -c 200; ls -la /proc/1/fd | head -20");
  }

  private void exec(final String... command) {
    j.attempt("exec", join(command), new Journal.Attempt() {
      @Override public String make() throws Exception {
        return output(Runtime.getRuntime().exec(command));
      }
    });
  }

  private void builder(String what, final String... command) {
    j.attempt(what, join(command), new Journal.Attempt() {
      @Override public String make() throws Exception {
        return output(new ProcessBuilder(command).redirectErrorStream(true).start());
      }
    });
  }

  private static String join(String[] command) {
    StringBuilder s = new StringBuilder();
    for (String c : command) s.append(s.length() == 0 ? "" : " ").append(c);
    return s.toString();
  }

  /** Waits at most five seconds; works from API 21, hence by a thread of its own. */
  private static String output(final Process p) throws Exception {
    if (p == null) return "ignored";
    ExecutorService one = Executors.newSingleThreadExecutor();
    try {
      Future<String> f = one.submit(new Callable<String>() {
        @Override public String call() throws Exception {
          p.getOutputStream().close();
          byte[] b = new byte[256];
          int n = 0;
          InputStream in = p.getInputStream();
          for (int k = in.read(b); k > 0 && (n += k) < b.length; k = in.read(b, n, b.length - n)) continue;
          return "ran: exit " + p.waitFor() + " " + new String(b, 0, n, "UTF-8");
        }
      });
      return f.get(5, TimeUnit.SECONDS);
    } finally {
      p.destroy();
      one.shutdownNow();
    }
  }
}
