package stakeout.net;

import static org.junit.Assert.assertThrows;

import android.security.net.config.ApplicationConfig;
import android.security.net.config.ConfigSource;
import android.security.net.config.Domain;
import android.security.net.config.NetworkSecurityConfig;
import android.security.net.config.Pin;
import android.security.net.config.PinSet;
import android.util.Pair;
import java.io.ByteArrayInputStream;
import java.lang.reflect.Field;
import java.net.UnknownServiceException;
import java.security.MessageDigest;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.Set;
import org.junit.After;
import org.junit.Test;
import stakeout.host.Trial;

/** What an app's network security configuration forbids is refused: plain HTTP to a host, and a chain without a pinned key. */
public class PolicyTest {
  private static final long EXPIRES = 1_500_000_000_000L;
  /** Two certificates that mean nothing, with a key each. */
  private static final String ONE = "MIIBeDCCAR2gAwIBAgIUYsAvV4+LPIufisJbR1OK03xnMjkwCgYIKoZIzj0EAwIwETEPMA0GA1UEAwwGYS50ZXN0MB4XDTI2MTEzMDExMjg0MFoXDTM2MTEyNzExMjg0"
      + "MFowETEPMA0GA1UEAwwGYS50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzcmmO+Mh23QwHGj5LuCeQlssk85nsDmRcKQxz4wE/Zq2vH2J6YhmLR4B1G64IznC"
      + "Q/ayECFEqoJerZIi6b29y6NTMFEwHQYDVR0OBBYEFADudZOto5QVIQ0sNbt8MZgbcUX+MB8GA1UdIwQYMBaAFADudZOto5QVIQ0sNbt8MZgbcUX+MA8GA1UdEwEB/wQF"
      + "MAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAJOs1A6s63gaXZNEwHozrrKrG5awejRecnfele/AQWVeAiEAizOgNo8DXMXceRoCkgnOZyZ8Xx6/uxDC46sm4F6s6h4=";
  private static final String OTHER = "MIIBdzCCAR2gAwIBAgIUTw2vreipRBXQ9PK/wezK8HjrPF8wCgYIKoZIzj0EAwIwETEPMA0GA1UEAwwGYi50ZXN0MB4XDTI2MTEzMDExMjg0MFoXDTM2MTEyNzExMjg0"
      + "MFowETEPMA0GA1UEAwwGYi50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEku9KEkaFzo6Vf8U6kBRDWnNi58EmmROfSLB2UyGeSmRkt56wKTRU26jrHjsp6vgb"
      + "fUy0NE/Bntd27BIiqx67Y6NTMFEwHQYDVR0OBBYEFFmHQ3QbaS8toYR6DSciKG+BScyGMB8GA1UdIwQYMBaAFFmHQ3QbaS8toYR6DSciKG+BScyGMA8GA1UdEwEB/wQF"
      + "MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAK4Gn42Re1qZSQqalBos6ZIL8ROtVecL4x9vILexTAm/AiBIC7j0tKxnEJeZIuAh/yutT9g+zaRA+J/Y4xUTAmDdFw==";
  private final long start = Trial.startMillis;

  @After public void forget() throws Exception {
    Trial.startMillis = start;
    config(null);
  }

  @Test public void a_chain_without_a_pinned_key_is_refused_until_the_pins_expire() throws Exception {
    X509Certificate one = certificate(ONE), other = certificate(OTHER);
    Pin pin = new Pin("SHA-256", MessageDigest.getInstance("SHA-256").digest(one.getPublicKey().getEncoded()));
    configure(new NetworkSecurityConfig.Builder().setPinSet(new PinSet(Set.of(pin), EXPIRES)).build());
    Trial.startMillis = EXPIRES - 1;
    Policy.pins("known.test", new X509Certificate[] {other, one});
    Policy.pins("sub.known.test", new X509Certificate[] {one});
    Policy.pins("free.test", new X509Certificate[] {other});
    for (String host : new String[] {"known.test", "sub.known.test"}) {
      assertThrows(host, CertificateException.class, () -> Policy.pins(host, new X509Certificate[] {other}));
    }
    Trial.startMillis = EXPIRES + 1;
    Policy.pins("known.test", new X509Certificate[] {other});
  }

  @Test public void plain_http_is_refused_where_the_app_forbids_it_to_itself() throws Exception {
    configure(new NetworkSecurityConfig.Builder().setCleartextTrafficPermitted(false).build());
    Policy.cleartext("free.test", 80);
    for (String host : new String[] {"known.test", "sub.known.test"}) {
      assertThrows(host, UnknownServiceException.class, () -> Policy.cleartext(host, 80));
    }
  }

  /** What holds for `known.test` and what is below it; all others may do as they like. */
  private static void configure(NetworkSecurityConfig known) throws Exception {
    NetworkSecurityConfig others = new NetworkSecurityConfig.Builder().setCleartextTrafficPermitted(true).build();
    config(new ApplicationConfig(new ConfigSource() {
      @Override public Set<Pair<Domain, NetworkSecurityConfig>> getPerDomainConfigs() {
        return Set.of(new Pair<>(new Domain("known.test", true), known));
      }

      @Override public NetworkSecurityConfig getDefaultConfig() {
        return others;
      }
    }));
  }

  private static void config(ApplicationConfig c) throws Exception {
    Field f = Policy.class.getDeclaredField("config");
    f.setAccessible(true);
    f.set(null, c);
  }

  private static X509Certificate certificate(String der) throws CertificateException {
    return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(Base64.getDecoder().decode(der)));
  }
}
