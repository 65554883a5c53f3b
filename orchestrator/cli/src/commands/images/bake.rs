//! The bake's bench: containers of this host's engine.

use std::path::Path;

use stakeout_containers::{Bakery, BakerySpec, Engine, Kvm};
use stakeout_contract::Sha256Digest;
use stakeout_protocol::bake::{ARGUMENT, LINE_MAX};
use stakeout_sdk::{
    EmulatorImages, Progress,
    bake::{self, Bake, Bench, BenchError, Oven},
    host::Cpu,
};

use super::host;
use crate::exit::Failure;

/// Memory of the guest's container beside the guest's own: the emulator, and what lies on its tmpfs.
const BESIDE: u64 = 3 << 30;

/// How a bake ended.
pub(super) enum Outcome {
    /// There is one for this host.
    Baked {
        /// The image.
        name: String,
        /// Its id.
        id: String,
    },
    /// This host cannot bake.
    Not {
        /// Why.
        why: String,
        /// What mends it.
        mend: String,
    },
}

/// Bakes an image for this host, unless that was done.
pub(super) async fn bake(engine: &Engine, images: &EmulatorImages, id: &str, kvm: &Path, show: &dyn Progress) -> Result<Outcome, Failure> {
    let not = |why: String, mend: &str| Ok(Outcome::Not { why, mend: mend.to_owned() });
    let kvm = match host::kvm(kvm) {
        host::Kvm::Usable(kvm) => kvm,
        host::Kvm::Unusable { why, mend } => return not(why, mend),
    };
    let all = engine.images().await.map_err(Failure::other)?;
    let image = all.iter().find(|i| i.id == id).cloned().unwrap_or_default();
    let class = Cpu::this().and_then(|cpu| host::class(&image, &cpu));
    let Some(class) = class else {
        return not("`/proc/cpuinfo` does not name this processor, so its class of hosts is not known".into(), "use another host");
    };
    let from = digest(id)?;
    let bake = Bake::new(class, images.device.as_ref().and_then(|d| d.tags.first()).map_or(id, String::as_str), from);
    if let Some(there) = host::baked_for(&all, &image, Cpu::this().as_ref()) {
        return Ok(Outcome::Baked { name: bake.result, id: there.id.clone() });
    }
    let bench = Containers { engine: engine.clone(), kvm, memory: (u64::from(images.avd.ram_mib) << 20) + BESIDE };
    match bake::run(&bake, &bench, show).await {
        Ok(baked) => Ok(Outcome::Baked { name: baked.name, id: format!("sha256:{}", baked.id) }),
        Err(e) => {
            let log = e.log.trim();
            let skip = log.chars().count().saturating_sub(1500);
            for line in log.chars().skip(skip).collect::<String>().lines() {
                show.event(stakeout_sdk::Event::Note { text: line });
            }
            Err(Failure::other(anyhow::Error::from(e).context(format!(
                "the image is built, and trials can use it and boot cold; but it could not be baked\nhint: `--no-bake` builds without; `docker run --rm --device /dev/kvm --entrypoint \"\" {id} /opt/android/sdk/emulator/emulator -accel-check` says whether this host's KVM serves"
            ))))
        }
    }
}

fn digest(id: &str) -> Result<Sha256Digest, Failure> {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.parse().map_err(|_| Failure::other(anyhow::anyhow!("the engine gave an image the id `{id}`, which is no SHA-256")))
}

struct Containers {
    engine: Engine,
    kvm: Kvm,
    memory: u64,
}

impl Bench for Containers {
    type Oven = Container;

    async fn start(&self, image: &str, order: &str) -> Result<Container, BenchError> {
        let spec = BakerySpec {
            image: image.to_owned(),
            arguments: vec![ARGUMENT.to_owned()],
            input: order.to_owned(),
            memory: self.memory,
            kvm: Some(self.kvm.clone()),
            video: crate::commands::doctor::video(),
            line: LINE_MAX,
        };
        Ok(Container(self.engine.start_bakery(&spec).await?))
    }
}

struct Container(Bakery);

impl Oven for Container {
    async fn line(&mut self) -> Result<Option<String>, BenchError> {
        Ok(self.0.line().await?)
    }

    async fn code(&mut self) -> Result<i64, BenchError> {
        Ok(self.0.code().await?)
    }

    fn log(&self) -> String {
        self.0.stderr()
    }

    async fn has(&mut self, path: &str) -> Result<bool, BenchError> {
        Ok(self.0.has(path).await?)
    }

    async fn keep(&mut self, name: &str, labels: &[(String, String)]) -> Result<Sha256Digest, BenchError> {
        let id = self.0.commit(name, labels).await?;
        Ok(id.strip_prefix("sha256:").unwrap_or(&id).parse()?)
    }

    async fn remove(self) {
        self.0.remove().await;
    }
}
