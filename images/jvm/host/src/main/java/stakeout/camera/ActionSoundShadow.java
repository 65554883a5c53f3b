package stakeout.camera;

import android.media.MediaActionSound;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowMediaActionSound;
import stakeout.host.Events;

/** The shutter's sound as an app of Camera2 plays it itself. */
@Implements(MediaActionSound.class)
public class ActionSoundShadow extends ShadowMediaActionSound {
  @Override @Implementation protected void play(int sound) {
    if (sound == MediaActionSound.SHUTTER_CLICK) Events.fact("shutter", "session", OpenCameras.lastSession(), "audible", true);
    super.play(sound);
  }
}
