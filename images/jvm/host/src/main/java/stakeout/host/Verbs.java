package stakeout.host;

import java.util.Map;

/** What the sandbox offers to the pipe: every verb but `boot`, which makes the sandbox. */
public interface Verbs {
  Map<String, Object> run(String verb, Map<String, Object> parameters) throws Exception;
}
