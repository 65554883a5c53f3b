//! Calls that come at the same time go together: one transaction for all that wait, in place of one for each.
//!
//! A call that comes when none left lately leaves at once. Those that come soon after wait until the next may leave, or one is back,
//! and leave together: what a call costs falls as more of them come, and they come sooner than each is worth a transaction of its
//! own.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use crate::StoreError;

/// What is done for many at once.
pub(crate) trait Trip: Send + Sync + 'static {
    /// What is asked.
    type Ask: Send + Sync + 'static;
    /// What comes of it.
    type Got: Send + 'static;

    /// An answer for each, in their order. An error is nobody's own, and nothing was done: it is tried again for each alone.
    fn at_once(&self, asks: &[Self::Ask]) -> impl Future<Output = Result<Vec<Result<Self::Got, StoreError>>, StoreError>> + Send;

    /// Who asked for this has gone meanwhile.
    fn unwanted(&self, _ask: &Self::Ask, got: Self::Got) -> impl Future<Output = ()> + Send {
        drop(got);
        async {}
    }
}

/// Who waits, with whom to tell.
type Waiting<T> = VecDeque<(<T as Trip>::Ask, Tell<T>)>;

/// A station: calls of one kind.
pub(crate) struct Train<T: Trip> {
    yard: Arc<Mutex<Yard<T>>>,
}

struct Yard<T: Trip> {
    waiting: Waiting<T>,
    /// Trains that are on the way, with the one that stands.
    out: usize,
    /// One stands and takes who comes, until it may leave.
    stands: bool,
    /// When the last left.
    left: Option<Instant>,
    line: Line,
}

/// How trains of one kind go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// How many may be on the way.
    pub(crate) tracks: usize,
    /// How many calls go at once.
    pub(crate) seats: usize,
    /// How long after one the next leaves at the soonest.
    pub(crate) pace: Duration,
}

impl<T: Trip> Clone for Train<T> {
    fn clone(&self) -> Self {
        Self { yard: self.yard.clone() }
    }
}

impl<T: Trip> std::fmt::Debug for Train<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Train").finish_non_exhaustive()
    }
}

impl<T: Trip> Train<T> {
    /// With no train yet.
    pub(crate) fn new(line: Line) -> Self {
        Self { yard: Arc::new(Mutex::new(Yard { waiting: VecDeque::new(), out: 0, stands: false, left: None, line })) }
    }

    /// Goes with the next. None: this process ends.
    pub(crate) async fn ride(&self, ask: T::Ask, trip: impl FnOnce() -> T) -> Option<Result<T::Got, StoreError>> {
        let (tell, told) = oneshot::channel();
        let another = {
            let mut yard = self.yard();
            yard.waiting.push_back((ask, tell));
            let another = !yard.stands && yard.out < yard.line.tracks;
            if another {
                (yard.out, yard.stands) = (yard.out + 1, true);
            }
            another
        };
        if another {
            // Not within the call: who gives up waiting must not stop those who came along.
            tokio::spawn(self.clone().run(trip()));
        }
        told.await.ok()
    }

    fn yard(&self) -> MutexGuard<'_, Yard<T>> {
        self.yard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self, trip: T) {
        let mut away = Away { train: self, stands: true, home: false };
        while !away.home {
            away.may_leave().await;
            let (asks, told) = away.leave();
            for ((got, tell), ask) in together(&trip, &asks).await.into_iter().zip(told).zip(&asks) {
                if let Err(Ok(got)) = tell.send(got) {
                    trip.unwanted(ask, got).await;
                }
            }
            away.back();
        }
    }
}

/// A train from its stand to its end.
struct Away<T: Trip> {
    train: Train<T>,
    /// It is the one that stands.
    stands: bool,
    home: bool,
}

impl<T: Trip> Away<T> {
    async fn may_leave(&self) {
        let at = {
            let yard = self.train.yard();
            yard.left.map(|left| left + yard.line.pace)
        };
        if let Some(at) = at {
            sleep_until(at).await;
        }
    }

    /// Those who go now; nobody, where all have given up.
    fn leave(&mut self) -> Aboard<T> {
        self.stands = false;
        let mut yard = self.train.yard();
        yard.stands = false;
        yard.waiting.retain(|(_, tell)| !tell.is_closed());
        let n = yard.waiting.len().min(yard.line.seats);
        if n > 0 {
            yard.left = Some(Instant::now());
        }
        yard.waiting.drain(..n).unzip()
    }

    /// Takes the next who wait, unless another stands for them. One step, so that nobody comes between the look and the end.
    fn back(&mut self) {
        let mut yard = self.train.yard();
        if yard.waiting.is_empty() || yard.stands {
            yard.out -= 1;
            self.home = true;
        } else {
            yard.stands = true;
            self.stands = true;
        }
    }
}

impl<T: Trip> Drop for Away<T> {
    /// One that never came home, as it panicked or the process ends: who waits is told, if no other comes.
    fn drop(&mut self) {
        if !self.home {
            let mut yard = self.train.yard();
            yard.out -= 1;
            yard.stands &= !self.stands;
            if yard.out == 0 {
                yard.waiting.clear();
            }
        }
    }
}

/// Who is to be told.
type Tell<T> = oneshot::Sender<Result<<T as Trip>::Got, StoreError>>;

/// What is asked, and who is to be told, in the same order.
type Aboard<T> = (Vec<<T as Trip>::Ask>, Vec<Tell<T>>);

/// All at once; where that fails each alone, so that an error is only who has it.
async fn together<T: Trip>(trip: &T, asks: &[T::Ask]) -> Vec<Result<T::Got, StoreError>> {
    if asks.is_empty() {
        return Vec::new();
    }
    match trip.at_once(asks).await {
        Ok(all) => all,
        Err(e) if asks.len() == 1 => vec![Err(e)],
        Err(e) => {
            tracing::debug!(calls = asks.len(), error = &e as &dyn std::error::Error, "each is done alone");
            join_all(asks.iter().map(|ask| alone(trip, ask))).await
        }
    }
}

async fn alone<T: Trip>(trip: &T, ask: &T::Ask) -> Result<T::Got, StoreError> {
    let mut all = trip.at_once(std::slice::from_ref(ask)).await?;
    all.pop().unwrap_or(Err(ended()))
}

/// What a call is told whose train never came home.
pub(crate) fn ended() -> StoreError {
    StoreError::Database { doing: "wait for others", source: sqlx::Error::WorkerCrashed }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    /// Doubles numbers. Odd ones are refused; a train with a 13 breaks, alone and with others; a 99 panics.
    #[derive(Clone)]
    struct Double {
        trains: Arc<Mutex<Vec<Vec<u32>>>>,
        unwanted: Arc<Mutex<Vec<u32>>>,
        may: Arc<Semaphore>,
    }

    impl Double {
        fn new(free: usize) -> Self {
            Self { trains: Arc::default(), unwanted: Arc::default(), may: Arc::new(Semaphore::new(free)) }
        }

        fn trains(&self) -> Vec<Vec<u32>> {
            self.trains.lock().unwrap().clone()
        }
    }

    impl Trip for Double {
        type Ask = u32;
        type Got = u32;

        async fn at_once(&self, asks: &[u32]) -> Result<Vec<Result<u32, StoreError>>, StoreError> {
            self.trains.lock().unwrap().push(asks.to_vec());
            self.may.acquire().await.unwrap().forget();
            assert!(!asks.contains(&99), "a test");
            if asks.contains(&13) {
                return Err(ended());
            }
            let one = |n: &u32| if n.is_multiple_of(2) { Ok(n * 2) } else { Err(crate::codec::missing("number", n)) };
            Ok(asks.iter().map(one).collect())
        }

        async fn unwanted(&self, ask: &u32, got: u32) {
            assert_eq!(ask * 2, got);
            self.unwanted.lock().unwrap().push(got);
        }
    }

    fn line(tracks: usize, seats: usize, pace: u64) -> Line {
        Line { tracks, seats, pace: Duration::from_millis(pace) }
    }

    async fn rode(train: &Train<Double>, trip: &Double, n: u32) -> Option<Result<u32, StoreError>> {
        train.ride(n, || trip.clone()).await
    }

    /// Starts rides in this order, when the first is on its way.
    async fn queue(train: &Train<Double>, trip: &Double, all: &[u32]) -> Vec<tokio::task::JoinHandle<Option<Result<u32, StoreError>>>> {
        let mut tasks = Vec::new();
        for n in all {
            let (train, trip, n) = (train.clone(), trip.clone(), *n);
            tasks.push(tokio::spawn(async move { rode(&train, &trip, n).await }));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tasks
    }

    #[tokio::test]
    async fn who_comes_meanwhile_goes_together_and_each_gets_its_own_answer() {
        let (train, trip) = (Train::new(line(1, 3, 0)), Double::new(0));
        let tasks = queue(&train, &trip, &[2, 4, 5, 6, 8]).await;
        trip.may.add_permits(10);
        let mut got = Vec::new();
        for task in tasks {
            got.push(task.await.unwrap().unwrap().ok());
        }
        assert_eq!(got, [Some(4), Some(8), None, Some(12), Some(16)]);
        assert_eq!(trip.trains(), [vec![2], vec![4, 5, 6], vec![8]]);
        assert_eq!(rode(&train, &trip, 10).await.unwrap().unwrap(), 20, "another leaves");
    }

    #[tokio::test]
    async fn what_breaks_is_only_who_breaks_it() {
        let (train, trip) = (Train::new(line(1, 9, 0)), Double::new(0));
        let tasks = queue(&train, &trip, &[2, 4, 13, 6]).await;
        trip.may.add_permits(10);
        let mut got = Vec::new();
        for task in tasks {
            got.push(task.await.unwrap().unwrap().ok());
        }
        assert_eq!(got, [Some(4), Some(8), None, Some(12)]);
        assert_eq!(trip.trains(), [vec![2], vec![4, 13, 6], vec![4], vec![13], vec![6]]);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_does_not_go_and_what_is_got_for_nobody_is_given_back() {
        let (train, trip) = (Train::new(line(1, 9, 0)), Double::new(0));
        let tasks = queue(&train, &trip, &[2, 4, 6]).await;
        tasks[0].abort();
        tasks[1].abort();
        tokio::time::sleep(Duration::from_millis(20)).await;
        trip.may.add_permits(10);
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.ok().map(|got| got.unwrap().unwrap()), (n == 2).then_some(12));
        }
        assert_eq!((trip.trains(), trip.unwanted.lock().unwrap().clone()), (vec![vec![2], vec![6]], vec![4]));
    }

    #[tokio::test]
    async fn two_tracks_are_two_trains_at_a_time() {
        let (train, trip) = (Train::new(line(2, 9, 0)), Double::new(0));
        let tasks = queue(&train, &trip, &[2, 4, 6, 8]).await;
        assert_eq!(trip.trains(), [vec![2], vec![4]]);
        trip.may.add_permits(10);
        for task in tasks {
            task.await.unwrap().unwrap().unwrap();
        }
        assert_eq!(trip.trains().len(), 3);
    }

    #[tokio::test]
    async fn one_that_does_not_come_home_leaves_nobody_waiting() {
        let (train, trip) = (Train::new(line(1, 9, 0)), Double::new(0));
        let tasks = queue(&train, &trip, &[99, 4]).await;
        trip.may.add_permits(10);
        for task in tasks {
            assert!(task.await.unwrap().is_none());
        }
        assert_eq!(rode(&train, &trip, 10).await.unwrap().unwrap(), 20, "another leaves");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_leaves_at_once_and_who_comes_soon_after_waits_for_others() {
        let (train, trip) = (Train::new(line(2, 9, 50)), Double::new(100));
        let began = Instant::now();
        rode(&train, &trip, 2).await.unwrap().unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
        // They come at 0, 20 and 40 ms, and leave at 50.
        let tasks = queue(&train, &trip, &[4, 6, 8]).await;
        for task in tasks {
            task.await.unwrap().unwrap().unwrap();
        }
        assert_eq!((began.elapsed().as_millis() / 10, trip.trains()), (6, vec![vec![2], vec![4, 6, 8]]));
        // A while later nobody is waited for.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        rode(&train, &trip, 10).await.unwrap().unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_train_that_stays_away_does_not_keep_the_next_from_leaving() {
        let (train, trip) = (Train::new(line(2, 9, 50)), Double::new(0));
        let tasks = queue(&train, &trip, &[2, 4, 6, 8, 10]).await;
        assert_eq!(trip.trains(), [vec![2], vec![4, 6]], "the first is not back");
        trip.may.add_permits(10);
        for task in tasks {
            task.await.unwrap().unwrap().unwrap();
        }
        assert_eq!(trip.trains(), [vec![2], vec![4, 6], vec![8, 10]]);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_who_waited_have_given_up_no_train_leaves_and_the_next_call_is_answered() {
        let (train, trip) = (Train::new(line(1, 9, 50)), Double::new(100));
        rode(&train, &trip, 2).await.unwrap().unwrap();
        for task in queue(&train, &trip, &[4, 6]).await {
            task.abort();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(rode(&train, &trip, 10).await.unwrap().unwrap(), 20);
        assert_eq!(trip.trains(), [vec![2], vec![10]]);
    }
}
