package stakeout.data;

import android.content.ClipData;
import android.content.ClipDescription;
import android.content.ClipboardManager;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.shadows.ShadowClipboardManager;
import stakeout.host.Events;
import stakeout.host.Trial;
import stakeout.perm.Uid;

/** ClipboardManager: since API 29 only an app that has the focus may read it; others get null. */
@Implements(ClipboardManager.class)
public class ClipboardShadow extends ShadowClipboardManager {
  private static boolean allowed(String what) {
    if (Trial.rules < 29 || Uid.isVisible()) return true;
    Events.fact("refused", "sensor", null, "data", "clipboard", "what", "ClipboardManager." + what, "reason", "idle_uid");
    return false;
  }

  @Override @Implementation protected ClipData getPrimaryClip() {
    if (!allowed("getPrimaryClip")) return null;
    ClipData c = super.getPrimaryClip();
    Planted.read("clipboard", "ClipboardManager.getPrimaryClip", c == null ? 0 : c.getItemCount());
    return c;
  }

  @Override @Implementation protected boolean hasPrimaryClip() { return allowed("hasPrimaryClip") && super.hasPrimaryClip(); }
  @Override @Implementation protected ClipDescription getPrimaryClipDescription() { return allowed("getPrimaryClipDescription") ? super.getPrimaryClipDescription() : null; }

  @Implementation protected CharSequence getText() {
    ClipData c = getPrimaryClip();
    return c == null || c.getItemCount() == 0 ? null : c.getItemAt(0).getText();
  }
}
