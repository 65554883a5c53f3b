package t.flows;
import android.app.*; import android.content.*; import android.os.*;
public class Work extends Service {
  public IBinder onBind(Intent i) { return null; }
  @Override public int onStartCommand(Intent i, int f, int id) { App.log("work started " + (i == null ? "null intent" : "intent") + " lives " + App.created); return START_STICKY; }
  @Override public void onDestroy() { App.log("work destroyed"); }
}
