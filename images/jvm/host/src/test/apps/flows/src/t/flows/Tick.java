package t.flows;
import android.content.*;
public class Tick extends BroadcastReceiver { public void onReceive(Context c, Intent i) { App.log("tick " + i.getAction() + " lives " + App.created + " at " + new java.util.Date()); try { c.startService(new Intent(c, Work.class)); } catch (RuntimeException e) { App.log("" + e); } } }
