//! Following a job.

use std::time::Duration;

use reqwest::{Method, header};
use stakeout_contract::{
    JobId,
    api::events::{Event, What},
};

use crate::{Client, ClientError};

/// Longest line that is taken, bytes: 500 observations are in one.
const LINE_MAX: usize = 64 << 20;

impl Client {
    /// Tells every event of a job, in order, each once, until the job has ended or `on` says stop. A lost connection is made
    /// again from the last event on.
    pub async fn follow(&self, job: &JobId, mut on: impl FnMut(Event) -> bool) -> Result<(), ClientError> {
        let path = format!("v1/jobs/{job}/events");
        let mut last = 0;
        loop {
            let mut stream = self
                .send(|| Ok(self.request(Method::GET, &path)?.header("Last-Event-ID", last).header(header::ACCEPT, "text/event-stream")))
                .await?;
            let mut lines = Lines::default();
            let broken = loop {
                match stream.chunk().await {
                    Ok(Some(bytes)) => lines.add(&bytes),
                    Ok(None) => break false,
                    Err(_) => break true,
                }
                while let Some(data) = lines.data() {
                    let event: Event = serde_json::from_str(&data).map_err(|e| self.answer(format!("an event: {e}")))?;
                    last = event.number;
                    let ended = matches!(&event.what, What::Job { state, .. } if state.is_final());
                    if !on(event) || ended {
                        return Ok(());
                    }
                }
                if lines.buffer.len() > LINE_MAX {
                    return Err(self.answer("an event is too long"));
                }
            };
            if broken {
                tokio::time::sleep(Duration::from_millis(500)).await;
            } else {
                // The server let go: it was stopped, or the job has ended and nothing is left to tell.
                let job: stakeout_contract::api::jobs::Job = self.get(&format!("v1/jobs/{job}")).await?;
                if job.state.is_final() {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// The lines of a stream (WHATWG HTML, server-sent events); only `data` matters here.
#[derive(Default)]
struct Lines {
    buffer: Vec<u8>,
    seen: usize,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event's data.
    fn data(&mut self) -> Option<String> {
        let from = self.seen.saturating_sub(1);
        let Some(end) = self.buffer[from..].windows(2).position(|w| w == b"\n\n") else {
            self.seen = self.buffer.len();
            return None;
        };
        let event: Vec<u8> = self.buffer.drain(..from + end + 2).collect();
        self.seen = 0;
        let text = String::from_utf8_lossy(&event).into_owned();
        let data: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("data:")).map(|d| d.strip_prefix(' ').unwrap_or(d)).collect();
        if data.is_empty() { self.data() } else { Some(data.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = b": hello\n\nid: 1\ndata: {\"a\":\ndata: 1}\n\nid: 2\ndata: x\n\n";
        for cut in 1..text.len() {
            let mut lines = Lines::default();
            let mut got = Vec::new();
            for part in text.chunks(cut) {
                lines.add(part);
                while let Some(d) = lines.data() {
                    got.push(d);
                }
            }
            assert_eq!(got, ["{\"a\":\n1}", "x"], "{cut}");
        }
    }
}
