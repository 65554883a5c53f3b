package t.flows;
import android.app.*; import android.content.*; import android.net.Uri; import android.os.*; import android.view.*; import android.widget.*; import android.app.job.*;
public class Main extends Activity {
  TextView state;
  BroadcastReceiver screen = new BroadcastReceiver() { public void onReceive(Context c, Intent i) { App.log("got " + i.getAction()); } };
  @Override protected void onCreate(Bundle b) {
    super.onCreate(b); setContentView(R.layout.main); state = findViewById(R.id.state);
    App.log("main created, saved " + (b != null));
    IntentFilter f = new IntentFilter(Intent.ACTION_SCREEN_OFF); f.addAction(Intent.ACTION_SCREEN_ON); f.addAction(Intent.ACTION_USER_PRESENT); f.addAction("android.os.action.DEVICE_IDLE_MODE_CHANGED"); getApplicationContext().registerReceiver(screen, f);
    findViewById(R.id.second).setOnClickListener(v -> startActivityForResult(new Intent(this, Second.class), 5));
    findViewById(R.id.dialog).setOnClickListener(v -> new AlertDialog.Builder(this).setMessage("Really?").setPositiveButton("Yes", (d, w) -> state.setText("said yes")).show());
    findViewById(R.id.crash).setOnClickListener(v -> { throw new IllegalStateException("boom"); });
    findViewById(R.id.exit).setOnClickListener(v -> System.exit(3));
    findViewById(R.id.hang).setOnClickListener(v -> { long n = 0; long t = System.nanoTime(); while (System.nanoTime() - t < 20_000_000_000L) n++; App.log("hung " + n); });
    findViewById(R.id.fgs).setOnClickListener(v -> startForegroundService(new Intent(this, Fgs.class)));
    findViewById(R.id.leave).setOnClickListener(v -> { startActivity(new Intent(this, Second.class)); finish(); });
    findViewById(R.id.escape).setOnClickListener(v -> escape());
    if (b == null) {
      startService(new Intent(this, Work.class));
      AlarmManager am = getSystemService(AlarmManager.class);
      am.setExactAndAllowWhileIdle(AlarmManager.RTC_WAKEUP, System.currentTimeMillis() + 600_000, PendingIntent.getBroadcast(this, 1, new Intent(this, Tick.class).setAction("exact"), PendingIntent.FLAG_IMMUTABLE));
      am.setInexactRepeating(AlarmManager.ELAPSED_REALTIME, SystemClock.elapsedRealtime() + 900_000, 900_000, PendingIntent.getBroadcast(this, 2, new Intent(this, Tick.class).setAction("repeat"), PendingIntent.FLAG_IMMUTABLE));
      JobScheduler js = getSystemService(JobScheduler.class);
      js.schedule(new JobInfo.Builder(1, new ComponentName(this, J.class)).setPeriodic(900_000).setPersisted(true).build());
      js.schedule(new JobInfo.Builder(2, new ComponentName(this, J.class)).setMinimumLatency(60_000).build());
      js.schedule(new JobInfo.Builder(3, new ComponentName(this, J.class)).setRequiresDeviceIdle(true).build());
    }
    try (android.database.Cursor c = getContentResolver().query(Uri.parse("content://t.flows.b/x"), null, null, null, null)) { c.moveToFirst(); App.log("own provider " + c.getString(0)); }
  }
  @Override protected void onActivityResult(int r, int c, Intent d) { state.setText("result " + r + " " + c + " " + (d == null ? null : d.getStringExtra("k"))); App.log(state.getText().toString()); }
  @Override protected void onResume() { super.onResume(); App.log("main resumed"); }
  @Override protected void onStop() { super.onStop(); App.log("main stopped"); }
  @Override protected void onDestroy() { super.onDestroy(); App.log("main destroyed"); }
  void escape() {
    try { Runtime.getRuntime().exec("su"); } catch (Exception e) { App.log("" + e); }
    try { Class.forName("sun.misc.Unsafe"); } catch (Throwable e) { App.log("" + e); }
    try { Class.forName("stakeout.host.Events"); } catch (Throwable e) { App.log("" + e); }
    try { Class.forName("org.robolectric.Robolectric"); } catch (Throwable e) { App.log("" + e); }
    try { Class.forName("com.google.common.collect.ImmutableList"); } catch (Throwable e) { App.log("" + e); }
    try { System.loadLibrary("native"); } catch (Throwable e) { App.log("" + e); }
    try { new dalvik.system.DexClassLoader(getPackageCodePath() + ".x", getCacheDir().getPath(), null, getClassLoader()).loadClass("a.b"); } catch (Throwable e) { App.log("" + e); }
    try { new dalvik.system.InMemoryDexClassLoader(java.nio.ByteBuffer.wrap(new byte[10]), getClassLoader()).loadClass("a.b"); } catch (Throwable e) { App.log("" + e); }
    try { new java.io.FileInputStream("/proc/self/fd/0"); } catch (Throwable e) { App.log("" + e); }
    try { App.log("millis by reflection " + System.class.getMethod("currentTimeMillis").invoke(null) + " " + System.currentTimeMillis()); } catch (Throwable e) { App.log("" + e); }
    try { new java.net.URL("http://example.org/").openConnection().getInputStream(); } catch (Throwable e) { App.log("main thread: " + e); }
    new Thread(() -> { try { new java.net.URL("http://example.org/").openConnection().getInputStream(); } catch (Throwable e) { App.log("cleartext: " + e); } }).start();
    state.setText("escaped");
  }
}
