package stakeout.app;

import java.util.stream.Stream;
import stakeout.honesty.SensorShadows;

/** All shadows of ours. One replaces the stock shadow of the same class, hence each extends it. */
public final class Shadows {
  private Shadows() {}

  private static final Class<?>[] OWN = {ContextShadow.class, ActivityShadow.class, ServiceShadow.class, PendingIntentShadow.class, AlarmShadow.class,
    Jobs.class, DexLoaderShadow.class, EnvironmentShadow.class, LoadedApkShadow.class, UserShadow.class};
  public static final Class<?>[] ALL = Stream.of(OWN, ServiceShadows.ALL, SensorShadows.ALL).flatMap(Stream::of).toArray(Class<?>[]::new);
}
