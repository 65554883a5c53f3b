//! A worker that is broken or taken over: `bad_request` or a clean end, never a hang.

use stakeout_agent::talk::AskError;
use stakeout_contract::canary::{Location, PlantData};
use stakeout_protocol::{device::Verb, wire};

use super::common;
use crate::{
    check::{Passed, Scene, Trouble, Verdict, check, ensure, setup, skipped, trouble},
    raw::{self, Raw},
    session::Session,
};

/// Blobs that are begun and never end.
const BLOBS: usize = 200;

pub(super) fn scene() -> Scene {
    Scene {
        name: "hostile",
        checks: vec![
            setup("hello", "the device says who it is", |s| Box::pin(common::hello(s))),
            check("wrong_form", "a verb with a part of another form is `bad_request`", |s| Box::pin(wrong_form(s))),
            check("many_blobs", "blobs without number or end are no end", |s| Box::pin(many_blobs(s))),
            check("unknown_verb", "a verb that is none is `bad_request` under its number", |s| Box::pin(unknown_verb(s))),
            check("no_verb", "so is a message that is no request", |s| Box::pin(no_verb(s))),
            check("no_message", "a line that is no message is a clean end", |s| Box::pin(no_message(s))),
            check("large_chunk", "so is a chunk that is too large", |s| Box::pin(large_chunk(s))),
            check("half_a_chunk", "a worker that leaves within a chunk is a clean end", |s| Box::pin(half_a_chunk(s))),
            check("gone", "so is a worker that says nothing and leaves", |s| Box::pin(gone(s))),
            check("long_line", "a line that is too long is `bad_request` or a clean end", |s| Box::pin(long_line(s))),
        ],
    }
}

async fn wrong_form(s: &mut Session) -> Verdict {
    // What is no number is `null` on the pipe, where the protocol has a number.
    let location = Some(Location { lat: f64::NAN, ..Location::default() });
    s.refused(Verb::Plant { data: PlantData { location, ..PlantData::default() } }, &["bad_request"]).await?;
    s.lives().await?;
    Ok(Passed::Yes)
}

async fn many_blobs(s: &mut Session) -> Verdict {
    for _ in 0..BLOBS {
        s.begin_blob(b"never finished").await?;
    }
    s.lives().await?;
    Ok(Passed::Yes)
}

/// A device's program alone, if there is a way to start one.
fn alone(s: &Session) -> Result<Option<Raw>, Trouble> {
    if !raw::possible() {
        return Ok(None);
    }
    Raw::start(s.plan.device, &s.plan.image, &s.plan.limits, &s.walls).map(Some)
}

const NO_PROGRAM: &str = "the engine's program `docker` is not on the path, and the pipe of a cell carries no such bytes";

/// These lines, of which the last has the number 7, are answered there with `bad_request`; and the device lives on.
async fn answered(s: &Session, bytes: &[u8]) -> Verdict {
    let Some(mut r) = alone(s)? else { return skipped(NO_PROGRAM) };
    r.write(bytes).await;
    let answer = r.answer(7).await?.ok_or_else(|| trouble("`bad_request`", "it ended"))?;
    let code = answer.pointer("/error/code").and_then(serde_json::Value::as_str);
    ensure(code == Some("bad_request"), "`bad_request`", || answer.to_string())?;
    r.write(b"{\"id\":8,\"verb\":\"hello\"}\n").await;
    let hello = r.answer(8).await?.ok_or_else(|| trouble("an answer to `hello`", "it ended"))?;
    ensure(hello.pointer("/ok/kind").is_some(), "an answer to `hello`", || hello.to_string())?;
    r.leave().await?;
    Ok(Passed::Yes)
}

async fn unknown_verb(s: &mut Session) -> Verdict {
    answered(s, b"{\"id\":7,\"verb\":\"no_such_verb\"}\n").await
}

async fn no_verb(s: &mut Session) -> Verdict {
    answered(s, b"{\"id\":7,\"verb\":[\"hello\"],\"ok\":{}}\n").await
}

/// It answers `hello`, and ends by itself after these bytes.
async fn ends(s: &Session, bytes: &[u8]) -> Verdict {
    let Some(mut r) = alone(s)? else { return skipped(NO_PROGRAM) };
    r.write(b"{\"id\":1,\"verb\":\"hello\"}\n").await;
    ensure(r.answer(1).await?.is_some(), "an answer to `hello`", || "it ended".to_owned())?;
    r.write(bytes).await;
    r.ended().await?;
    Ok(Passed::Yes)
}

async fn no_message(s: &mut Session) -> Verdict {
    ends(s, b"\xff\xfe this is no message\n").await
}

async fn large_chunk(s: &mut Session) -> Verdict {
    let head = format!("{{\"chunk\":{{\"blob\":1,\"bytes\":{}}}}}\n", wire::CHUNK_MAX as u64 + 1);
    ends(s, head.as_bytes()).await
}

async fn half_a_chunk(s: &mut Session) -> Verdict {
    let Some(mut r) = alone(s)? else { return skipped(NO_PROGRAM) };
    r.write(b"{\"id\":1,\"verb\":\"hello\"}\n").await;
    ensure(r.answer(1).await?.is_some(), "an answer to `hello`", || "it ended".to_owned())?;
    r.write(b"{\"chunk\":{\"blob\":1,\"bytes\":1000}}\nonly these").await;
    r.leave().await?;
    Ok(Passed::Yes)
}

async fn gone(s: &mut Session) -> Verdict {
    let Some(r) = alone(s)? else { return skipped(NO_PROGRAM) };
    r.leave().await?;
    Ok(Passed::Yes)
}

/// The last of its scene: the cell ends with it.
async fn long_line(s: &mut Session) -> Verdict {
    let locale = "x".repeat(wire::LINE_MAX + 10);
    match s.done(Verb::Boot { api: 1, locale }).await {
        Err(AskError::Ended(..)) => Ok(Passed::Yes),
        Err(AskError::Problem(p)) if p.code == "bad_request" => Ok(Passed::Yes),
        Err(e) => Err(e.into()),
        Ok(()) => Err(trouble("`bad_request` or an end", "it was done")),
    }
}
