//! Prints the page of a made-up job, to look at: `cargo run --release -p stakeout-report --example sample > sample.html`.

#[path = "../tests/sample/mod.rs"]
mod sample;

fn main() -> Result<(), stakeout_report::ReportError> {
    print!("{}", stakeout_report::html(&sample::sample().input())?);
    Ok(())
}
