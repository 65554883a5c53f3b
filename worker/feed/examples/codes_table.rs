//! Measures the codes: `cargo run --release -p stakeout-feed --example codes_table -- OUT.json [N] [drawing|camera|scene|sound|negatives]`
//! (a fourth argument keeps the rows whose name holds it).
//!
//! Prints a table and writes rows `{what, row, n, found, t_median, millis}`. A camera row counts a picture as found when the exact
//! frame is named with p < 1e-9 over a day of frames (nothing is known of what was delivered) after correction; a sound row, when the
//! second is right to 60 ms with p < 1e-9 over a trial of ten minutes of which one was delivered. Rows that need ffmpeg are
//! left out when it is not there.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/bend/mod.rs"]
mod bend;
#[path = "codes_table/bends.rs"]
mod bends;
#[path = "codes_table/camera.rs"]
mod camera;
#[path = "codes_table/codecs.rs"]
mod codecs;
#[path = "codes_table/sound.rs"]
mod sound;

#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<serde_json::Value>,
}

impl Table {
    /// `samples`: (found, t, milliseconds) of each.
    pub(crate) fn row(&mut self, what: &str, row: &str, samples: &[(bool, f64, f64)]) {
        let n = samples.len();
        let found = samples.iter().filter(|s| s.0).count();
        let median = |f: fn(&(bool, f64, f64)) -> f64| {
            let mut v: Vec<f64> = samples.iter().map(f).collect();
            v.sort_by(f64::total_cmp);
            v.get(n / 2).copied().unwrap_or(0.0)
        };
        let (t, millis) = (median(|s| s.1), median(|s| s.2));
        println!("| {what} | {row:34} | {found}/{n} | t {t:5.1} | {millis:6.2} ms |");
        self.rows.push(serde_json::json!({"what": what, "row": row, "n": n, "found": found, "t_median": (t * 10.0).round() / 10.0, "millis": (millis * 100.0).round() / 100.0}));
    }
}

/// Time that this thread had a processor, as the machine may be shared; the wall's where Linux does not say.
pub(crate) struct Watch(std::time::Instant, Option<f64>);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now(), on_processor())
    }

    pub(crate) fn millis(&self) -> f64 {
        match (self.1, on_processor()) {
            (Some(a), Some(b)) => b - a,
            _ => self.0.elapsed().as_secs_f64() * 1e3,
        }
    }
}

fn on_processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|n| n / 1e6)
}

/// How long drawing takes.
fn drawing(table: &mut Table, n: u64) {
    use stakeout_feed::{CameraFeed, FeedMode, MicFeed};
    let mut row = |name: &str, draw: &dyn Fn(u64) -> usize| {
        // The kernel counts in steps of some milliseconds, which is too coarse here: the fastest by the wall.
        let mut best = f64::MAX;
        for i in 0..n {
            let start = std::time::Instant::now();
            std::hint::black_box(draw(i));
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
        }
        table.row("drawing", name, &vec![(true, 0.0, best); n as usize]);
    };
    for (mode, name) in [(FeedMode::Pattern, "pattern"), (FeedMode::Scene, "scene")] {
        let feed = CameraFeed::with_mode(bend::key(1), mode);
        row(&format!("{name} luma 640x480"), &|i| feed.luma(i, 640, 480).len());
        row(&format!("{name} luma 1920x1080"), &|i| feed.luma(i, 1920, 1080).len());
        row(&format!("{name} JPEG 640x480 q90"), &|i| feed.jpeg(i, 640, 480, 90).map_or(0, |v| v.len()));
    }
    let feed = MicFeed::new(bend::key(1));
    row("1 s of sound at 16000 Hz", &|i| feed.pcm(i * 1_000_000_000, 16000, 16000).len());
    row("20 ms of sound at 44100 Hz", &|i| feed.pcm(i * 20_000_000, 882, 44100).len());
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let out = args.get(1).cloned().unwrap_or_else(|| "codes.json".into());
    let n = args.get(2).and_then(|v| v.parse().ok()).unwrap_or(20);
    let only = args.get(3).map_or("", String::as_str);
    let mut table = Table::default();
    if only.is_empty() || only == "drawing" {
        drawing(&mut table, n);
    }
    if only.is_empty() || only == "camera" {
        camera::table(&mut table, n);
    }
    if only.is_empty() || only == "scene" {
        camera::scene_table(&mut table, n);
    }
    if only.is_empty() || only == "sound" {
        sound::table(&mut table, n);
    }
    if only.is_empty() || only == "negatives" {
        camera::negatives(&mut table, n);
    }
    std::fs::write(&out, serde_json::to_vec_pretty(&table.rows).unwrap()).unwrap();
}
