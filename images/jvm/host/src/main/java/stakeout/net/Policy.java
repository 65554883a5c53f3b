package stakeout.net;

import android.app.Application;
import android.content.pm.ApplicationInfo;
import android.security.net.config.ApplicationConfig;
import android.security.net.config.ManifestConfigSource;
import android.security.net.config.Pin;
import android.security.net.config.PinSet;
import java.net.UnknownServiceException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import stakeout.host.Events;
import stakeout.host.Log;
import stakeout.host.Trial;

/**
 * The app's network security configuration, read by the framework's own classes (API 24; before, the manifest's flag): whether
 * plain HTTP is permitted, and which keys are pinned. Asked by our wrappers and, through libcore, by HTTP libraries.
 */
public final class Policy {
  private Policy() {}

  private static final int CLEARTEXT_FLAG = 1 << 27; // ApplicationInfo.FLAG_USES_CLEARTEXT_TRAFFIC
  private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();
  private static volatile ApplicationConfig config;
  private static volatile boolean flag = true;

  /** For a new life of the app's process. */
  public static void install(Application app) {
    MainThread.processStarts();
    ApplicationInfo info = app.getApplicationInfo();
    flag = Trial.rules < 23 || (info.flags & CLEARTEXT_FLAG) != 0;
    if (Trial.api >= 24 && Trial.rules >= 24) {
      try {
        config = new ApplicationConfig(new ManifestConfigSource(app));
        config.isCleartextTrafficPermitted(); // read now: a broken file is told at the start
      } catch (RuntimeException e) {
        Log.event("network", "the network security configuration is not readable: " + e);
        config = null;
      }
    }
    if (Trial.api < 24) return; // its libcore has no such class, or another one
    libcore.net.NetworkSecurityPolicy.setInstance(new libcore.net.NetworkSecurityPolicy() {
      @Override public boolean isCleartextTrafficPermitted() { return config != null ? config.isCleartextTrafficPermitted() : flag; }
      @Override public boolean isCleartextTrafficPermitted(String host) { return told(host, permitted(host)); }
      @Override public boolean isCertificateTransparencyVerificationRequired(String host) { return false; }
    });
  }

  private static boolean permitted(String host) {
    if (config == null) return flag;
    return host == null ? config.isCleartextTrafficPermitted() : config.isCleartextTrafficPermitted(host);
  }

  private static boolean told(String host, boolean permitted) {
    if (!permitted && TOLD.add(String.valueOf(host))) Events.fact("network", "host", host, "port", 80, "what", "cleartext_refused");
    return permitted;
  }

  /** As Android's HTTP stack does before it opens a plain connection. */
  static void cleartext(String host, int port) throws UnknownServiceException {
    if (permitted(host)) return;
    Events.fact("network", "host", host, "port", port, "what", "cleartext_refused");
    throw new UnknownServiceException("CLEARTEXT communication to " + host + " not permitted by network security policy");
  }

  /** @throws CertificateException when keys are pinned for the host and the chain has none of them */
  static void pins(String host, X509Certificate[] chain) throws CertificateException {
    if (host == null || config == null) return;
    PinSet set = config.getConfigForHostname(host).getPins();
    if (set.pins.isEmpty() || Trial.startMillis > set.expirationTime) return;
    for (X509Certificate c : chain) {
      for (Pin p : set.pins) if (matches(p, c)) return;
    }
    throw new CertificateException("Pin verification failed");
  }

  private static boolean matches(Pin p, X509Certificate c) {
    try {
      return Arrays.equals(p.digest, MessageDigest.getInstance(p.digestAlgorithm).digest(c.getPublicKey().getEncoded()));
    } catch (NoSuchAlgorithmException e) {
      return false;
    }
  }
}
