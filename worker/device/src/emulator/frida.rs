//! An agent inside of the app's processes, by Frida: plain text before the app encrypts it, and who in the app did what.
//!
//! Off unless the operator gives a folder with Frida's own program; nothing is ever fetched. The program is pushed into the guest
//! and run there as root, once for each process of the app, with a script of ours ([`script`], `frida/agent.js`), whose lines
//! ([`lines`]) come by the program's standard output ([`seek`]). What they come to is in [`ear`]: the facts of the jvm device,
//! told as the app's own word (`host`), since the app shares the process.
//!
//! Without it everything else is as it is with it: it takes nothing away, and a trial goes on whatever becomes of it. That it was
//! there, in which processes, and where not and why, is in the trial's record.

pub mod ear;
pub mod lines;
pub mod script;
pub mod seek;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use stakeout_contract::Nanos;
use stakeout_links::guest::Guest as _;
use stakeout_protocol::Problem;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use self::{
    ear::{Ear, Heard},
    script::Kit,
    seek::{Seeker, say},
};
use super::{
    apps::App,
    clock::{SharedClock, lock},
    layout::Layout,
    phone::{FOLDER, Phone, first_line, problem},
    watch::Told,
};
use crate::core::{outbox::Outbox, window::monotonic_nanos};

/// Names in the guest: Frida's program, which is the process's too, and the script.
const NAME: &str = "stakeout-frida";
const SCRIPT: &str = "stakeout-agent.js";
/// Time for the program, which is of 50 to 100 MB, to come into the guest.
const PUSH: Duration = Duration::from_secs(180);
/// How exact the books' dates are: they know seconds, are asked over adb, and a guest may run faster than we do.
const NEAR: (Duration, Duration) = (Duration::from_secs(3), Duration::from_millis(400));
/// Time in which agents of ended processes have said the rest.
const SETTLE: Duration = Duration::from_secs(2);

/// Who listens to the agents.
pub type SharedEar = Arc<Mutex<Ear>>;

/// Agents in an app's processes.
pub struct Frida {
    ear: SharedEar,
    uid: u32,
    within: (Duration, Duration),
    acted: Arc<Mutex<Instant>>,
    running: Arc<AtomicU64>,
    clock: SharedClock,
    out: Outbox,
    /// Ends with its agents when it is dropped. None while the guest restarts.
    seeker: Option<AbortOnDropHandle<()>>,
}

impl Frida {
    /// Begins to look for processes of the app, and says what with.
    pub async fn start(
        phone: &Phone,
        folder: &Path,
        layout: &Layout,
        app: &App,
        clock: &SharedClock,
        out: &Outbox,
    ) -> Result<Self, Problem> {
        let failed = |why: String| Problem::new("failed", why);
        let given = folder.to_owned();
        let kit = tokio::task::spawn_blocking(move || Kit::read(&given)).await.map_err(|e| failed(e.to_string()))?.map_err(failed)?;
        let mut program = tokio::fs::File::open(&kit.program).await.map_err(|e| failed(format!("`{}`: {e}", kit.program.display())))?;
        phone.adb.push(&mut program, &format!("{FOLDER}/{NAME}"), 0o700, PUSH).await.map_err(problem)?;
        phone.adb.push(&mut kit.script.as_bytes(), &format!("{FOLDER}/{SCRIPT}"), 0o600, phone.within).await.map_err(problem)?;
        let said = phone.run(&format!("{FOLDER}/{NAME} --version")).await?;
        if said.failed() {
            return Err(failed(format!("the guest does not run it: {}", first_line(&said))));
        }
        let now = lock(clock).now(monotonic_nanos());
        say(out, now, format!("frida {} listens inside of the app: {}", first_line(&said), kit.words)).await;
        let (ear, acted) = (Arc::new(Mutex::new(Ear::new(&layout.work))), Arc::new(Mutex::new(Instant::now())));
        let within = (layout.deadlines.command, layout.deadlines.agent);
        let running = Arc::new(AtomicU64::new(0));
        let (clock, out, uid) = (clock.clone(), out.clone(), app.uid);
        let seeker = seeker(phone, &ear, &acted, &running, (&clock, &out, uid, within));
        Ok(Self { ear, uid, within, acted, running, clock, out, seeker: Some(seeker) })
    }

    /// The owner acts: processes may come soon.
    pub fn act(&self) {
        *self.acted.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// The guest is about to restart. A process that comes while it boots must not get an agent by one who is not root yet.
    pub async fn rest(&mut self) {
        if self.seeker.take().is_some() {
            let now = self.now();
            self.ear.lock().unwrap_or_else(PoisonError::into_inner).all_gone(now);
            say(&self.out, now, "frida: no longer attached to any process: the phone restarts".to_owned()).await;
        }
    }

    /// The guest has restarted.
    pub fn again(&mut self, phone: &Phone) {
        self.act();
        self.running = Arc::default();
        let seeker = seeker(phone, &self.ear, &self.acted, &self.running, (&self.clock, &self.out, self.uid, self.within));
        self.seeker = Some(seeker);
    }

    /// What was heard; `books` is what Android's own records say meanwhile.
    pub async fn take(&self, books: &[Told]) -> Vec<Heard> {
        let now = self.now();
        let near = NEAR.0.max(NEAR.1.mul_f64(lock(&self.clock).speed().max(0.01)));
        let (heard, remarks) = {
            let mut ear = self.ear.lock().unwrap_or_else(PoisonError::into_inner);
            (ear.take(books, near), ear.remarks(now, false))
        };
        for line in remarks {
            say(&self.out, now, line).await;
        }
        heard
    }

    /// The app was ended: its agents end with it, and have said all then.
    pub async fn settle(&self) {
        let until = Instant::now() + SETTLE;
        while self.running.load(Ordering::Relaxed) > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it. What is left is given, and what was not told is said.
    pub async fn end(self, phone: &Phone) -> Vec<Heard> {
        drop(self.seeker);
        // One that hangs would go on.
        let _ = phone.run(&format!("kill -9 $(pidof {NAME})")).await;
        let now = lock(&self.clock).now(monotonic_nanos());
        let (heard, remarks) = {
            let mut ear = self.ear.lock().unwrap_or_else(PoisonError::into_inner);
            ear.all_gone(now);
            (ear.take(&[], Duration::ZERO), ear.remarks(now, true))
        };
        for line in remarks {
            say(&self.out, now, line).await;
        }
        heard
    }

    fn now(&self) -> Nanos {
        lock(&self.clock).now(monotonic_nanos())
    }
}

fn seeker(
    phone: &Phone,
    ear: &SharedEar,
    acted: &Arc<Mutex<Instant>>,
    running: &Arc<AtomicU64>,
    (clock, out, uid, within): (&SharedClock, &Outbox, u32, (Duration, Duration)),
) -> AbortOnDropHandle<()> {
    // QuickJS, as every build of Frida has it; and what it complains about with what it says.
    let command = format!("{FOLDER}/{NAME} -p PID -R qjs -s {FOLDER}/{SCRIPT} 2>&1");
    let seeker = Seeker {
        adb: phone.adb.clone(),
        command,
        uid,
        clock: clock.clone(),
        out: out.clone(),
        ear: ear.clone(),
        acted: acted.clone(),
        within,
        running: running.clone(),
        bytes: AtomicU64::new(0),
    };
    AbortOnDropHandle::new(tokio::spawn(seeker.seek()))
}
