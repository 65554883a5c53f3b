package stakeout.app;

import android.app.Activity;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadows.ShadowActivity;

/** Stock Robolectric only remembers that an activity finished; here the back stack hears of it. */
@Implements(Activity.class)
public class ActivityShadow extends ShadowActivity {
  @RealObject private Activity me;

  @Override @Implementation protected void finish() {
    super.finish();
    Activities.finished();
  }

  @Override @Implementation protected void finishAndRemoveTask() {
    super.finishAndRemoveTask();
    Activities.finished();
  }

  @Override @Implementation protected void finishAffinity() {
    Activities.finishAll();
    Activities.finished();
  }

  @Override @Implementation protected boolean moveTaskToBack(boolean nonRoot) {
    Device.between(Activities::home);
    return true;
  }

  @Override @Implementation protected boolean isTaskRoot() {
    return Activities.isRoot(me);
  }
}
