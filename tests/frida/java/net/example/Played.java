package net.example;

import android.hardware.Camera;
import android.hardware.camera2.CameraManager;
import android.media.AudioRecord;
import android.media.MediaRecorder;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.KeyStore;
import java.util.Arrays;
import java.util.Random;
import javax.crypto.Cipher;
import javax.crypto.IllegalBlockSizeException;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** What an app does that the agent listens to; says what came of it, which must be the same with an agent and without. */
public final class Played {
  private static final SecretKeySpec KEY = new SecretKeySpec("0123456789abcdef".getBytes(), "AES");
  private static final IvParameterSpec IV = new IvParameterSpec(new byte[16]);

  public static void main(String[] arguments) throws Exception {
    Cipher before = cipher("AES/CBC/PKCS5Padding", Cipher.DECRYPT_MODE);
    say("ready");
    new BufferedReader(new InputStreamReader(System.in)).readLine();
    ciphers(before);
    sockets();
    if (arguments.length > 0) tls(arguments[0]);
    sensors();
    say("done");
    // What ends a stream's message is that it is quiet for a second. And the VM waits for the agent's thread, so it must not wait.
    Thread.sleep(2500);
    Runtime.getRuntime().halt(0);
  }

  private static void say(String what) {
    System.out.println(what);
    System.out.flush();
  }

  private static Cipher cipher(String name, int mode) throws Exception {
    Cipher c = Cipher.getInstance(name);
    c.init(mode, KEY, IV);
    return c;
  }

  private static void ciphers(Cipher before) throws Exception {
    Cipher c = cipher("AES/CBC/PKCS5Padding", Cipher.ENCRYPT_MODE);
    byte[] text = c.doFinal("the plain text".getBytes());
    say("encrypted " + text.length);
    say("decrypted " + new String(before.doFinal(text)));
    // In pieces, in place: input and output are one array.
    byte[] big = new byte[100_000];
    new Random(1).nextBytes(big);
    byte[] place = big.clone();
    Cipher stream = cipher("AES/CTR/NoPadding", Cipher.ENCRYPT_MODE);
    int n = stream.update(place, 0, 50_000, place, 0);
    n += stream.doFinal(place, 50_000, 50_000, place, 50_000);
    say("in place " + n + " " + Arrays.equals(place, cipher("AES/CTR/NoPadding", Cipher.ENCRYPT_MODE).doFinal(big)));
    try {
      cipher("AES/CBC/NoPadding", Cipher.ENCRYPT_MODE).doFinal(new byte[3]);
    } catch (IllegalBlockSizeException e) {
      say("thrown " + e.getClass().getSimpleName());
    }
    // Without an end: what a stream cipher gives until its process ends.
    say("no end " + stream.update(new byte[] {1, 2, 3}).length);
  }

  private static void sockets() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress()); Socket s = new Socket()) {
      s.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.getLocalPort()), 1000);
      s.getOutputStream().write(65);
      say("connected " + server.accept().getInputStream().read());
    }
  }

  private static void tls(String store) throws Exception {
    char[] password = "changeit".toCharArray();
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = new FileInputStream(store)) {
      keys.load(in, password);
    }
    KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    own.init(keys, password);
    TrustManagerFactory trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trusted.init(keys);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(own.getKeyManagers(), trusted.getTrustManagers(), null);
    ServerSocket server = context.getServerSocketFactory().createServerSocket(0, 1, InetAddress.getLoopbackAddress());
    Thread answering = new Thread(() -> {
      try (Socket s = server.accept()) {
        say("over TLS " + new String(s.getInputStream().readNBytes(12)));
      } catch (Exception e) {
        say("no TLS: " + e);
      }
    });
    answering.start();
    try (SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket(InetAddress.getLoopbackAddress(), server.getLocalPort())) {
      s.getOutputStream().write("one ".getBytes());
      s.getOutputStream().write("and two!".getBytes());
      answering.join();
    }
  }

  /** These classes are Android's, or stand for them, or are not there. */
  private static void sensors() {
    try {
      say("camera1 " + (Camera.open(1) != null));
      new CameraManager().openCamera("0", null, null);
      new AudioRecord().startRecording();
      new MediaRecorder().start();
      say("sensors");
    } catch (NoClassDefFoundError e) {
      say("no sensors");
    }
  }
}
