package t.flows;
import android.app.job.*;
public class J extends JobService {
  public boolean onStartJob(JobParameters p) { App.log("job " + p.getJobId() + " lives " + App.created); return false; }
  public boolean onStopJob(JobParameters p) { return false; }
}
