package stakeout.ui;

import java.util.Map;
import stakeout.host.Failure;

public final class Input {
  public static Map<String, Object> run(Map<String, Object> p) throws Exception {
    throw new Failure("unsupported", "input");
  }
}
