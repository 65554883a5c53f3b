package t.flows;
import android.content.*;
public class Boot extends BroadcastReceiver { public void onReceive(Context c, Intent i) { App.log("boot " + i.getAction() + " lives " + App.created); try { c.startService(new Intent(c, Work.class)); } catch (RuntimeException e) { App.log("" + e); } } }
