//! The owner's data, put where Android keeps it, and read back.
//!
//! What a guest cannot be given is not planted: cells, Wi-Fi networks, identifiers and accounts are the image's own, and other apps
//! would have to be built. The device says so at the trial's begin (`not_watched`).

use std::time::Duration;

use serde_json::{Map, Value, json};
use stakeout_contract::canary::PlantData;
use stakeout_links::{Console, Control, guest::Guest as _, guest::quote};
use stakeout_protocol::Problem;
use tokio::time::Instant;

use super::phone::{Phone, first_line, problem};

/// Time in which the guest has what came to it by another way than its providers.
const APPEAR: Duration = Duration::from_secs(10);

/// From this API level on the media provider looks at a whole volume when it is asked to; before, at each file that it is told of.
const SCANS_VOLUMES: u32 = 30;

/// A column of a row: name, type, value.
type Bind<'a> = (&'a str, char, String);

fn insert(uri: &str, binds: &[Bind<'_>]) -> String {
    let binds: Vec<String> =
        binds.iter().map(|(name, kind, value)| format!("--bind {}", quote(&format!("{name}:{kind}:{value}")))).collect();
    format!("content insert --uri {uri} {}", binds.join(" "))
}

/// Numbers of rows, from `Row: 0 _id=5`.
fn ids(text: &str) -> Vec<i64> {
    text.lines().filter_map(|l| l.trim().strip_prefix("Row: ")?.split_once("_id=")?.1.split(',').next()?.trim().parse().ok()).collect()
}

impl Phone {
    async fn insert_all(&self, commands: &[String]) -> Result<(), Problem> {
        // Each is a program of its own, which takes a second or more in a guest that is busy: each has its own time.
        for command in commands {
            self.say(command).await?;
        }
        Ok(())
    }

    async fn rows(&self, uri: &str) -> Result<Vec<i64>, Problem> {
        let said = self.run_long(&format!("content query --uri {uri} --projection _id"), 4 << 20, self.within).await?;
        if said.failed() || said.truncated || said.text().contains("Error while accessing provider") {
            return Err(Problem::new("failed", format!("`{uri}` cannot be listed: {}", first_line(&said))));
        }
        Ok(ids(&said.text()))
    }

    /// Plants, and says how many of each kind the guest has more than before.
    pub async fn plant(&self, data: &PlantData, api: u32, control: &Control, console: &Console) -> Result<Value, Problem> {
        let mut counts = Map::new();
        counts.insert("contacts".to_owned(), json!(self.contacts(data).await?));
        let calls: Vec<String> = data
            .call_log
            .iter()
            .map(|c| {
                let kind = match c.r#type.as_str() {
                    "outgoing" => 2,
                    "missed" => 3,
                    _ => 1,
                };
                insert(
                    "content://call_log/calls",
                    &[
                        ("number", 's', c.number.clone()),
                        ("name", 's', c.name.clone()),
                        ("type", 'i', kind.to_string()),
                        ("date", 'l', c.at_millis.to_string()),
                        ("duration", 'i', c.duration_s.to_string()),
                        ("new", 'i', "0".to_owned()),
                    ],
                )
            })
            .collect();
        counts.insert("call_log".to_owned(), json!(self.counted("content://call_log/calls", &calls).await?));
        counts.insert("calendar".to_owned(), json!(self.calendar(data).await?));
        counts.insert("sms".to_owned(), json!(self.messages(data, control).await?));
        if let Some(l) = &data.location {
            console.position(l.lon, l.lat, self.within).await.map_err(problem)?;
            counts.insert("location".to_owned(), json!(1));
        }
        if let Some(text) = &data.clipboard {
            control.set_clipboard(text, self.within).await.map_err(problem)?;
            counts.insert("clipboard".to_owned(), json!(1));
        }
        counts.insert("media".to_owned(), json!(self.media(data, api).await?));
        for kind in ["cells", "wifi", "identifiers", "accounts", "installed_apps"] {
            counts.insert(kind.to_owned(), json!(0));
        }
        Ok(json!({"planted": counts}))
    }

    async fn counted(&self, uri: &str, commands: &[String]) -> Result<usize, Problem> {
        let before = self.rows(uri).await?.len();
        self.insert_all(commands).await?;
        let more = self.rows(uri).await?.len().saturating_sub(before);
        if more < commands.len() {
            return Err(Problem::new("failed", format!("of {} rows in `{uri}` the guest has {more}", commands.len())));
        }
        Ok(more)
    }

    /// Messages come by radio: the guest has them a moment later, if at all.
    async fn messages(&self, data: &PlantData, control: &Control) -> Result<usize, Problem> {
        const INBOX: &str = "content://sms/inbox";
        if data.sms.is_empty() {
            return Ok(0);
        }
        let before = self.rows(INBOX).await.map(|r| r.len());
        for m in &data.sms {
            control.message(&m.address, &m.body, self.within).await.map_err(problem)?;
        }
        // A guest without a phone's messages has none.
        let Ok(before) = before else { return Ok(0) };
        self.appear(INBOX, before, data.sms.len()).await
    }

    /// How many rows there are more than before, when all have come or it has taken too long.
    async fn appear(&self, uri: &str, before: usize, wanted: usize) -> Result<usize, Problem> {
        let until = Instant::now() + APPEAR;
        loop {
            let more = self.rows(uri).await?.len().saturating_sub(before);
            if more >= wanted || Instant::now() >= until {
                return Ok(more.min(wanted));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn contacts(&self, data: &PlantData) -> Result<usize, Problem> {
        const RAW: &str = "content://com.android.contacts/raw_contacts";
        const DATA: &str = "content://com.android.contacts/data";
        let before = self.rows(RAW).await?;
        let raw = insert(RAW, &[("account_type", 's', "phone".to_owned()), ("account_name", 's', "phone".to_owned())]);
        self.insert_all(&vec![raw; data.contacts.len()]).await?;
        let new: Vec<i64> = self.rows(RAW).await?.into_iter().filter(|id| !before.contains(id)).collect();
        if new.len() < data.contacts.len() {
            return Err(Problem::new("failed", format!("of {} contacts the guest has {}", data.contacts.len(), new.len())));
        }
        let mut rows = Vec::new();
        for (c, id) in data.contacts.iter().zip(&new) {
            let row = |mime: &str, value: &str, more: &[Bind<'_>]| {
                let mut binds = vec![
                    ("raw_contact_id", 'i', id.to_string()),
                    ("mimetype", 's', format!("vnd.android.cursor.item/{mime}")),
                    ("data1", 's', value.to_owned()),
                ];
                binds.extend(more.iter().cloned());
                insert(DATA, &binds)
            };
            rows.push(row("name", &c.name, &[]));
            if !c.phone.is_empty() {
                rows.push(row("phone_v2", &c.phone, &[("data2", 'i', "2".to_owned())]));
            }
            if !c.email.is_empty() {
                rows.push(row("email_v2", &c.email, &[]));
            }
        }
        self.insert_all(&rows).await?;
        Ok(new.len())
    }

    async fn calendar(&self, data: &PlantData) -> Result<usize, Problem> {
        if data.calendar.is_empty() {
            return Ok(0);
        }
        let said = self.run("content query --uri content://com.android.calendar/calendars --projection _id").await?;
        let calendar = ids(&said.text()).first().copied();
        let Some(calendar) = calendar else { return Ok(0) };
        let events: Vec<String> = data
            .calendar
            .iter()
            .map(|e| {
                insert(
                    "content://com.android.calendar/events",
                    &[
                        ("calendar_id", 'i', calendar.to_string()),
                        ("title", 's', e.title.clone()),
                        ("eventLocation", 's', e.location.clone()),
                        ("dtstart", 'l', e.at_millis.to_string()),
                        ("dtend", 'l', (e.at_millis + 3_600_000).to_string()),
                        ("eventTimezone", 's', "UTC".to_owned()),
                    ],
                )
            })
            .collect();
        self.counted("content://com.android.calendar/events", &events).await
    }

    async fn media(&self, data: &PlantData, api: u32) -> Result<usize, Problem> {
        const FOLDER: &str = "/sdcard/DCIM/Camera";
        const IMAGES: &str = "content://media/external/images/media";
        // The same folder by its own name, as an address.
        const SHARED: &str = "file:///storage/emulated/0/DCIM/Camera";
        if data.media.is_empty() {
            return Ok(0);
        }
        let before = self.rows(IMAGES).await?.len();
        self.say(&format!("mkdir -p {FOLDER}")).await?;
        let mut addresses = Vec::new();
        for m in &data.media {
            let bytes = base64(&m.base64).ok_or_else(|| Problem::new("bad_request", "a planted file cannot be read"))?;
            // Names are the worker's own, but no name may lead elsewhere.
            let name: String = m.name.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).take(120).collect();
            self.adb.push(&mut bytes.as_slice(), &format!("{FOLDER}/{name}"), 0o660, self.within).await.map_err(problem)?;
            addresses.push(format!("{SHARED}/{}", escaped(&name)));
        }
        if api >= SCANS_VOLUMES {
            self.say("content call --method scan_volume --uri content://media --arg external_primary").await?;
        } else {
            for address in addresses {
                self.call("am broadcast -a android.intent.action.MEDIA_SCANNER_SCAN_FILE -d", &[&address]).await?;
            }
        }
        self.appear(IMAGES, before, data.media.len()).await
    }
}

/// A name in an address: what is no plain letter is written by its bytes.
fn escaped(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::new(), |mut all, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') {
            all.push(char::from(b));
        } else {
            let _ = write!(all, "%{b:02X}");
        }
        all
    })
}

/// Base64 with padding, as the contract has it.
fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_of_the_shell_whatever_is_in_it() {
        let c = insert("content://x", &[("title", 's', "It's; rm -rf /\n$(id)".to_owned())]);
        assert_eq!(c, "content insert --uri content://x --bind 'title:s:It'\\''s; rm -rf /\n$(id)'");
    }

    #[test]
    fn a_name_ends_no_address() {
        assert_eq!(escaped("a b#1?.jpg"), "a%20b%231%3F.jpg");
    }

    #[test]
    fn rows_are_counted_by_their_numbers() {
        assert_eq!(ids("Row: 0 _id=3\nRow: 1 _id=17, x=1\nNo result found.\n"), [3, 17]);
    }
}
