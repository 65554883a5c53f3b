package stakeout.app;

import android.os.UserManager;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowUserManager;

/**
 * The owner has unlocked the device once since it started. The framework asks by user id, through a cache of a service that does not
 * exist here, and the stock shadow answers only to a user's handle.
 */
@Implements(UserManager.class)
public class UserShadow extends ShadowUserManager {
  @Implementation
  protected boolean isUserUnlockingOrUnlocked(int user) {
    return true;
  }

  @Implementation
  protected boolean isUserUnlocked(int user) {
    return true;
  }
}
