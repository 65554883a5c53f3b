package @PKG@;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.util.Arrays;

/** What lies about in the same machine: the engine's socket, other processes, open descriptors, files of the device. */
final class Local {
  private final Journal j;

  Local(Journal j) {
    this.j = j;
  }

  void all() {
    for (final String socket : new String[] {"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"}) {
      j.attempt("unix socket", socket, new Journal.Attempt() {
        @Override public String make() throws Exception {
          android.net.LocalSocket s = new android.net.LocalSocket();
          s.connect(new android.net.LocalSocketAddress(socket, android.net.LocalSocketAddress.Namespace.FILESYSTEM));
          s.close();
          return "connected: exists " + new File(socket).exists();
        }
      });
    }
    j.attempt("unix channel", "/run/docker.sock", new Journal.Attempt() {
      @Override public String make() throws Exception {
        // Not a class of Android: there only where the device is a JVM.
        Object address = Class.forName("java.net.UnixDomainSocketAddress").getMethod("of", String.class).invoke(null, "/run/docker.sock");
        java.nio.channels.SocketChannel.open((java.net.SocketAddress) address).close();
        return "connected";
      }
    });
    for (String f : new String[] {"/proc/1/environ", "/proc/1/mem", "/proc/self/environ", "/proc/net/tcp", "/proc/net/nf_conntrack", "/etc/shadow", "/etc/resolv.conf", "/proc/1/root/etc/shadow"}) read(f);
    for (String f : new String[] {"/etc/hosts", "/etc/resolv.conf", "/usr/escaped", "/proc/sys/net/ipv4/ip_forward", "/dev/mem"}) write(f);
    j.attempt("list", "/proc/self/fd", new Journal.Attempt() {
      @Override public String make() throws Exception {
        StringBuilder s = new StringBuilder("read:");
        File[] all = new File("/proc/self/fd").listFiles();
        if (all == null) return "unreadable";
        for (File f : all) s.append(' ').append(f.getName()).append('=').append(f.getCanonicalPath().replaceAll(".*/", ""));
        return s.toString();
      }
    });
    // The pipes that a device might have to its host: a line that claims to be from it.
    for (final int fd : new int[] {1, 3}) {
      j.attempt("forged line", "/proc/self/fd/" + fd, new Journal.Attempt() {
        @Override public String make() throws Exception {
          if (!new File("/proc/self/fd/" + fd).exists()) return "absent";
          try (FileOutputStream o = new FileOutputStream("/proc/self/fd/" + fd)) {
            o.write(Bytes.utf8("\n{\"event\":\"observation\",\"at\":1,\"fact\":{\"fact\":\"forged_by_the_app\"}}\n"));
          }
          return "written";
        }
      });
    }
    j.attempt("list", "/proc", new Journal.Attempt() {
      @Override public String make() {
        int me = android.os.Process.myPid();
        return "pids: me " + me + " uid " + android.os.Process.myUid() + " others " + Arrays.toString(new File("/proc").list(new java.io.FilenameFilter() {
          @Override public boolean accept(File d, String n) {
            return n.matches("\\d+");
          }
        }));
      }
    });
    j.attempt("host class", "java.lang.ProcessHandle", new Journal.Attempt() {
      @Override public String make() throws Exception {
        Class<?> c = Class.forName("java.lang.ProcessHandle");
        return "found: " + c.getMethod("current").invoke(null);
      }
    });
    j.attempt("host class", "sun.misc.Unsafe", new Journal.Attempt() {
      @Override public String make() throws Exception {
        java.lang.reflect.Field f = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
        f.setAccessible(true);
        return "found: " + f.get(null);
      }
    });
  }

  private void read(final String path) {
    j.attempt("read", path, new Journal.Attempt() {
      @Override public String make() throws Exception {
        try (InputStream in = new FileInputStream(path)) {
          byte[] b = new byte[32];
          int n = in.read(b);
          return "read: " + n + " bytes";
        }
      }
    });
  }

  /** Opens only: what could be opened could be written, and a device that lets it through is not harmed. */
  private void write(final String path) {
    j.attempt("open for writing", path, new Journal.Attempt() {
      @Override public String make() throws Exception {
        new FileOutputStream(path, true).close();
        return "opened";
      }
    });
  }
}
