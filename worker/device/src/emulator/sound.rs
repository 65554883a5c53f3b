//! The microphone: the feed of the moment, without a pause, whether somebody records or not.
//!
//! Two ways lead to it ([`Way`]). By the sound server ([`server`], [`pulse`]) it is what the emulator takes for the microphone of
//! its host. By gRPC new sound overwrites what waits, so whoever begins to record hears at most 300 ms that are old. Which it is, is
//! known when the guest has booted: an emulator may have been built without the first, or a console without its command.
//!
//! Both are given the same by one core: a little ahead of the guest's clock, and anew where that is left. What was given is told by
//! who knows when somebody recorded ([`super::watch`]); here is only said from when to when there was sound at all.

mod pulse;
pub mod server;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use stakeout_contract::Nanos;
use stakeout_links::{
    Console, Control, Fault, LinkError,
    control::{Injection, SoundFormat},
};
use tokio::{task::JoinHandle, time::Instant};

use self::server::{Folder, Server};
use super::clock::{SharedClock, lock};
use crate::{core::window::monotonic_nanos, feed::SharedFeeds};

/// Samples a second by gRPC: what the emulator works with.
const RATE: u32 = 44_100;
/// One packet.
const PACKET: Duration = Duration::from_millis(20);
/// How far ahead of the guest's clock sound is given: of the guest's time, and of ours what the sound server takes.
const AHEAD: (Duration, Duration) = (Duration::from_millis(40), Duration::from_millis(15));
/// Sound that is further from the guest's clock than this begins anew.
const OFF: Duration = Duration::from_millis(250);
/// Real time of a packet on its way.
const SEND: Duration = Duration::from_secs(10);
/// Pause before the next try after it broke, and how many there are in a row.
const AGAIN: (Duration, u32) = (Duration::from_millis(300), 5);
/// The emulator's connection with the sound server is as old as its sound card; this is for a busy host.
const CONNECTED: Duration = Duration::from_millis(500);
/// The console's answer.
const CONSOLE: Duration = Duration::from_secs(10);

/// How it goes.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// There was sound from here on; none: there is none now.
    pub since: Option<Nanos>,
    /// Times without sound, from and until.
    pub gaps: Vec<(Nanos, Nanos)>,
    /// Why there is none any more.
    pub failed: Option<String>,
    /// How much of it was on its way through the sound server at most.
    pub delay: Option<Duration>,
}

/// The way that sound takes.
#[derive(Clone)]
pub enum Way {
    /// By the sound server.
    Server(Folder),
    /// By gRPC.
    Grpc(Arc<Control>),
}

impl Way {
    /// The way into a guest that has booted, and a sentence that says which and why. By the sound server, if there is one, its
    /// emulator is connected with it, and the console lets the guest hear it.
    pub async fn choose(server: &mut Result<Server, String>, console: &Console, control: &Arc<Control>) -> (Self, String) {
        match by_server(server, console).await {
            Ok(folder) => (Self::Server(folder), "microphone by pulseaudio".to_owned()),
            Err(why) => (Self::Grpc(control.clone()), format!("microphone by grpc: {why}")),
        }
    }
}

async fn by_server(server: &mut Result<Server, String>, console: &Console) -> Result<Folder, String> {
    let folder = server.as_ref().map_err(Clone::clone)?.folder().clone();
    let until = Instant::now() + CONNECTED;
    while folder.connections() == 0 {
        if Instant::now() >= until {
            let why = "the emulator has not connected with the sound server: one without a window cannot (`STAKEOUT_WINDOW`)";
            // Nobody will.
            *server = Err(why.to_owned());
            return Err(why.to_owned());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    console.host_microphone(true, CONSOLE).await.map_err(|e| format!("the guest is not let hear its host: {e}"))?;
    Ok(folder)
}

/// Why it broke.
struct Broken {
    why: String,
    /// It will again.
    hopeless: bool,
}

impl From<LinkError> for Broken {
    fn from(e: LinkError) -> Self {
        let hopeless = matches!(e.fault, Fault::MicrophoneTaken(_) | Fault::NotImplemented(_) | Fault::Unauthorized(_));
        Self { why: e.to_string(), hopeless }
    }
}

/// What sound is given to.
enum Mouth {
    Server(pulse::Mouth),
    Grpc(Injection),
}

impl Mouth {
    async fn open(way: &Way) -> Result<Self, Broken> {
        match way {
            Way::Server(folder) => {
                let failed = |e| Broken { why: format!("the sound server cannot be reached: {e}"), hopeless: true };
                Ok(Self::Server(pulse::Mouth::open(folder).await.map_err(failed)?))
            }
            Way::Grpc(control) => {
                let format = SoundFormat { rate: RATE, stereo: false, real_time: true };
                Ok(Self::Grpc(control.inject(format, SEND).await?))
            }
        }
    }

    const fn rate(&self) -> u32 {
        match self {
            Self::Server(_) => server::RATE,
            Self::Grpc(_) => RATE,
        }
    }

    /// How far ahead of a guest whose time runs so fast.
    fn ahead(&self, speed: f64) -> Duration {
        match self {
            Self::Server(_) => AHEAD.0.max(AHEAD.1.mul_f64(speed)),
            Self::Grpc(_) => AHEAD.0,
        }
    }

    /// Our time from one look at the clock to the next.
    fn pause(&self, speed: f64) -> Duration {
        let least = if matches!(self, Self::Server(_)) { 5 } else { 1 };
        PACKET.div_f64(speed * 2.0).max(Duration::from_millis(least))
    }

    /// Gives a packet; whether it was taken.
    async fn give(&mut self, packet: Bytes) -> Result<bool, Broken> {
        match self {
            Self::Server(mouth) => mouth.give(&packet),
            Self::Grpc(call) => Ok(call.send(packet, SEND).await.map(|()| true)?),
        }
    }

    /// Whether all is well.
    fn check(&mut self) -> Result<(), Broken> {
        if let Self::Server(mouth) = self { mouth.listen() } else { Ok(()) }
    }

    fn delay(&self) -> Option<Duration> {
        if let Self::Server(mouth) = self { Some(mouth.delay()) } else { None }
    }
}

/// Sound into a guest. Dropping it ends it.
pub struct Sound {
    way: Way,
    clock: SharedClock,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn held(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sound {
    /// Plays the feed by the trial's clock until it is dropped.
    pub fn play(way: Way, feeds: SharedFeeds, clock: SharedClock) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let task = tokio::spawn({
            let (way, clock, state) = (way.clone(), clock.clone(), state.clone());
            async move {
                let mut broke = 0;
                let mut last = Instant::now();
                loop {
                    let why = play(&way, &feeds, &clock, &state).await;
                    let now = lock(&clock).now(monotonic_nanos());
                    if last.elapsed() > Duration::from_secs(60) {
                        broke = 0;
                    }
                    (broke, last) = (broke + 1, Instant::now());
                    if ended(&state, now, why, broke) {
                        return;
                    }
                    tokio::time::sleep(AGAIN.0).await;
                }
            }
        });
        Self { way, clock, state, task }
    }

    /// How it goes.
    pub fn state(&self) -> State {
        held(&self.state).clone()
    }

    /// The guest was restarted: whether an emulator goes on to let it hear its host is not known.
    pub async fn again(&self, console: &Console) {
        let Way::Server(_) = &self.way else { return };
        if let Err(e) = console.host_microphone(true, CONSOLE).await {
            let now = lock(&self.clock).now(monotonic_nanos());
            let why = Broken { why: format!("the guest was restarted, and is not let hear its host: {e}"), hopeless: true };
            ended(&self.state, now, why, 0);
        }
    }
}

/// Notes that it broke at `now`, for the `broke`th time in a row. Whether another try is hopeless.
fn ended(state: &Mutex<State>, now: Nanos, broken: Broken, broke: u32) -> bool {
    let mut state = held(state);
    state.since = None;
    state.gaps.push((now, now));
    let end = broken.hopeless || broke >= AGAIN.1 || state.gaps.len() > 1000;
    if end {
        state.failed.get_or_insert(broken.why);
    }
    end
}

/// Plays until it breaks.
async fn play(way: &Way, feeds: &SharedFeeds, clock: &SharedClock, state: &Mutex<State>) -> Broken {
    let mut mouth = match Mouth::open(way).await {
        Ok(m) => m,
        Err(e) => return e,
    };
    let mut next: Option<Nanos> = None;
    loop {
        if let Err(e) = catch_up(&mut mouth, feeds, clock, &mut next).await {
            return e;
        }
        {
            let mut state = held(state);
            state.delay = state.delay.max(mouth.delay());
            if state.since.is_none() {
                state.since = next;
                // What was missing ends here.
                if let (Some(gap), Some(n)) = (state.gaps.last_mut(), next) {
                    gap.1 = n;
                }
            }
        }
        let speed = lock(clock).speed().max(0.1);
        tokio::time::sleep(mouth.pause(speed)).await;
    }
}

/// Gives what is due.
async fn catch_up(mouth: &mut Mouth, feeds: &SharedFeeds, clock: &SharedClock, next: &mut Option<Nanos>) -> Result<(), Broken> {
    mouth.check()?;
    let (now, speed) = {
        let mut clock = lock(clock);
        (clock.now(monotonic_nanos()), clock.speed())
    };
    let until = now.plus(mouth.ahead(speed));
    let off = next.is_some_and(|n| n.since(until) > OFF || now.since(n) > OFF);
    let mut at = if off { now } else { next.unwrap_or(now) };
    while at < until {
        let Some(feeds) = feeds.lock().unwrap_or_else(PoisonError::into_inner).clone() else { break };
        let frames = (u64::from(mouth.rate()) * PACKET.as_millis() as u64 / 1000) as usize;
        let samples = feeds.microphone().pcm(at.get(), frames, mouth.rate());
        let packet: Bytes = samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>().into();
        if !mouth.give(packet).await? {
            break;
        }
        at = at.plus(PACKET);
    }
    *next = Some(at);
    Ok(())
}
