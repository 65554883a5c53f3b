package stakeout.perm;

import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public class DangerousTest {
  @Test public void a_permission_is_asked_for_only_since_its_own_level() {
    assertTrue(Dangerous.is("android.permission.CAMERA", 23));
    assertFalse(Dangerous.is("android.permission.POST_NOTIFICATIONS", 27));
    assertTrue(Dangerous.is("android.permission.POST_NOTIFICATIONS", 34));
    assertFalse(Dangerous.is("android.permission.INTERNET", 34));
  }

  @Test public void a_permission_of_a_later_android_is_not_known() {
    assertFalse(Dangerous.known("android.permission.READ_MEDIA_IMAGES", 27));
    assertTrue(Dangerous.known("android.permission.READ_MEDIA_IMAGES", 33));
    assertTrue(Dangerous.known("com.example.OWN", 23));
  }
}
