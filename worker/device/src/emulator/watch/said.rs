//! What the guest's log says of the app: its crashes and ends.

use stakeout_contract::observation::{Fact, Source};
use stakeout_links::guest::quote;
use stakeout_protocol::Problem;
use stakeout_truth::logcat::{self, Said};

use super::{
    super::{clock::Look, phone::Phone},
    RECORD, Told, Watch, lock_date,
};

impl Watch {
    /// Crashes and ends of the app, by the log: what the system's own processes say, and what the app says of itself.
    pub(super) async fn log(&mut self, told: &mut Vec<Told>, phone: &Phone, look: Look) -> Result<(), Problem> {
        let since = format!("{}.{:03}", self.log_until / 1000, self.log_until % 1000);
        let command = format!("logcat -d -B -b main,system,crash -T {}", quote(&since));
        let said = phone.run_long(&command, RECORD, phone.within).await?;
        let log = logcat::parse_binary(&said.stdout);
        let after = self.log_until;
        if !log.notes.is_whole() {
            self.trouble(told, lock_date(&self.clock, look), "lines of the guest's log");
        }
        // The date of a line is its writer's word: what lies ahead is read when its time comes.
        let new = || log.value.lines.iter().filter(move |l| l.when.earliest > after && l.when.earliest <= look.wall_ms);
        let ours: Vec<&logcat::Line> = new().filter(|l| l.uid == Some(self.app.uid)).collect();
        let now = lock_date(&self.clock, look);
        for c in logcat::crashes(ours) {
            let at = self.date(Some(c.when), now);
            let cut = |s: &str| s.chars().take(300).collect::<String>();
            let message = cut(c.first.as_deref().unwrap_or("an exception"));
            told.push((at, Source::Device, Fact::Crashed { message, trace: c.frames.iter().take(16).map(|f| cut(f)).collect() }));
        }
        let system: Vec<&logcat::Line> = new().filter(|l| l.uid.is_some_and(|u| logcat::TRUSTED.contains(&u))).collect();
        for line in system {
            let mine = |process: &str| process == self.app.package || process.starts_with(&format!("{}:", self.app.package));
            let at = self.date(Some(line.when), now);
            match logcat::said(line) {
                Some(Said::NotAnswering { process }) if mine(&process) => {
                    told.push((at, Source::Device, Fact::Anr { message: process.chars().take(200).collect() }));
                }
                Some(Said::Died { process, .. }) if mine(&process) && !self.ending => {
                    let line = format!("the app's process `{}` has died", process.chars().take(200).collect::<String>());
                    told.push((at, Source::Device, Fact::Log { line }));
                }
                _ => {}
            }
        }
        self.log_until = look.wall_ms;
        Ok(())
    }
}
