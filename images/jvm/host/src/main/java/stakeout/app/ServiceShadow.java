package stakeout.app;

import android.app.Notification;
import android.app.Service;
import java.util.List;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadows.ShadowService;
import stakeout.host.Events;
import stakeout.time.Clock;

/** The calls by which a service changes its own state. */
@Implements(Service.class)
public class ServiceShadow extends ShadowService {
  @RealObject private Service me;

  @Override @Implementation protected void startForeground(int id, Notification n) throws Exception {
    foreground(0, false);
    super.startForeground(id, n);
  }

  @Override @Implementation(minSdk = 29) protected void startForeground(int id, Notification n, int type) throws Exception {
    foreground(type, true);
    super.startForeground(id, n); // of the stock class, which knows no rules
  }

  private void foreground(int type, boolean given) {
    ServiceRecord r = Services.of(me);
    if (r == null) return;
    r.types = ServiceRules.types(me, r, type, given);
    r.foreground = true;
    if (r.promise != null) Clock.cancel(r.promise);
    r.promise = null;
    Events.fact("service", "name", r.name, "change", "foreground", "types", ServiceRules.names(r.types), "reason", null);
  }

  @Override @Implementation protected void stopForeground(boolean remove) {
    leaveForeground();
    super.stopForeground(remove);
  }

  @Override @Implementation(minSdk = 24) protected void stopForeground(int flags) {
    leaveForeground();
    super.stopForeground(flags);
  }

  private void leaveForeground() {
    ServiceRecord r = Services.of(me);
    if (r == null || !r.foreground) return;
    r.foreground = false;
    Events.fact("service", "name", r.name, "change", "started", "types", List.of(), "reason", "left the foreground");
    Uid.foregroundServiceLeft();
  }

  @Override @Implementation protected void stopSelf() {
    super.stopSelf();
    Services.stopSelf(me, -1);
  }

  @Override @Implementation protected void stopSelf(int id) {
    super.stopSelf(id);
    Services.stopSelf(me, id);
  }

  @Override @Implementation protected boolean stopSelfResult(int id) {
    super.stopSelfResult(id);
    return Services.stopSelf(me, id);
  }

  /** Set aside by the stock shadow, which keeps what is foreground apart. */
  @Override @Implementation protected void onDestroy() {
    ServiceRecord r = Services.of(me);
    if (r != null) r.foreground = false;
    super.onDestroy();
  }
}
