package stakeout.app;

import android.app.IntentService;
import android.app.job.JobParameters;
import android.app.job.JobService;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.util.ReflectionHelpers.ClassParameter;

/**
 * The framework's kinds of services. Stock Robolectric has a shadow for each that extends its own shadow of Service; as that one
 * is replaced, these must be as well, or a call fails to find its shadow.
 */
final class ServiceShadows {
  private ServiceShadows() {}

  /** A job that ends on a thread of its own says so; the stock shadow swallows it, so that a periodic job would run once only. */
  @Implements(JobService.class)
  public static class Job extends ServiceShadow {
    @RealObject private JobService me;

    @Implementation protected void jobFinished(JobParameters p, boolean again) {
      Shadow.directlyOn(me, JobService.class, "jobFinished", ClassParameter.from(JobParameters.class, p), ClassParameter.from(boolean.class, again));
    }
  }

  @Implements(IntentService.class)
  public static class OfIntents extends ServiceShadow {}

  @Implements(className = "android.accessibilityservice.AccessibilityService")
  public static class Accessibility extends ServiceShadow {}

  @Implements(className = "android.service.notification.NotificationListenerService")
  public static class NotificationListener extends ServiceShadow {}

  @Implements(className = "android.telecom.InCallService")
  public static class InCall extends ServiceShadow {}

  @Implements(className = "android.net.VpnService")
  public static class Vpn extends ServiceShadow {}

  @Implements(className = "android.service.voice.VoiceInteractionService")
  public static class Voice extends ServiceShadow {}

  @Implements(className = "android.service.quickaccesswallet.QuickAccessWalletService", minSdk = 30)
  public static class Wallet extends ServiceShadow {}

  /** The one kind of activity that has a stock shadow of its own. */
  @Implements(android.app.ActivityGroup.class)
  public static class Group extends ActivityShadow {}

  static final Class<?>[] ALL = {Job.class, OfIntents.class, Accessibility.class, NotificationListener.class, InCall.class, Vpn.class, Voice.class,
      Wallet.class, Group.class};
}
