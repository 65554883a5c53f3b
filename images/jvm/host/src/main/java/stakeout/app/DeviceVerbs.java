package stakeout.app;

import android.os.Build;
import android.os.SystemClock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.TimeZone;
import stakeout.data.Planted;
import stakeout.host.Failure;
import stakeout.host.Json;
import stakeout.host.Parameters;
import stakeout.host.Trial;
import stakeout.host.Verbs;
import stakeout.net.Trust;
import stakeout.time.Clock;
import stakeout.ui.Input;
import stakeout.ui.Logins;

/** The requests of docs/host-pipe.md, each a line or two here; the rooms do the work. Called by the request thread only. */
final class DeviceVerbs implements Verbs {
  @Override public Map<String, Object> run(String verb, Map<String, Object> p) throws Exception {
    return switch (verb) {
      case "boot" -> Json.of("api", Build.VERSION.SDK_INT, "release", Build.VERSION.RELEASE);
      case "assign" -> assign(p);
      case "plant" -> plant(p);
      case "install" -> Installed.install(p);
      case "launch", "foreground" -> OnMain.user(Launcher::launch);
      case "background" -> main(Launcher::home);
      case "screen" -> screen(Parameters.flag(p, "on", true));
      case "doze" -> doze(Parameters.flag(p, "on", true));
      case "reboot" -> main(Launcher::reboot);
      case "input" -> OnMain.user(early -> Input.run(p, early::set));
      case "permission" -> permission(p);
      case "advance" -> advance(p);
      case "screenshot" -> screenshot(p);
      case "stop" -> Stop.stop();
      default -> throw new Failure("unsupported", "`" + verb + "` is not a verb of this host");
    };
  }

  private static Map<String, Object> main(Runnable r) throws Exception {
    return OnMain.user(early -> {
      r.run();
      return Map.of();
    });
  }

  private static Map<String, Object> screen(boolean on) throws Exception {
    return main(() -> Power.screen(on));
  }

  private static Map<String, Object> doze(boolean on) throws Exception {
    return main(() -> {
      Doze.set(on);
      Power.settle();
    });
  }

  private static Map<String, Object> assign(Map<String, Object> p) throws Exception {
    Trial.startMillis = Parameters.number(p, "start_millis", System.currentTimeMillis());
    Trial.seed = Parameters.number(p, "seed", 0);
    Trial.rules = (int) Parameters.number(p, "rules", Trial.api);
    Trial.holdCapMillis = Parameters.number(p, "hold_cap_ms", 3000);
    TimeZone.setDefault(TimeZone.getTimeZone(Parameters.text(p, "timezone", "UTC")));
    String pem = Parameters.text(p, "ca_pem", "");
    try {
      if (!pem.isBlank()) Trust.install(pem);
    } catch (GeneralSecurityException e) {
      throw new Failure("bad_request", "`ca_pem` is no certificate: " + e.getMessage());
    }
    permission(Json.of("policy", p.get("permissions"), "deny", p.get("deny")));
    return OnMain.host(() -> { // time counts from here, with or without an app
      SystemClock.setCurrentTimeMillis(Trial.startMillis);
      return Map.of();
    });
  }

  private static Map<String, Object> permission(Map<String, Object> p) throws Failure {
    Trial.policy = Parameters.text(p, "policy", Trial.policy);
    if (p.get("deny") != null) Trial.deny = new HashSet<>(Parameters.texts(p, "deny"));
    return Map.of();
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> plant(Map<String, Object> p) throws Failure {
    if (!(p.get("data") instanceof Map<?, ?> data)) throw new Failure("bad_request", "`data` is missing");
    return Json.of("planted", Planted.plant((Map<String, Object>) data));
  }

  private static Map<String, Object> advance(Map<String, Object> p) throws Exception {
    Device.between(Logins::look); // the first of the main thread, before time passes
    long jumps = Clock.jumps, held = Clock.heldNanos;
    Clock.runFor(Duration.ofNanos(Parameters.number(p, "nanos", 0)));
    Memory.look();
    return Json.of("at", Clock.trialNanos(), "jumps", Clock.jumps - jumps, "held_nanos", Clock.heldNanos - held);
  }

  private static Map<String, Object> screenshot(Map<String, Object> p) throws Exception {
    Screen.Picture s = OnMain.host(Screen::png);
    if (s == null) throw new Failure("unsupported", "nothing is on the screen");
    Files.write(Path.of(Parameters.text(p, "path")), s.png());
    return Json.of("width", s.width(), "height", s.height());
  }
}
