package stakeout.data;

import android.content.Intent;
import android.content.pm.ApplicationInfo;
import android.content.pm.PackageInfo;
import android.content.pm.ResolveInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowApplicationPackageManager;
import stakeout.host.Trial;
import stakeout.perm.Permissions;

/** What else is installed: lists are reads. Since API 30 an app that has no QUERY_ALL_PACKAGES sees itself only. */
@Implements(className = "android.app.ApplicationPackageManager", isInAndroidSdk = false)
public class PackagesShadow extends ShadowApplicationPackageManager {
  private static final String KIND = "installed_apps";

  private static <T> List<T> seen(String what, List<T> all, Function<T, String> name) {
    if (Handset.planting || RuntimeEnvironment.getApplication() == null) return all;
    List<T> l = new ArrayList<>();
    boolean hides = Trial.rules >= 30 && Permissions.target() >= 30 && !Permissions.granted("QUERY_ALL_PACKAGES");
    String own = RuntimeEnvironment.getApplication().getPackageName();
    for (T t : all) if (!hides || own.equals(name.apply(t))) l.add(t);
    if (hides && l.size() < all.size()) Permissions.refuse(KIND, "PackageManager." + what + " shows the app itself only", "");
    else Planted.read(KIND, "PackageManager." + what, l.size());
    return l;
  }

  @Override @Implementation public List<PackageInfo> getInstalledPackages(int flags) {
    return seen("getInstalledPackages", super.getInstalledPackages(flags), p -> p.packageName);
  }

  @Override @Implementation(minSdk = 33) protected List<PackageInfo> getInstalledPackages(Object flags) {
    return seen("getInstalledPackages", super.getInstalledPackages(flags), p -> p.packageName);
  }

  @Override @Implementation protected List<ApplicationInfo> getInstalledApplications(int flags) {
    return seen("getInstalledApplications", super.getInstalledApplications(flags), p -> p.packageName);
  }

  @Override @Implementation(minSdk = 33) protected List<ApplicationInfo> getInstalledApplications(Object flags) {
    return seen("getInstalledApplications", super.getInstalledApplications(flags), p -> p.packageName);
  }

  /** All launchers' entries: the list of installed apps by another name. */
  @Override @Implementation protected List<ResolveInfo> queryIntentActivities(Intent i, int flags) {
    List<ResolveInfo> all = super.queryIntentActivities(i, flags);
    boolean list = i != null && i.getPackage() == null && i.getComponent() == null && i.hasCategory(Intent.CATEGORY_LAUNCHER);
    return list && stakeout.host.Events.stack().size() > 0 ? seen("queryIntentActivities(LAUNCHER)", all, r -> r.activityInfo.packageName) : all;
  }
}
