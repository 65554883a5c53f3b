//! The microphone by gRPC: the feed of the moment, without a pause, whether somebody records or not.
//!
//! New sound overwrites what waits, so whoever begins to record hears at most 300 ms that are old. What was given is told by
//! who knows when somebody recorded ([`super::watch`]); here is only said from when to when there was sound at all.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use stakeout_contract::Nanos;
use stakeout_links::{
    Control, Fault, LinkError,
    control::{Injection, SoundFormat},
};
use tokio::{task::JoinHandle, time::Instant};

use super::clock::{SharedClock, lock};
use crate::{core::window::monotonic_nanos, feed::SharedFeeds};

/// Samples a second: what the emulator works with.
const RATE: u32 = 44_100;
/// One packet.
const PACKET: Duration = Duration::from_millis(20);
/// How far ahead of the guest's clock sound is given.
const AHEAD: Duration = Duration::from_millis(40);
/// Sound that is further from the guest's clock than this begins anew.
const OFF: Duration = Duration::from_millis(250);
/// Real time of a packet on its way.
const SEND: Duration = Duration::from_secs(10);
/// Pause before the next try after the call broke, and how many there are in a row.
const AGAIN: (Duration, u32) = (Duration::from_millis(300), 5);

/// How it goes.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// There was sound from here on; none: there is none now.
    pub since: Option<Nanos>,
    /// Times without sound, from and until.
    pub gaps: Vec<(Nanos, Nanos)>,
    /// Why there is none any more.
    pub failed: Option<String>,
}

/// Sound into a guest. Dropping it ends the call.
pub struct Sound {
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sound {
    /// Plays the feed by the trial's clock until it is dropped.
    pub fn play(control: Arc<Control>, feeds: SharedFeeds, clock: SharedClock) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let task = tokio::spawn({
            let state = state.clone();
            async move {
                let mut broke = 0;
                let mut last = Instant::now();
                loop {
                    let why = play(&control, &feeds, &clock, &state).await;
                    let now = lock(&clock).now(monotonic_nanos());
                    if last.elapsed() > Duration::from_secs(60) {
                        broke = 0;
                    }
                    (broke, last) = (broke + 1, Instant::now());
                    if ended(&state, now, &why, broke) {
                        return;
                    }
                    tokio::time::sleep(AGAIN.0).await;
                }
            }
        });
        Self { state, task }
    }

    /// How it goes.
    pub fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Notes that the call broke at `now`, for the `broke`th time in a row. Whether another try is hopeless.
fn ended(state: &Mutex<State>, now: Nanos, why: &LinkError, broke: u32) -> bool {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.since = None;
    state.gaps.push((now, now));
    let hopeless = matches!(why.fault, Fault::MicrophoneTaken(_) | Fault::NotImplemented(_) | Fault::Unauthorized(_));
    let end = hopeless || broke >= AGAIN.1 || state.gaps.len() > 1000;
    if end {
        state.failed = Some(why.to_string());
    }
    end
}

/// Plays until it breaks.
async fn play(control: &Control, feeds: &SharedFeeds, clock: &SharedClock, state: &Mutex<State>) -> LinkError {
    let format = SoundFormat { rate: RATE, stereo: false, real_time: true };
    let mut call = match control.inject(format, SEND).await {
        Ok(c) => c,
        Err(e) => return e,
    };
    let mut next: Option<Nanos> = None;
    loop {
        if let Err(e) = catch_up(&mut call, feeds, clock, &mut next).await {
            return e;
        }
        {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.since.is_none() {
                state.since = next;
                // What was missing ends here.
                if let (Some(gap), Some(n)) = (state.gaps.last_mut(), next) {
                    gap.1 = n;
                }
            }
        }
        let speed = lock(clock).speed().max(0.1);
        tokio::time::sleep(PACKET.div_f64(speed * 2.0).max(Duration::from_millis(1))).await;
    }
}

/// Gives what is due.
async fn catch_up(call: &mut Injection, feeds: &SharedFeeds, clock: &SharedClock, next: &mut Option<Nanos>) -> Result<(), LinkError> {
    let now = lock(clock).now(monotonic_nanos());
    let until = now.plus(AHEAD);
    let off = next.is_some_and(|n| n.since(until) > OFF || now.since(n) > OFF);
    let mut at = if off { now } else { next.unwrap_or(now) };
    while at < until {
        let Some(feeds) = feeds.lock().unwrap_or_else(PoisonError::into_inner).clone() else { break };
        let frames = (u64::from(RATE) * PACKET.as_millis() as u64 / 1000) as usize;
        let samples = feeds.microphone().pcm(at.get(), frames, RATE);
        let bytes: Bytes = samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<u8>>().into();
        call.send(bytes, SEND).await?;
        at = at.plus(PACKET);
    }
    *next = Some(at);
    Ok(())
}
