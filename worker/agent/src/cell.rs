//! Cells that are booted and belong to no trial yet, kept warm so that a trial need not wait for one.

use std::{path::PathBuf, sync::Arc, time::Duration};

use stakeout_contract::DeviceKind;
use stakeout_protocol::device::{Booted, Hello, Verb};
use tokio::{sync::Mutex, task::JoinHandle, time::Instant};

use crate::{
    Limits,
    error::{Failure, chain},
    keep::Keep,
    link::{CellControl, CellKind, Cells},
    record::{LOG_TAIL, Record},
    talk::Talk,
};

/// Real time in which a device must have booted: a guest that does not load its snapshot is given a cold boot.
const fn boot_within(kind: DeviceKind) -> Duration {
    match kind {
        DeviceKind::Jvm | DeviceKind::EmulatorFake => Duration::from_secs(120),
        DeviceKind::Emulator => Duration::from_secs(1200),
    }
}
/// Real time in which a device must say who it is.
const HELLO_WITHIN: Duration = Duration::from_secs(30);

/// A sealed cell whose device is booted.
pub struct Ready<C> {
    /// Its handle.
    pub control: C,
    /// The conversation with it.
    pub talk: Talk,
    /// What the device is.
    pub hello: Hello,
    /// What was asked for.
    pub kind: CellKind,
    /// Id of the device's image.
    pub image_id: String,
    /// Seconds that making it took.
    pub cell_seconds: f64,
    /// Seconds that its boot took.
    pub boot_seconds: f64,
}

/// What booting needs to know.
#[derive(Clone)]
pub struct Ground {
    /// Folder for what trials leave until it is handed in.
    pub dir: PathBuf,
    /// Bounds.
    pub limits: Limits,
}

/// Makes a cell and boots its device. Nothing stays if it fails.
pub async fn boot<C: Cells>(cells: &C, kind: &CellKind, ground: &Ground) -> Result<Ready<C::Control>, Failure> {
    let begin = Instant::now();
    let image_id = cells.image_id(&kind.image).await.map_err(|e| Failure::stage("cell", e.to_string()))?;
    let (link, control) = cells.create(kind).await.map_err(|e| Failure::stage("cell", chain(&e)))?;
    let made = Instant::now();
    let outcome = async {
        let keep =
            Keep::new(&ground.dir, ground.limits.kept_bytes).map_err(|e| Failure::stage("cell", format!("no room for a trial: {e}")))?;
        let mut talk = Talk::new(link, keep, Record::new(ground.limits.observations), ground.limits.kept_bytes);
        let hello = match talk.device::<Hello>(Verb::Hello, made + HELLO_WITHIN).await {
            Ok(h) if h.kind == kind.device => h,
            // A stand-in must never answer for the real thing.
            Ok(h) => return Err(Failure::stage("cell", format!("`{}` is a `{}` device and not `{}`", kind.image, h.kind, kind.device))),
            Err(e) => return Err(Failure::stage("cell", e.to_string()).with_log(talk.record.log_tail())),
        };
        let verb = Verb::Boot { api: kind.api, locale: kind.locale.clone() };
        let booted: Result<Booted, _> = talk.device(verb, Instant::now() + boot_within(kind.device)).await;
        match booted {
            Ok(b) if b.api == kind.api => Ok((talk, hello)),
            Ok(b) => Err(Failure::stage("boot", format!("the device booted API {} instead of {}", b.api, kind.api))),
            Err(e) => Err(Failure::stage("boot", e.to_string()).with_log(talk.record.log_tail())),
        }
    }
    .await;
    match outcome {
        Ok((talk, hello)) => {
            let (cell_seconds, boot_seconds) = ((made - begin).as_secs_f64(), made.elapsed().as_secs_f64());
            Ok(Ready { control, talk, hello, kind: kind.clone(), image_id, cell_seconds, boot_seconds })
        }
        Err(e) => {
            let e = e.with_log(crate::text::tail(&control.post_mortem().await, LOG_TAIL));
            control.destroy().await;
            Err(e)
        }
    }
}

type Boot<C> = (CellKind, JoinHandle<Result<Ready<<C as Cells>::Control>, Failure>>);

/// Warm cells. Each is given away once.
pub struct Pool<C: Cells> {
    cells: Arc<C>,
    ground: Ground,
    warm: u32,
    boots: Mutex<Vec<Boot<C>>>,
}

impl<C: Cells> Pool<C> {
    /// A pool of at most `warm` cells.
    pub fn new(cells: Arc<C>, ground: Ground, warm: u32) -> Self {
        Self { cells, ground, warm, boots: Mutex::new(Vec::new()) }
    }

    /// A booted cell: a warm one that still answers, else a new one.
    pub async fn take(&self, kind: &CellKind) -> Result<Ready<C::Control>, Failure> {
        let warm = {
            let mut boots = self.boots.lock().await;
            boots.iter().position(|(k, _)| k == kind).map(|i| boots.remove(i).1)
        };
        if let Some(task) = warm {
            let begin = Instant::now();
            // One that did not come up says why when it is made again.
            if let Ok(Ok(mut ready)) = AbortOnDrop(task).join().await {
                // The answer also says that all it said before was read.
                let hello: Result<Hello, _> = ready.talk.device(Verb::Hello, Instant::now() + HELLO_WITHIN).await;
                if hello.is_ok() {
                    // What a trial waited for, which is what it costs.
                    (ready.cell_seconds, ready.boot_seconds) = (0.0, begin.elapsed().as_secs_f64());
                    return Ok(ready);
                }
                tracing::info!("a warm cell does not answer any more");
                ready.control.destroy().await;
            }
        }
        boot(&*self.cells, kind, &self.ground).await
    }

    /// Keeps as many warm cells of this kind as there may be; others make room.
    pub async fn warm_up(&self, kind: &CellKind, waiting: Option<u32>) {
        let most = self.warm.min(waiting.unwrap_or(u32::MAX)) as usize;
        let mut boots = self.boots.lock().await;
        let (same, others): (Vec<_>, Vec<_>) = std::mem::take(&mut *boots).into_iter().partition(|(k, _)| k == kind);
        *boots = same;
        for _ in boots.len()..most {
            let (cells, kind, ground) = (self.cells.clone(), kind.clone(), self.ground.clone());
            let task = tokio::spawn({
                let kind = kind.clone();
                async move { boot(&*cells, &kind, &ground).await }
            });
            boots.push((kind, task));
        }
        drop(boots);
        for (_, task) in others {
            end(task).await;
        }
    }

    /// Ends all of them.
    pub async fn clear(&self) {
        let boots = std::mem::take(&mut *self.boots.lock().await);
        for (_, task) in boots {
            end(task).await;
        }
    }
}

async fn end<C: CellControl>(task: JoinHandle<Result<Ready<C>, Failure>>) {
    task.abort();
    if let Ok(Ok(ready)) = task.await {
        ready.control.destroy().await;
    }
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn join(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The cell that a lease asks for; none: this worker has no such device.
pub fn kind_of(lease: &stakeout_contract::lease::Lease, images: &crate::Images) -> Option<CellKind> {
    let api = lease.scenario.device.api;
    kind(
        images,
        lease.device,
        api,
        &lease.scenario.device.locale,
        lease.scenario.network.policy == stakeout_contract::scenario::NetworkPolicy::Live,
    )
}

/// A kind of cell by its parts.
pub fn kind(images: &crate::Images, device: DeviceKind, api: u32, locale: &str, live: bool) -> Option<CellKind> {
    images.device(device, api).map(|image| CellKind { device, image: image.to_owned(), api, locale: locale.to_owned(), live })
}
