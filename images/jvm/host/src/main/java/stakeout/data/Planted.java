package stakeout.data;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.robolectric.Robolectric;
import org.robolectric.shadows.ShadowContentResolver;
import stakeout.host.Events;

/** Planted personal data, as `plant` gave it, and the telling of each read of it. */
public final class Planted {
  private Planted() {}

  private static final Map<String, Object> DATA = new ConcurrentHashMap<>();

  /**
   * @param data the fields that docs/host-pipe.md lists under `plant`; a field given again replaces the former
   * @return how many of each kind were planted
   */
  public static Map<String, Object> plant(Map<String, Object> data) {
    Map<String, Object> n = new LinkedHashMap<>();
    data.forEach((k, v) -> {
      if (v == null) return;
      DATA.put(k, v);
      n.put(k, v instanceof List<?> l ? l.size() : v instanceof Map<?, ?> m ? m.size() : 1);
    });
    Tables.reset();
    return n;
  }

  /** Registers the providers of this device; before those of the app. */
  public static void register() {
    Tables.reset();
    nativeSqlite();
    provider(ContactsData.class, "com.android.contacts", "contacts");
    provider(CallLogData.class, "call_log");
    provider(SmsData.class, "sms", "mms-sms");
    provider(CalendarData.class, "com.android.calendar");
    provider(MediaData.class, "media");
    Handset.plant();
  }

  /** Loaded now: it looks for its data through the thread's class loader, and the app's threads have another. */
  private static void nativeSqlite() {
    Thread t = Thread.currentThread();
    ClassLoader app = t.getContextClassLoader();
    t.setContextClassLoader(Planted.class.getClassLoader());
    try {
      android.database.sqlite.SQLiteDatabase.create(null).close();
    } finally {
      t.setContextClassLoader(app);
    }
  }

  private static void provider(Class<? extends DataProvider> c, String... authorities) {
    DataProvider p = Robolectric.buildContentProvider(c).create(authorities[0]).get();
    for (int i = 1; i < authorities.length; i++) ShadowContentResolver.registerProviderInternal(authorities[i], p);
  }

  /** The entries of a list. */
  @SuppressWarnings("unchecked")
  static List<Map<String, Object>> list(String kind) {
    return DATA.get(kind) instanceof List<?> l ? (List<Map<String, Object>>) l : List.of();
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> map(String kind) {
    return DATA.get(kind) instanceof Map<?, ?> m ? (Map<String, Object>) m : Map.of();
  }

  static Object value(String kind) {
    return DATA.get(kind);
  }

  static String text(Map<String, Object> m, String name) {
    Object v = m.get(name);
    return v == null ? null : String.valueOf(v);
  }

  static long number(Map<String, Object> m, String name, long otherwise) {
    Object v = m.get(name);
    if (v instanceof Number n) return n.longValue();
    try {
      return v == null ? otherwise : Long.parseLong(String.valueOf(v).trim());
    } catch (NumberFormatException e) {
      return otherwise;
    }
  }

  static double real(Map<String, Object> m, String name, double otherwise) {
    return m.get(name) instanceof Number n ? n.doubleValue() : otherwise;
  }

  /** The app has read: `rows` null when there is nothing to count. */
  public static void read(String kind, String what, Integer rows) {
    Events.fact("read", "data", kind, "what", what, "rows", rows);
  }
}
