//! Messages of the system's own processes, in the words that API 26 to 36 have for them.

use serde::{Deserialize, Serialize};

use super::{Level, Line};
use crate::{
    audio::{self, Rec},
    lines::between,
    when::When,
};

/// Frames that are kept of a crash.
const FRAMES: usize = 16;

/// What a line says, in words that are known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// A camera was asked for (cameraserver). Written before anything is checked, so an attempt; the package is the app's own word.
    CameraAsked {
        /// By which process.
        pid: i32,
        /// Which package it says it is.
        package: String,
        /// The camera's name.
        camera: String,
    },
    /// A camera was closed (cameraserver).
    CameraClosed {
        /// By which process.
        pid: i32,
        /// The camera's name.
        camera: String,
    },
    /// A recorder's event (system_server); the same as in `dumpsys audio`.
    Recorder(Rec),
    /// A process was started (system_server).
    Started {
        /// Its number.
        pid: i32,
        /// Its name: the package, or `package:name`.
        process: String,
        /// For what: `activity`, `service`, `broadcast` .. and which.
        reason: String,
    },
    /// A process is gone (system_server).
    Died {
        /// Its number.
        pid: i32,
        /// Its name.
        process: String,
    },
    /// A process is killed by the system (system_server).
    Killed {
        /// Its number.
        pid: i32,
        /// Its name.
        process: String,
        /// Why.
        reason: String,
    },
    /// All of a package is stopped: by force, or as it is installed, replaced or removed (system_server).
    Stopped {
        /// The package.
        package: String,
        /// Why.
        reason: String,
    },
    /// A process does not answer (system_server).
    NotAnswering {
        /// Its name.
        process: String,
    },
}

/// Reads a line of a trusted process; see the module.
pub fn said(line: &Line) -> Option<Said> {
    let t = line.text.as_str();
    match line.tag.as_str() {
        "CameraService" => camera(t),
        "ActivityManager" => activity_manager(t),
        _ => audio::rec(t).filter(|_| line.tag.starts_with("AudioService") || line.tag == "RecordingActivityMonitor").map(Said::Recorder),
    }
}

fn camera(t: &str) -> Option<Said> {
    if let Some(rest) = t.strip_prefix("CameraService::connect call (PID ") {
        // From the end, as the package in between may be any text.
        let (pid, rest) = rest.split_once(" \"")?;
        let (rest, _) = rest.rsplit_once(')').filter(|(r, _)| r.contains("camera ID "))?;
        let (package, camera) = rest.rsplit_once("\", camera ID ")?;
        return Some(Said::CameraAsked { pid: pid.parse().ok()?, package: package.to_owned(), camera: camera.to_owned() });
    }
    let (camera, pid) = t.split_once(": Disconnected client for camera ")?.1.rsplit_once(" for PID ")?;
    Some(Said::CameraClosed { pid: pid.trim().parse().ok()?, camera: camera.to_owned() })
}

fn activity_manager(t: &str) -> Option<Said> {
    if let Some(rest) = t.strip_prefix("Start proc ") {
        let (pid, rest) = rest.split_once(':')?;
        let (process, reason) = rest.split_once(" for ")?;
        let process = process.rsplit_once('/').map_or(process, |(p, _)| p);
        return Some(Said::Started { pid: pid.parse().ok()?, process: process.to_owned(), reason: reason.to_owned() });
    }
    if let Some(rest) = t.strip_prefix("Process ") {
        let (process, rest) = rest.split_once(" (pid ")?;
        let (pid, rest) = rest.split_once(')')?;
        return rest.starts_with(" has died").then_some(Said::Died { pid: pid.trim().parse().ok()?, process: process.to_owned() });
    }
    if let Some(rest) = t.strip_prefix("Killing ") {
        let (pid, rest) = rest.split_once(':')?;
        let (process, rest) = rest.split_once(" (adj ")?;
        let process = process.rsplit_once('/').map_or(process, |(p, _)| p);
        let reason = rest.split_once("): ").map_or("", |(_, r)| r);
        return Some(Said::Killed { pid: pid.parse().ok()?, process: process.to_owned(), reason: reason.to_owned() });
    }
    if let Some(rest) = t.strip_prefix("Force stopping ") {
        let (package, rest) = rest.split_once(" appid=")?;
        let reason = rest.split_once(": ").map_or("", |(_, r)| r);
        return Some(Said::Stopped { package: package.to_owned(), reason: reason.to_owned() });
    }
    let process = t.strip_prefix("ANR in ")?;
    Some(Said::NotAnswering { process: process.split(' ').next().unwrap_or(process).to_owned() })
}

/// A crash, as the process that crashed tells it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Crash {
    /// When.
    pub when: When,
    /// The process, as the log has it.
    pub pid: i32,
    /// Its name, as it says itself.
    pub process: Option<String>,
    /// The exception and its message, first line.
    pub first: Option<String>,
    /// The first frames, `at ..` left out.
    pub frames: Vec<String>,
}

/// The crashes in lines that follow each other. Each process is read by itself.
pub fn crashes<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Vec<Crash> {
    let mut all: Vec<Crash> = Vec::new();
    for l in lines.into_iter().filter(|l| l.tag == "AndroidRuntime" && l.level >= Level::Error) {
        let t = l.text.trim();
        if t.starts_with("FATAL EXCEPTION") || t.starts_with("*** FATAL EXCEPTION IN SYSTEM PROCESS") {
            all.push(Crash { when: l.when, pid: l.pid, process: None, first: None, frames: Vec::new() });
            continue;
        }
        let Some(crash) = all.iter_mut().rev().take(16).find(|c| c.pid == l.pid) else { continue };
        if let Some(p) = t.strip_prefix("Process: ").filter(|_| crash.process.is_none() && crash.first.is_none()) {
            crash.process = Some(between(p, "", ",").unwrap_or(p).to_owned());
        } else if let Some(frame) = t.strip_prefix("at ") {
            if crash.frames.len() < FRAMES {
                crash.frames.push(frame.to_owned());
            }
        } else if crash.first.is_none() {
            crash.first = Some(t.to_owned());
        }
    }
    all
}
