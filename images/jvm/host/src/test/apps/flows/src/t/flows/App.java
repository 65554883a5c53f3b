package t.flows;
public class App extends android.app.Application {
  static int created; static StringBuilder order = new StringBuilder();
  static void log(String s) { android.util.Log.i("flows", s); }
  @Override public void onCreate() { super.onCreate(); created++; log("app created " + created + " provider " + Early.created + " at " + new java.util.Date() + " dir " + getFilesDir() + " ext " + getExternalFilesDir(null) + " loader " + getClassLoader().getClass()); }
}
