package stakeout.honesty;

import stakeout.audio.RecordShadow;
import stakeout.audio.RecorderShadow;
import stakeout.camera.ActionSoundShadow;
import stakeout.camera.Camera1;
import stakeout.camera.ManagerShadow;
import stakeout.camera.PixelCopyShadow;
import stakeout.camera.ReaderShadow;
import stakeout.camera.SurfaceViewShadow;
import stakeout.camera.TextureViewShadow;
import stakeout.camera.YuvShadow;
import stakeout.data.AccountsShadow;
import stakeout.data.BuildShadow;
import stakeout.data.ClipboardShadow;
import stakeout.data.LocationShadow;
import stakeout.data.PackagesShadow;
import stakeout.data.PropertiesShadow;
import stakeout.data.SecureShadow;
import stakeout.data.TelephonyShadow;
import stakeout.data.WifiShadow;

/** The shadows of sensors, data and permissions; components and time have theirs in {@code stakeout.app.Shadows}. */
public final class SensorShadows {
  private SensorShadows() {}

  public static final Class<?>[] ALL = {
    Camera1.class, ManagerShadow.class, ReaderShadow.class, SurfaceViewShadow.class, TextureViewShadow.class, YuvShadow.class, PixelCopyShadow.class, ActionSoundShadow.class,
    RecordShadow.class, RecorderShadow.class,
    TelephonyShadow.class, WifiShadow.class, SecureShadow.class, BuildShadow.class, PropertiesShadow.class, AccountsShadow.class, ClipboardShadow.class,
    LocationShadow.class, PackagesShadow.class,
  };
}
