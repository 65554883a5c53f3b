package @PKG@;

import android.app.Activity;
import android.os.Bundle;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Takes memory on the heap and beside it until there is none, and holds it. */
public class MainActivity extends Activity {
  private static final List<Object> HELD = new ArrayList<>();

  @Override protected void onCreate(Bundle b) {
    super.onCreate(b);
    new Thread("hog") {
      @Override public void run() {
        boolean direct = false;
        while (true) {
          try {
            HELD.add(direct ? (Object) ByteBuffer.allocateDirect(4 << 20) : new byte[4 << 20]);
          } catch (OutOfMemoryError e) {
            if (direct) throw e;
            direct = true;
          }
        }
      }
    }.start();
  }
}
