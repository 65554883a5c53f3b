package stakeout.app;

import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.util.AndroidRuntimeException;
import org.junit.Test;

public class CrashesTest {
  @Test public void what_the_framework_complains_of_is_the_apps() {
    assertTrue(Crashes.apps(new AndroidRuntimeException("Activity {t/t.Main} did not call through to super.onCreate()")));
    assertTrue(Crashes.apps(new IllegalStateException(new AndroidRuntimeException("in a message"))));
    assertFalse("a fault of this host", Crashes.apps(new IllegalStateException("boom")));
  }
}
