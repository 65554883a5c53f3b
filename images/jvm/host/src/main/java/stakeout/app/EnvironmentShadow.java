package stakeout.app;

import android.os.Environment;
import java.io.File;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowEnvironment;

/** External storage is mounted, emulated, and one folder; stock Robolectric has it removed. */
@Implements(Environment.class)
public class EnvironmentShadow extends ShadowEnvironment {
  private static File root() {
    return DataDirectory.external().toFile();
  }

  @Implementation protected static String getExternalStorageState() {
    return Environment.MEDIA_MOUNTED;
  }

  @Implementation protected static String getExternalStorageState(File f) {
    return Environment.MEDIA_MOUNTED;
  }

  @Implementation protected static String getStorageState(File f) {
    return Environment.MEDIA_MOUNTED;
  }

  @Implementation protected static File getExternalStorageDirectory() {
    return root();
  }

  @Implementation protected static File getExternalStoragePublicDirectory(String type) {
    File f = type == null ? root() : new File(root(), type);
    f.mkdirs();
    return f;
  }

  @Implementation protected static boolean isExternalStorageEmulated() {
    return true;
  }

  @Implementation protected static boolean isExternalStorageEmulated(File f) {
    return true;
  }

  @Implementation protected static boolean isExternalStorageRemovable() {
    return false;
  }
}
