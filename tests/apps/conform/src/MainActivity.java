package @PKG@;

import android.app.Activity;
import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.Build;
import android.os.Bundle;
import android.os.PowerManager;
import android.view.KeyEvent;
import android.view.View;
import android.widget.Button;
import android.widget.EditText;
import android.widget.LinearLayout;

/** One button for each act, three in a row, a field, and below them a surface that counts touches. What becomes of an act is said in files/said/NAME. */
public class MainActivity extends Activity implements View.OnClickListener {
  private static final Object[][] BUTTONS = {
      {"Ask for camera", R.id.ask_camera}, {"Ask for microphone", R.id.ask_microphone}, {"Ask for contacts", R.id.ask_contacts},
      {"Ask for calls", R.id.ask_calls}, {"Camera", R.id.camera}, {"Microphone", R.id.microphone}, {"Contacts", R.id.contacts},
      {"Calls", R.id.calls}, {"Write", R.id.write}, {"Erase", R.id.erase}, {"Fetch", R.id.fetch}, {"Ports", R.id.ports},
      {"Alarm", R.id.alarm}, {"Split", R.id.split}, {"Keep", R.id.keep}, {"Crash", R.id.crash}};
  private static boolean listening;
  private EditText field;

  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    LinearLayout box = new LinearLayout(this);
    box.setOrientation(LinearLayout.VERTICAL);
    LinearLayout row = null;
    for (int i = 0; i < BUTTONS.length; i++) {
      if (i % 3 == 0) {
        row = new LinearLayout(this);
        box.addView(row, new LinearLayout.LayoutParams(LinearLayout.LayoutParams.MATCH_PARENT, LinearLayout.LayoutParams.WRAP_CONTENT));
      }
      Button one = new Button(this);
      one.setText((String) BUTTONS[i][0]);
      one.setAllCaps(false);
      one.setId((Integer) BUTTONS[i][1]);
      one.setOnClickListener(this);
      row.addView(one, new LinearLayout.LayoutParams(0, LinearLayout.LayoutParams.WRAP_CONTENT, 1));
    }
    field = new EditText(this);
    field.setId(R.id.field);
    field.setHint("Field");
    box.addView(field);
    View rest = new View(this);
    rest.setId(R.id.rest);
    rest.setOnClickListener(this);
    box.addView(rest, new LinearLayout.LayoutParams(LinearLayout.LayoutParams.MATCH_PARENT, 0, 1));
    setContentView(box);
    Files.say(this, "real", "ok");
    listen(getApplicationContext());
  }

  /** What only a running process hears of. */
  private static void listen(Context c) {
    if (listening) return;
    listening = true;
    IntentFilter f = new IntentFilter(Intent.ACTION_SCREEN_OFF);
    f.addAction(Intent.ACTION_SCREEN_ON);
    if (Build.VERSION.SDK_INT >= 23) f.addAction(PowerManager.ACTION_DEVICE_IDLE_MODE_CHANGED);
    c.registerReceiver(new BroadcastReceiver() {
      @Override public void onReceive(Context c, Intent i) {
        String a = i.getAction();
        if (Intent.ACTION_SCREEN_OFF.equals(a)) Files.count(c, "screen_off");
        else if (Intent.ACTION_SCREEN_ON.equals(a)) Files.count(c, "screen_on");
        else Files.count(c, ((PowerManager) c.getSystemService(POWER_SERVICE)).isDeviceIdleMode() ? "doze_on" : "doze_off");
      }
    }, f);
  }

  @Override public void onClick(View v) {
    int id = v.getId();
    if (id == R.id.ask_camera) ask("CAMERA");
    else if (id == R.id.ask_microphone) ask("RECORD_AUDIO");
    else if (id == R.id.ask_contacts) ask("READ_CONTACTS");
    else if (id == R.id.ask_calls) ask("READ_CALL_LOG");
    else if (id == R.id.keep) Files.write(this, "typed.txt", field.getText().toString());
    else if (id == R.id.rest) Files.count(this, "touched");
    else if (id == R.id.alarm) Alarms.in(this, WakeReceiver.class, WakeReceiver.ALARM, 30);
    else if (id == R.id.crash) throw new IllegalStateException("crash on demand");
    else new Act(getApplicationContext(), getResources().getResourceEntryName(id)).start();
  }

  private void ask(String name) {
    if (Build.VERSION.SDK_INT >= 23) requestPermissions(new String[] {"android.permission." + name}, 1);
  }

  @Override public void onRequestPermissionsResult(int code, String[] names, int[] results) {
    for (int i = 0; i < names.length && i < results.length; i++) {
      Files.say(this, names[i].substring(names[i].lastIndexOf('.') + 1), results[i] == 0 ? "granted" : "denied");
    }
  }

  @Override public boolean onKeyDown(int code, KeyEvent e) {
    if (code != KeyEvent.KEYCODE_CAMERA) return super.onKeyDown(code, e);
    Files.count(this, "key_camera");
    return true;
  }

  @Override protected void onResume() {
    super.onResume();
    Files.count(this, "resumed");
  }

  @Override protected void onStop() {
    super.onStop();
    Files.count(this, "stopped");
  }
}
