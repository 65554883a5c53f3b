package stakeout.app;

import android.app.job.JobParameters;
import android.app.job.JobService;
import org.robolectric.annotation.Implementation;
import org.robolectric.annotation.Implements;
import org.robolectric.annotation.RealObject;
import org.robolectric.shadow.api.Shadow;
import org.robolectric.shadows.ShadowJobService;
import org.robolectric.util.ReflectionHelpers.ClassParameter;

/** Stock Robolectric swallows jobFinished, so that a periodic job would run once only. */
@Implements(JobService.class)
public class JobServiceShadow extends ShadowJobService {
  @RealObject private JobService me;

  @Override @Implementation protected void jobFinished(JobParameters p, boolean again) {
    Shadow.directlyOn(me, JobService.class, "jobFinished", ClassParameter.from(JobParameters.class, p), ClassParameter.from(boolean.class, again));
  }
}
