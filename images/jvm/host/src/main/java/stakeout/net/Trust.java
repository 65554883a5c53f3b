package stakeout.net;

import java.io.ByteArrayInputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.ManagerFactoryParameters;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.TrustManagerFactorySpi;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * The trial's CA among the system's, wherever default trust is asked for: the default context, and every trust manager that is
 * made without a key store (which is how HTTP libraries make theirs). Host names are verified as ever. An app that brings its
 * own key store trusts only that, as on Android.
 */
public final class Trust {
  private Trust() {}

  private static final String NAME = "StakeoutTrust", ALGORITHM = "PKIX", JDK = "SunJSSE";

  /** @param pem the CA's certificates; @throws GeneralSecurityException when they cannot be read */
  public static void install(String pem) throws GeneralSecurityException, java.io.IOException {
    Security.removeProvider(NAME);
    KeyStore all = KeyStore.getInstance(KeyStore.getDefaultType());
    all.load(null, null);
    int n = 0;
    for (X509Certificate c : ((X509TrustManager) managers(null)[0]).getAcceptedIssuers()) all.setCertificateEntry("system-" + n++, c);
    for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)))) {
      all.setCertificateEntry("trial-" + n++, c);
    }
    Manager manager = new Manager((X509ExtendedTrustManager) managers(all)[0]);
    Security.insertProviderAt(new Trusting(manager), 1);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, new TrustManager[] {manager}, null);
    SSLContext.setDefault(context);
    HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
  }

  private static TrustManager[] managers(KeyStore k) throws GeneralSecurityException {
    TrustManagerFactory f = TrustManagerFactory.getInstance(ALGORITHM, JDK);
    f.init(k);
    return f.getTrustManagers();
  }

  private static final class Trusting extends Provider {
    Trusting(Manager m) {
      super(NAME, "1", "default trust of the device");
      putService(new Service(this, "TrustManagerFactory", ALGORITHM, Factory.class.getName(), List.of("SunPKIX", "X509", "X.509"), null) {
        @Override public Object newInstance(Object parameter) {
          return new Factory(m);
        }
      });
    }
  }

  private static final class Factory extends TrustManagerFactorySpi {
    private final Manager manager;
    private TrustManager[] made;

    Factory(Manager manager) {
      this.manager = manager;
    }

    @Override protected void engineInit(KeyStore k) {
      try {
        made = k == null ? new TrustManager[] {manager} : managers(k);
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override protected void engineInit(ManagerFactoryParameters p) {
      try {
        TrustManagerFactory f = TrustManagerFactory.getInstance(ALGORITHM, JDK);
        f.init(p);
        made = f.getTrustManagers();
      } catch (GeneralSecurityException e) {
        throw new IllegalStateException(e);
      }
    }

    @Override protected TrustManager[] engineGetTrustManagers() {
      return made;
    }
  }

  /** The JDK's checks, then the pins of the app's configuration. */
  private static final class Manager extends X509ExtendedTrustManager {
    private final X509ExtendedTrustManager jdk;

    Manager(X509ExtendedTrustManager jdk) {
      this.jdk = jdk;
    }

    private static void pins(X509Certificate[] chain, SSLSession s) throws CertificateException {
      if (s != null) Policy.pins(s.getPeerHost(), chain);
    }

    @Override public void checkServerTrusted(X509Certificate[] chain, String type, Socket s) throws CertificateException {
      jdk.checkServerTrusted(chain, type, s);
      pins(chain, s instanceof SSLSocket t ? t.getHandshakeSession() : null);
    }

    @Override public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine e) throws CertificateException {
      jdk.checkServerTrusted(chain, type, e);
      pins(chain, e.getHandshakeSession());
    }

    @Override public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
      jdk.checkServerTrusted(chain, type);
    }

    @Override public void checkClientTrusted(X509Certificate[] chain, String type, Socket s) throws CertificateException {
      jdk.checkClientTrusted(chain, type, s);
    }

    @Override public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine e) throws CertificateException {
      jdk.checkClientTrusted(chain, type, e);
    }

    @Override public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
      jdk.checkClientTrusted(chain, type);
    }

    @Override public X509Certificate[] getAcceptedIssuers() {
      return jdk.getAcceptedIssuers();
    }
  }
}
