//! What Android's books say of the app, as facts on the trial's clock.
//!
//! The books are asked again and again; what is new is told. They name whole seconds, so a fact may lie a second later than it
//! is dated. That a state of the device changed is therefore told at the begin of a second of the guest ([`Watch::marked`]): what is
//! dated in that second is later than the change. An app that is not visible has no visible preview; of one that is, nothing is
//! claimed to its disadvantage.
//!
//! The books forget: a ring that ran over, a poll that was cut, a service that died with its book, a clock that was set are facts
//! (`lost`) of their own.

mod frames;
mod said;
mod sound;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use stakeout_contract::{
    Kind, Nanos, Rung, Sensor,
    observation::{Facing, Fact, Source},
    told::OthersSession,
};
use stakeout_protocol::Problem;
use stakeout_truth::{
    Access, Outcome, Parsed, What, When,
    access::{self, Changes},
    activity, appops,
    appops::AppOps,
    audio::{self, AudioDump},
    camera::{self, CameraDump},
};

use self::frames::Frames;
use super::{
    apps::App,
    camera::{Open, Pictures},
    clock::{Look, SharedClock, lock},
    phone::Phone,
    services::Services,
};
use crate::core::window::monotonic_nanos;

/// Bytes of a record.
const RECORD: usize = 4 << 20;
/// An opening of a picture belongs to an opening of the camera within this time of the guest, as its books know seconds, and
/// within this time of ours, as adb has its moments.
const NEAR: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(400));
/// How far after our idea of now a record may be dated.
const AHEAD: Duration = Duration::from_secs(5);
/// The books' name of the front camera.
const FRONT: &str = "1";
/// Facts of one kind of trouble.
const TROUBLES: usize = 200;

/// A fact, and who says it.
pub type Told = (Nanos, Source, Fact);

/// A session that is open.
struct Opened {
    session: u64,
    from: Nanos,
    facing: Option<Facing>,
    /// It is not the app's: then only what it was given is told, and whose it is.
    others: bool,
}

/// The polls before, and what is open.
pub struct Watch {
    app: App,
    clock: SharedClock,
    camera: Option<Parsed<CameraDump>>,
    audio: Option<Parsed<AudioDump>>,
    ops: Option<Parsed<AppOps>>,
    /// Who keeps the books.
    services: Option<Services>,
    /// Sessions that are open: of which sensor, under which name in the books.
    open: BTreeMap<(Sensor, String), Opened>,
    /// When this life of the guest began, Unix milliseconds of its clock: the services' books say nothing of what was before.
    life: i64,
    /// Recorders that run and get zeros.
    silent: BTreeSet<String>,
    sessions: u64,
    /// Which frames were given to which of them.
    frames: Frames,
    /// The back camera is given every frame.
    streams: bool,
    /// Times at which the device's state changed.
    marks: Vec<Nanos>,
    /// Whether the app could be seen at the poll before.
    visible: bool,
    /// The newest line of the log that was read, Unix milliseconds.
    log_until: i64,
    /// The device ends the app itself.
    pub ending: bool,
    troubles: usize,
}

impl Watch {
    /// Of this app. What the books say already is of no interest: `begin` polls once.
    pub fn new(app: App, clock: SharedClock, sessions: u64) -> Self {
        Self {
            app,
            clock,
            camera: None,
            audio: None,
            ops: None,
            services: None,
            open: BTreeMap::new(),
            life: i64::MIN,
            silent: BTreeSet::new(),
            sessions,
            frames: Frames::default(),
            streams: false,
            marks: Vec::new(),
            visible: false,
            log_until: 0,
            ending: false,
            troubles: 0,
        }
    }

    /// What this device cannot see at all.
    pub fn blind() -> Vec<Fact> {
        use Kind::{Accounts, Cell, Clipboard, Identifiers, InstalledApps, Wifi};
        let not = |kinds: &[Kind], rung, what: &str| Fact::NotWatched {
            kinds: kinds.to_vec(),
            rung,
            what: what.to_owned(),
            settled_by: "the `jvm` device".to_owned(),
        };
        let own = [Cell, Wifi, Identifiers, Accounts, InstalledApps];
        vec![
            not(
                &[Cell, Wifi, Identifiers, Accounts, InstalledApps, Clipboard],
                Rung::Read,
                "Android keeps no books of every read of these",
            ),
            not(&own, Rung::Stored, "the guest has its own, which are not known as the trial's"),
            not(&own, Rung::Transmitted, "the guest has its own, which are not known as the trial's"),
            not(Kind::ALL, Rung::Requested, "a request that Android answers without a dialog is not seen"),
        ]
    }

    /// The guest has restarted, at this time of its clock: its books are empty, and these keep them.
    pub fn restarted(&mut self, born: i64, services: Services) -> Vec<Told> {
        self.services = Some(services);
        // App operations are kept on disk; what the services keep in memory is gone, and their dates are of another life.
        (self.camera, self.audio) = (None, None);
        self.visible = false;
        (self.life, self.log_until) = (born, born);
        self.close_all()
    }

    /// The device's state changed at this time, which is the begin of a second of the guest; or its owner is about to act.
    pub fn marked(&mut self, at: Nanos) {
        self.marks.push(at);
    }

    /// Pictures were opened.
    fn opened(&mut self, opens: Vec<Open>) {
        let clock = lock(&self.clock);
        self.frames.opened(opens.into_iter().map(|o| (clock.date(o.host), o)));
    }

    /// Whether the app could be seen at the last poll.
    pub const fn is_visible(&self) -> bool {
        self.visible
    }

    /// Asks the books, and then which pictures were opened: what a book knows was opened before.
    pub async fn poll(&mut self, phone: &Phone, pictures: Option<&Pictures>, first: bool) -> Result<Vec<Told>, Problem> {
        let look = phone.look().await?;
        let mut told = Vec::new();
        let (set, now) = {
            let mut clock = lock(&self.clock);
            (clock.look(look), clock.date(look.after))
        };
        if set {
            // By whom is not known, and what the books date around it is worth less.
            self.trouble(&mut told, now, "dates, as the guest's clock was set");
        }
        self.seen(phone, &mut told, now).await?;
        let record = async |service: &str| {
            let asked = monotonic_nanos();
            phone.run_long(&format!("dumpsys {service}"), RECORD, phone.within).await.map(|done| (asked, done.stdout))
        };
        let (camera, audio, ops) = (record("media.camera").await?, record("audio").await?, record("appops").await?);
        // Asked for after the books: one that was new before is seen now, and one that dies later is seen the next time.
        self.keepers(&mut told, Services::read(phone).await?, now);
        self.streams = pictures.is_some_and(Pictures::streams);
        if let Some(seen) = pictures.map(Pictures::take) {
            self.opened(seen.opens);
            if let Some(what) = seen.trouble {
                told.push((now, Source::Device, Fact::Lost { what, count: 1 }));
            }
        }
        let speed = lock(&self.clock).speed();
        let after = phone.look().await?;
        let clock = |asked| phone.clock(asked, &after, speed);
        let camera = camera::parse(&camera.1, &clock(camera.0));
        let audio = audio::parse(&audio.1, &clock(audio.0));
        let ops = appops::parse(&ops.1, &clock(ops.0));
        if first {
            (self.camera, self.audio, self.ops) = (Some(camera), Some(audio), Some(ops));
            self.log_until = look.wall_ms;
            return Ok(told);
        }
        let of_camera = access::camera(self.camera.as_ref(), &camera);
        self.take(&mut told, now, of_camera, "records of the camera service");
        let of_audio = access::audio(self.audio.as_ref(), &audio);
        self.take(&mut told, now, of_audio, "records of the audio service");
        let of_ops = access::ops(self.ops.as_ref(), &ops);
        self.take(&mut told, now, of_ops, "records of app operations");
        // A poll that was cut is not what the next one is compared with.
        if camera.notes.is_whole() {
            self.camera = Some(camera);
        }
        if audio.notes.is_whole() {
            self.audio = Some(audio);
        }
        if ops.notes.is_whole() {
            self.ops = Some(ops);
        }
        self.log(&mut told, phone, look).await?;
        let near = self.near();
        self.frames.left_over(&mut told, now, near, &mut self.sessions);
        Ok(told)
    }

    /// A service that is another than before has a book without what was; the sessions in the old one have ended with it.
    fn keepers(&mut self, told: &mut Vec<Told>, services: Services, now: Nanos) {
        let Some(before) = self.services.replace(services.clone()) else {
            for name in services.unknown() {
                told.push((now, Source::Device, Fact::Lost { what: format!("whether `{name}` was restarted"), count: 1 }));
            }
            return;
        };
        for name in services.other_than(&before) {
            self.trouble(told, now, &format!("what `{name}` knew, as it was restarted"));
            let sensor = match name {
                "system_server" => {
                    self.audio = None;
                    Sensor::Microphone
                }
                "cameraserver" => {
                    self.camera = None;
                    Sensor::Camera
                }
                _ => continue,
            };
            for key in self.open.keys().filter(|k| k.0 == sensor).cloned().collect::<Vec<_>>() {
                self.end(told, key, now, now);
            }
        }
    }

    async fn seen(&mut self, phone: &Phone, told: &mut Vec<Told>, now: Nanos) -> Result<(), Problem> {
        let top = activity::parse(&phone.run("dumpsys activity activities").await?.stdout);
        let visible = top.value.visible(&self.app.package);
        if visible.is_none() || !top.notes.is_whole() {
            self.trouble(told, now, "which app is on the screen");
        }
        // What is not known is taken in the app's favour.
        self.visible = visible.unwrap_or(true);
        Ok(())
    }

    fn trouble(&mut self, told: &mut Vec<Told>, at: Nanos, what: &str) {
        self.troubles += 1;
        if self.troubles <= TROUBLES {
            told.push((at, Source::Device, Fact::Lost { what: what.to_owned(), count: 1 }));
        }
    }

    fn take(&mut self, told: &mut Vec<Told>, now: Nanos, changes: Changes, what: &str) {
        if changes.gap.is_some() {
            self.trouble(told, now, what);
        }
        for a in changes.accesses {
            let books = a.source == access::Source::AppOps;
            if !books && [a.span.from, a.span.to].iter().flatten().any(|w| w.latest < self.life) {
                continue;
            }
            let ours = match (a.uid, &a.package) {
                (Some(uid), _) => uid == self.app.uid,
                (None, Some(package)) => *package == self.app.package,
                (None, None) => false,
            };
            if ours {
                if !books && self.is_misdated(&a) {
                    self.trouble(told, now, &format!("a date in the {what}, which is not of the trial"));
                }
                self.access(told, now, a);
            } else if let Some(package) = a.package.clone().filter(|_| !books) {
                self.access_of(told, now, a, &package);
            }
        }
    }

    fn access(&mut self, told: &mut Vec<Told>, now: Nanos, a: Access) {
        let sensor = match a.what {
            What::Camera => Some(Sensor::Camera),
            What::Microphone => Some(Sensor::Microphone),
            _ => None,
        };
        // App ops know of both sensors too, later and less; they count where they refuse.
        let books = a.source == access::Source::AppOps;
        match (sensor, a.outcome) {
            (Some(sensor), Outcome::Opened | Outcome::Unsilenced) if !books => {
                let at = self.date(a.span.from, now);
                self.silent.remove(&a.id);
                self.begin(told, sensor, &a, at, None);
            }
            (Some(Sensor::Microphone), Outcome::Closed) if self.silent.remove(&a.id) => {}
            (Some(sensor), Outcome::Closed) if !books => {
                let at = self.date(a.span.to, now);
                // Its begin may lie before the first poll.
                if !self.open.contains_key(&(sensor, a.id.clone())) && a.span.from.is_some() {
                    let from = self.date(a.span.from, now);
                    self.begin(told, sensor, &a, from, None);
                }
                let latest = a.span.to.and_then(|w| lock(&self.clock).of_wall(w.latest)).unwrap_or(now);
                self.end(told, (sensor, a.id), at, latest);
            }
            (Some(sensor), Outcome::Silenced) if !books => {
                let at = self.date(a.span.from, now);
                let first = self.silent.insert(a.id.clone());
                if self.open.contains_key(&(sensor, a.id.clone())) {
                    self.end(told, (sensor, a.id), at, at);
                } else if first && a.span.from.is_some() {
                    told.push((at, Source::Device, Self::refusal(Some(sensor), None, "the recorder", "silenced: it got zeros")));
                }
            }
            (Some(sensor), Outcome::Refused) => {
                let at = self.date(a.span.from, now);
                let reason = a.reason.unwrap_or_else(|| a.state.map_or_else(String::new, |s| format!("in state {s:?}")));
                told.push((at, Source::Device, Self::refusal(Some(sensor), None, &a.id, &reason)));
            }
            (None, Outcome::Accessed | Outcome::Refused) => {
                let at = self.date(a.span.from, now);
                let data = kind(a.what);
                let what = format!("app operation {}", a.id);
                let fact = if a.outcome == Outcome::Accessed {
                    Fact::Read { data, what, rows: None }
                } else {
                    Self::refusal(None, Some(data), &what, a.reason.as_deref().unwrap_or_default())
                };
                told.push((at, Source::Device, fact));
            }
            _ => {}
        }
    }

    /// A session of somebody else in the guest. What the feed gives it is not the app's.
    fn access_of(&mut self, told: &mut Vec<Told>, now: Nanos, a: Access, package: &str) {
        let sensor = match a.what {
            What::Camera => Sensor::Camera,
            What::Microphone => Sensor::Microphone,
            _ => return,
        };
        let key = (sensor, name_of(package, &a.id));
        match a.outcome {
            Outcome::Opened | Outcome::Unsilenced => {
                let at = self.date(a.span.from, now);
                self.begin(told, sensor, &a, at, Some(package));
            }
            Outcome::Closed => {
                let at = self.date(a.span.to, now);
                if !self.open.contains_key(&key) && a.span.from.is_some() {
                    let from = self.date(a.span.from, now);
                    self.begin(told, sensor, &a, from, Some(package));
                }
                let latest = a.span.to.and_then(|w| lock(&self.clock).of_wall(w.latest)).unwrap_or(now);
                self.end(told, key, at, latest);
            }
            // It gets zeros.
            Outcome::Silenced => {
                let at = self.date(a.span.from, now);
                self.end(told, key, at, at);
            }
            _ => {}
        }
    }

    fn refusal(sensor: Option<Sensor>, data: Option<Kind>, what: &str, reason: &str) -> Fact {
        let cut = |s: &str| s.chars().take(300).collect::<String>();
        Fact::Refused { sensor, data, what: cut(what), reason: cut(reason) }
    }

    fn begin(&mut self, told: &mut Vec<Told>, sensor: Sensor, a: &Access, at: Nanos, other: Option<&str>) {
        self.sessions += 1;
        let session = self.sessions;
        let facing = (sensor == Sensor::Camera).then(|| if a.id == FRONT { Facing::Front } else { Facing::Back });
        let name = other.map_or_else(|| a.id.clone(), |package| name_of(package, &a.id));
        self.open.insert((sensor, name), Opened { session, from: at, facing, others: other.is_some() });
        let api = if sensor == Sensor::Camera { "CameraService" } else { "AudioService" };
        let opened = Fact::Opened {
            sensor,
            id: a.id.chars().take(80).collect(),
            facing,
            api: api.to_owned(),
            session,
            preview_visible: sensor == Sensor::Camera && self.visible,
        };
        let opened = other.map_or(opened, |package| OthersSession { sensor, session, package: package.chars().take(200).collect() }.into());
        told.push((at, Source::Device, opened));
        if let Some(facing) = facing
            && !(self.streams && facing == Facing::Back)
        {
            let near = self.near();
            self.frames.begin(told, facing, session, at, near);
        }
    }

    fn near(&self) -> Duration {
        NEAR.0.max(NEAR.1.mul_f64(lock(&self.clock).speed().max(0.01)))
    }

    fn end(&mut self, told: &mut Vec<Told>, key: (Sensor, String), at: Nanos, latest: Nanos) {
        let Some(Opened { session, from, facing, others }) = self.open.remove(&key) else { return };
        if key.0 == Sensor::Microphone {
            let (first, last) = sound::blocks(from, latest, &self.marks);
            let delivered = Fact::Delivered { sensor: Sensor::Microphone, facing: None, session, first, last, count: last - first + 1 };
            told.push((at, Source::Feed, delivered));
        } else if self.streams && facing != Some(Facing::Front) {
            told.push((at, Source::Feed, frames::streamed(session, from, latest)));
        } else {
            self.frames.end(told, session, latest);
        }
        if !others {
            told.push((at.max(from), Source::Device, Fact::Closed { sensor: key.0, session }));
        }
    }

    /// Ends all that is open: the app was ended.
    pub fn close_all(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        let now = lock(&self.clock).now(monotonic_nanos());
        for key in self.open.keys().cloned().collect::<Vec<_>>() {
            self.end(&mut told, key, now, now);
        }
        self.frames.tell_all(&mut told, now, &mut self.sessions);
        told
    }

    /// Whether a record of the app is dated before the trial, or after now: then its date is of another zone or clock than was set.
    fn is_misdated(&self, a: &Access) -> bool {
        let clock = lock(&self.clock);
        let ahead = clock.date(monotonic_nanos()).plus(AHEAD.mul_f64(clock.speed().max(1.0)));
        let when = |w: &When| clock.of_wall(w.latest).is_none() || clock.of_wall(w.earliest).is_some_and(|at| at > ahead);
        [a.span.from, a.span.to].iter().flatten().any(when)
    }

    /// The trial's time of a record: the earliest that it allows, but not before a change of state within the same second.
    fn date(&self, when: Option<When>, now: Nanos) -> Nanos {
        let Some(when) = when else { return now };
        let clock = lock(&self.clock);
        let Some(latest) = clock.of_wall(when.latest) else { return Nanos::ZERO };
        let earliest = clock.of_wall(when.earliest).unwrap_or(Nanos::ZERO);
        let mark = self.marks.iter().rev().copied().find(|m| *m > earliest && *m <= latest);
        mark.unwrap_or(earliest).min(now)
    }
}

/// How a session of somebody else is called here: both may have the same name in the books, one after the other.
fn name_of(package: &str, id: &str) -> String {
    format!("{package} {id}")
}

fn lock_date(clock: &SharedClock, look: Look) -> Nanos {
    lock(clock).date(look.after)
}

const fn kind(what: What) -> Kind {
    match what {
        What::Camera => Kind::Camera,
        What::Microphone => Kind::Microphone,
        What::Location => Kind::Location,
        What::Contacts => Kind::Contacts,
        What::CallLog => Kind::CallLog,
        What::Calendar => Kind::Calendar,
        What::Wifi => Kind::Wifi,
        What::Cell => Kind::Cell,
        What::Sms => Kind::Sms,
        What::Clipboard => Kind::Clipboard,
        What::Identifiers => Kind::Identifiers,
        What::Accounts => Kind::Accounts,
        What::MediaFiles => Kind::MediaFiles,
        What::InstalledApps => Kind::InstalledApps,
    }
}
