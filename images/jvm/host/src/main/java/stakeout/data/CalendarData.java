package stakeout.data;

import android.net.Uri;
import java.util.List;

/** content://com.android.calendar: calendars, events and their instances; no repetition, no reminders. */
public final class CalendarData extends DataProvider {
  @Override String kind() { return "calendar"; }
  @Override String component() { return "com.android.providers.calendar.CalendarProvider2"; }
  @Override String readPermission() { return "READ_CALENDAR"; }
  @Override String writePermission() { return "WRITE_CALENDAR"; }
  @Override String writable(String table) { return table.equals("events") || table.equals("instances") ? "events_t" : table; }

  @Override Route route(Uri u) {
    List<String> p = path(u);
    return switch (at(p, 0)) {
      case "calendars" -> p.size() < 2 ? new Route("calendars", null) : new Route("calendars", "_id = ?", at(p, 1));
      case "events" -> p.size() < 2 ? new Route("events", null) : new Route("events", "_id = ?", at(p, 1));
      case "instances" -> at(p, 1).equals("when") ? new Route("instances", "\"end\" >= CAST(? AS INTEGER) AND \"begin\" <= CAST(? AS INTEGER)", at(p, 2), at(p, 3)) : null;
      case "attendees", "reminders", "extendedproperties", "calendar_alerts", "colors", "syncstate" -> new Route("empty", null);
      default -> null;
    };
  }
}
