package stakeout.app;

import android.app.LoadedApk;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowLoadedApk;
import stakeout.host.AppLoader;

/** The loader by which the framework finds the app's components and application class. */
@Implements(LoadedApk.class)
public class LoadedApkShadow extends ShadowLoadedApk {
  @Override @Implementation public ClassLoader getClassLoader() {
    return AppLoader.current();
  }
}
