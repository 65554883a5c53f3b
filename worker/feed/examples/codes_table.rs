//! Measures the codes: `cargo run --release -p stakeout-feed --example codes_table -- OUT.json [N] [camera|scene|sound|negatives]`.
//!
//! Prints a table and writes rows `{what, row, n, found, t_median, millis}`. A camera row counts a picture as found when the exact
//! frame is named with p < 1e-9 over a day of frames (nothing is known of what was delivered) after correction; a sound row, when the
//! second is right to 60 ms with p < 1e-9 over a trial of ten minutes of which one was delivered. Rows that need ffmpeg are
//! left out when it is not there.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/bend/mod.rs"]
mod bend;
#[path = "codes_table/camera.rs"]
mod camera;
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
        println!("| {what} | {row:34} | {found}/{n} | t {t:5.1} | {millis:6.1} ms |");
        self.rows.push(serde_json::json!({"what": what, "row": row, "n": n, "found": found, "t_median": (t * 10.0).round() / 10.0, "millis": (millis * 10.0).round() / 10.0}));
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let out = args.get(1).cloned().unwrap_or_else(|| "codes.json".into());
    let n = args.get(2).and_then(|v| v.parse().ok()).unwrap_or(20);
    let only = args.get(3).map_or("", String::as_str);
    let mut table = Table::default();
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
        camera::negatives(&mut table);
    }
    std::fs::write(&out, serde_json::to_vec_pretty(&table.rows).unwrap()).unwrap();
}
