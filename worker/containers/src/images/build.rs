//! An image from a context that is streamed to the engine's own builder.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    io,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bollard::{body_try_stream, errors::Error, query_parameters::BuildImageOptionsBuilder};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::{Engine, EngineError, engine::Made};

/// Until the engine answers a build at all: it reads the whole context first, and that may be 5 GB on a slow disk.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// Lines of a build's output that are kept for its error, and the longest of them, characters.
const KEPT: usize = 30;
const LINE_MAX: usize = 400;
/// Longest time that what a broken build left is waited for.
const CLEANING: Duration = Duration::from_secs(30);

/// What to build. The context has a `Dockerfile`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageSpec {
    /// Its names; it gets them when it is whole.
    pub tags: Vec<String>,
    /// Arguments of the build. Those that the engine knows by name (`http_proxy`) are not kept in the image.
    pub arguments: BTreeMap<String, String>,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The context broke.
    #[error("the build context broke: {0}")]
    Context(String),
    /// A step failed.
    #[error("the image `{image}` could not be built at `{step}`: {problem}")]
    Step {
        /// Its first name.
        image: String,
        /// The step, as the Dockerfile has it.
        step: String,
        /// What the engine says.
        problem: String,
        /// The end of the output.
        output: Vec<String>,
    },
    /// The caller did not want it any more.
    #[error("interrupted")]
    Stopped,
}

impl Engine {
    /// Builds an image, and gives its id. `stop` ends it; after it, as after an error, no container, no name and no half image of
    /// this build is left. `line` gets its output. The steps have the host's network, as packages come from there.
    pub async fn build_image(
        &self,
        spec: &ImageSpec,
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        line: impl Fn(&str),
        stop: impl Future<Output = ()>,
    ) -> Result<String, BuildError> {
        let mut steps = Steps::default();
        let built = {
            let building = self.build(spec, context, &mut steps, line);
            tokio::select! {
                built = building => built,
                () = stop => Err(BuildError::Stopped),
            }
        };
        let id = match built {
            Ok(id) => id,
            Err(e) => {
                self.clean(steps).await;
                return Err(e);
            }
        };
        for tag in &spec.tags {
            self.tag_image(&id, tag).await?;
        }
        Ok(id)
    }

    async fn build(
        &self,
        spec: &ImageSpec,
        context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
        steps: &mut Steps,
        line: impl Fn(&str),
    ) -> Result<String, BuildError> {
        let arguments = spec.arguments.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let options = BuildImageOptionsBuilder::default().rm(true).forcerm(true).networkmode("host").buildargs(&arguments).build();
        // The client says only that its body broke.
        let broke = Arc::new(Mutex::new(None));
        let noted = broke.clone();
        let context = context.inspect(move |piece| {
            if let Err(e) = piece {
                *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(e.to_string());
            }
        });
        let docker = self.docker.clone().with_timeout(PATIENCE);
        let mut output = pin!(docker.build_image(options, None, Some(body_try_stream(context))));
        let mut id = None;
        while let Some(said) = output.next().await {
            let said = said.map_err(|e| {
                let broke = broke.lock().unwrap_or_else(PoisonError::into_inner).take();
                broke.map_or_else(|| steps.error(spec, e), BuildError::Context)
            })?;
            if let Some(text) = &said.stream {
                steps.read(text, &line);
            }
            id = said.aux.and_then(|a| a.id).or(id);
        }
        id.ok_or_else(|| BuildError::Step {
            image: spec.tags.first().cloned().unwrap_or_default(),
            step: steps.step.clone(),
            problem: "the engine ended without an image".into(),
            output: steps.tail.iter().cloned().collect(),
        })
    }

    /// Removes the image of the last step that this build made, and with it those of the steps before that nothing else is built on.
    async fn clean(&self, steps: Steps) {
        if let Some(container) = &steps.running {
            self.clean_container(container).await;
        }
        let Some(last) = steps.made else { return };
        let cleaned = tokio::time::timeout(CLEANING, async {
            loop {
                // Something may still hold it for a moment.
                let Err(e) = self.remove_untagged(&last).await else { return };
                tracing::debug!(error = %e, "what a build left is still in use");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        if cleaned.await.is_err() {
            tracing::warn!(image = last, "what a build left could not be removed; `docker image prune` does it");
        }
    }

    /// The engine ends and removes the step's container when it notices that nobody listens; one that it forgets is removed here.
    async fn clean_container(&self, id: &str) {
        let gone = tokio::time::timeout(CLEANING, async {
            while self.docker.inspect_container(id, None).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        if gone.await.is_err()
            && let Err(e) = self.remove(&Made::Container(id.to_owned())).await
        {
            tracing::warn!(container = id, error = %e, "the container of a build's step could not be removed");
        }
    }

    async fn remove_untagged(&self, id: &str) -> Result<(), EngineError> {
        match self.docker.inspect_image(id).await {
            Ok(i) if i.repo_tags.as_ref().is_none_or(Vec::is_empty) => self.remove_image(id).await.map(drop),
            // Somebody gave it a name meanwhile, or it is gone.
            _ => Ok(()),
        }
    }
}

/// What is known of a build from its output.
#[derive(Default)]
struct Steps {
    half: String,
    step: String,
    cached: bool,
    /// The container of the step that is under way.
    running: Option<String>,
    /// The image after the last step that was not there before.
    made: Option<String>,
    tail: VecDeque<String>,
}

impl Steps {
    fn read(&mut self, text: &str, line: &impl Fn(&str)) {
        for piece in text.split_inclusive('\n') {
            // A program in a step may write for ever without an end of line.
            self.half.extend(piece.chars().take(LINE_MAX.saturating_sub(self.half.len())));
            if piece.ends_with('\n') {
                let whole = std::mem::take(&mut self.half);
                self.line(whole.trim_end());
                line(whole.trim_end());
            }
        }
    }

    fn line(&mut self, line: &str) {
        if let Some((_, step)) = line.strip_prefix("Step ").and_then(|s| s.split_once(" : ")) {
            (self.step, self.cached, self.running) = (step.to_owned(), false, None);
        } else if let Some(container) = line.strip_prefix(" ---> Running in ").filter(|c| is_short_id(c)) {
            self.running = Some(container.to_owned());
        } else if let Some(after) = line.strip_prefix(" ---> ") {
            if after == "Using cache" {
                self.cached = true;
            } else if is_short_id(after) && !self.cached && !self.step.starts_with("FROM") {
                self.made = Some(after.to_owned());
            }
        }
        if !line.is_empty() {
            if self.tail.len() == KEPT {
                self.tail.pop_front();
            }
            self.tail.push_back(line.to_owned());
        }
    }

    fn error(&self, spec: &ImageSpec, e: Error) -> BuildError {
        match e {
            Error::DockerStreamError { error } if error.contains("no space left on device") => EngineError::DiskFull.into(),
            Error::DockerStreamError { error } => BuildError::Step {
                image: spec.tags.first().cloned().unwrap_or_default(),
                step: self.step.clone(),
                problem: error,
                output: self.tail.iter().cloned().collect(),
            },
            e => EngineError::call(format!("build the image `{}`", spec.tags.first().map_or("?", String::as_str)))(e).into(),
        }
    }
}

fn is_short_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_build_made_is_its_own() {
        let mut steps = Steps::default();
        let said = std::cell::RefCell::new(Vec::new());
        let read = |steps: &mut Steps, text: &str| steps.read(text, &|l| said.borrow_mut().push(l.to_owned()));
        read(
            &mut steps,
            "Step 1/4 : ARG BASE\nStep 2/4 : FROM $BASE\n ---> 2953aa8b9db1\nStep 3/4 : COPY a b\n ---> Using cache\n ---> c48efe6db969\n",
        );
        assert_eq!(steps.made, None, "the base and the cache are others'");
        read(&mut steps, "Step 4/4 : RUN x\n ---> Running in 1e78f5b00000\nRemoving intermediate container 1e78f5b00000\n ---> bdab0e");
        assert_eq!((steps.made.as_deref(), steps.running.as_deref()), (None, Some("1e78f5b00000")));
        read(&mut steps, "a18c32\n");
        assert_eq!(steps.made.as_deref(), Some("bdab0ea18c32"));
        assert_eq!(steps.step, "RUN x");
        assert_eq!(said.borrow().last().unwrap(), " ---> bdab0ea18c32");
    }

    #[test]
    fn what_is_kept_of_the_output_is_bounded() {
        let mut steps = Steps::default();
        for _ in 0..1000 {
            steps.read(&"x".repeat(1000), &|_| {});
        }
        assert!(steps.half.len() <= LINE_MAX);
        for i in 0..1000 {
            steps.read(&format!("\nline {i}"), &|_| {});
        }
        assert_eq!(steps.tail.len(), KEPT);
        assert_eq!(steps.tail.back().unwrap(), "line 998");
    }
}
