package stakeout.app;

import android.app.Application;
import android.content.ContentProvider;
import android.content.pm.PackageManager;
import android.content.pm.ProviderInfo;
import java.util.Arrays;
import org.robolectric.Robolectric;
import org.robolectric.shadows.ShadowContentResolver;
import stakeout.host.AppLoader;

/** The app's own content providers, which run before its Application.onCreate. */
final class Providers {
  private Providers() {}

  static void install(Application app) {
    ProviderInfo[] all;
    try {
      all = app.getPackageManager().getPackageInfo(app.getPackageName(), PackageManager.GET_PROVIDERS | PackageManager.GET_META_DATA).providers;
    } catch (PackageManager.NameNotFoundException e) {
      return;
    }
    if (all == null) return;
    Arrays.sort(all, (a, b) -> Integer.compare(b.initOrder, a.initOrder));
    for (ProviderInfo p : all) install(p);
  }

  private static void install(ProviderInfo p) {
    if (p.authority == null || !p.enabled) return;
    String[] names = p.authority.split(";");
    ProviderInfo first = new ProviderInfo(p);
    first.authority = names[0];
    try {
      Class<? extends ContentProvider> c = Class.forName(p.name, true, AppLoader.current()).asSubclass(ContentProvider.class);
      ContentProvider provider = Robolectric.buildContentProvider(c).create(first).get();
      for (int i = 1; i < names.length; i++) ShadowContentResolver.registerProviderInternal(names[i], provider);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException("Unable to get provider " + p.name, e); // as the framework says it
    }
  }
}
