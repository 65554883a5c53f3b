package app.probe;

import android.app.AlertDialog;
import android.content.Context;

/** A question that somebody may answer or not. */
class Dialogs {
  static String ask(final Context c) {
    ((Main) c).runOnUiThread(new Runnable() {
      @Override public void run() {
        new AlertDialog.Builder(c).setMessage("May we watch you?").setPositiveButton("I agree", null).show();
      }
    });
    return "shown";
  }
}
