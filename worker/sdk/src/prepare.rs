//! The way from a request to what `docker build` needs, and the one function that does all of it.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::{
    SdkError,
    avd::{Avd, Cameras, Window},
    choose::{self, Chosen, Host},
    context::Context,
    digest::Digests,
    fetch::{Cache, Network, Remote, Source},
    license::{Acceptance, License},
    lock::{self, Lock, LockSource, Pin},
    parts::Parts,
    progress::{Event, Progress},
};

/// Google's SDK repository. The only place where its address stands.
pub const DEFAULT_REPOSITORY: &str = "https://dl.google.com/android/repository/";

/// Largest program of ours, bytes.
const PROGRAM_MAX: u64 = 512 << 20;

/// Where the parts come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A repository's address: its folder, or its `repository2-1.xml`.
    Repository(String),
    /// A folder with indexes and archives; no network is used.
    Folder(PathBuf),
}

impl Default for Origin {
    fn default() -> Self {
        Self::Repository(DEFAULT_REPOSITORY.to_owned())
    }
}

/// What is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// API levels; one image each.
    pub apis: Vec<u32>,
    /// ABI: `x86_64`.
    pub abi: String,
    /// Where from.
    pub from: Origin,
    /// The lock.
    pub lock: LockSource,
    /// What the user said about the licences.
    pub acceptance: Acceptance,
    /// The cache's folder.
    pub cache: PathBuf,
    /// What of ours is in the image; none: only the images below it are prepared.
    pub ours: Option<Ours>,
    /// The base image: `stakeout/base:KEY`.
    pub base: String,
    /// This version, for tags: `0.1.0`.
    pub version: String,
    /// The host that the emulator will run on.
    pub host: Host,
    /// Patience.
    pub network: Network,
    /// A PEM file of roots that are trusted beside Mozilla's, for a lab that reads its own TLS.
    pub roots: Option<PathBuf>,
    /// The emulator's window.
    pub window: Window,
    /// Where the cameras' pictures come from.
    pub cameras: Cameras,
}

/// What of ours is in an emulator's image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ours {
    /// The program `stakeout-device`, linked statically.
    pub program: PathBuf,
    /// The program `stakeout-keeper`, linked statically: it runs in the guest.
    pub keeper: PathBuf,
    /// The app by which it proves that a phone is ready.
    pub probe: PathBuf,
}

impl Request {
    /// Images from Google for this host, by the lock that is built in, with nothing accepted and no device program.
    pub fn new(apis: Vec<u32>, cache: PathBuf, base: &str, version: &str) -> Self {
        Self {
            apis,
            abi: "x86_64".into(),
            from: Origin::default(),
            lock: LockSource::BuiltIn,
            acceptance: Acceptance::NotGiven,
            cache,
            ours: None,
            base: base.to_owned(),
            version: version.to_owned(),
            host: Host::this(),
            network: Network::default(),
            roots: None,
            window: Window::None,
            cameras: Cameras::ImageFile,
        }
    }
}

/// What will be fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The emulator.
    pub emulator: Chosen,
    /// System images by API level.
    pub images: BTreeMap<u32, Chosen>,
    /// Licences of all of them, each wording once.
    pub licenses: Vec<License>,
    /// Bytes of all archives.
    pub bytes: u64,
}

/// One image to be built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageBuild {
    /// Names it gets; the first is by the digest of all that it is made from: if that exists, there is nothing to build.
    pub tags: Vec<String>,
    /// That digest's beginning.
    pub key: String,
    /// Arguments of the build.
    pub arguments: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The context; its Dockerfile is `Dockerfile`.
    pub context: Context,
}

/// Both images of an API level.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EmulatorImages {
    /// API level.
    pub api: u32,
    /// Emulator, system image and the virtual device: large, and changes only with the lock. Built first.
    pub sdk: ImageBuild,
    /// The same with `stakeout-device` as its first process.
    pub device: Option<ImageBuild>,
    /// The virtual device in it.
    pub avd: Avd,
    /// The system image's archive, for the host class of a bake.
    pub system_image: Digests,
    /// Bytes that the engine will unpack.
    pub unpacked: u64,
}

/// All that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepared {
    /// What was chosen.
    pub plan: Plan,
    /// By API level.
    pub images: Vec<EmulatorImages>,
    /// A lock for review, where something was not reviewed yet.
    pub candidate: Option<PathBuf>,
}

/// Chooses packages from an index. Pure.
pub fn plan(request: &Request, index: &crate::index::Index, lock: &Lock) -> Result<Plan, SdkError> {
    let emulator = choose::tool(index, lock, "emulator", &request.host)?;
    let mut images = BTreeMap::new();
    for api in &request.apis {
        let image = choose::image(index, lock, *api, &request.abi, &request.host)?;
        if let Some(needs) = image.min_emulator.filter(|n| emulator.revision < *n) {
            return Err(SdkError::EmulatorTooOld { image: image.path, needs: needs.to_string(), have: emulator.revision.to_string() });
        }
        images.insert(*api, image);
    }
    let mut plan = Plan { emulator, images, licenses: Vec::new(), bytes: 0 };
    let (mut licenses, mut bytes) = (Vec::<License>::new(), 0);
    for chosen in plan.all() {
        bytes += chosen.expected.size;
        for id in &chosen.licenses {
            let texts = index.licenses_with(id);
            if texts.is_empty() {
                return Err(SdkError::NoLicenseText { package: chosen.path.clone(), license: id.clone() });
            }
            for text in texts {
                if !licenses.contains(text) {
                    licenses.push(text.clone());
                }
            }
        }
    }
    (plan.licenses, plan.bytes) = (licenses, bytes);
    Ok(plan)
}

impl Plan {
    /// The licences of some packages, each wording once.
    pub fn licenses_of<'a>(&'a self, packages: &[&Chosen]) -> Vec<&'a License> {
        self.licenses.iter().filter(|l| packages.iter().any(|p| p.licenses.contains(&l.id))).collect()
    }

    /// All packages.
    pub fn all(&self) -> impl Iterator<Item = &Chosen> {
        std::iter::once(&self.emulator).chain(self.images.values())
    }
}

/// Fetches, checks and arranges everything for the images of a request. May be dropped at any time: what was fetched stays in
/// the cache, and the next run goes on with it.
///
/// Without acceptance nothing but the indexes is fetched, and [`SdkError::LicensesNotAccepted`] has the texts to show.
pub async fn prepare(request: &Request, progress: &dyn Progress) -> Result<Prepared, SdkError> {
    let lock = request.lock.load()?;
    let cache = Cache::open(&request.cache)?;
    let source = match &request.from {
        Origin::Repository(address) => Source::Remote(Remote::new(address, request.network, request.roots.as_deref())?),
        Origin::Folder(folder) => Source::Folder(folder.clone()),
    };
    let plan = plan(request, &source.index(progress).await?, &lock)?;
    if request.acceptance != Acceptance::Given {
        return Err(SdkError::LicensesNotAccepted(plan.licenses));
    }
    for license in &plan.licenses {
        progress.event(Event::Accepted { id: &license.id, hash: license.hash });
    }
    let ours = match &request.ours {
        Some(o) => {
            let read = |(name, path): (_, &PathBuf)| read_program(path).map(|bytes| (name, bytes));
            let all = [("stakeout-device", &o.program), ("stakeout-keeper", &o.keeper), ("probe.apk", &o.probe)];
            Some(all.into_iter().map(read).collect::<Result<Vec<_>, _>>()?)
        }
        None => None,
    };
    let emulator = source.archive(&plan.emulator, &cache, progress).await?;
    let mut found = vec![Pin::candidate(&plan.emulator, &emulator.digests)];
    let mut images = Vec::new();
    for (api, chosen) in &plan.images {
        let image = source.archive(chosen, &cache, progress).await?;
        found.push(Pin::candidate(chosen, &image.digests));
        progress.event(Event::Step { what: "looking into the archives" });
        let parts = Parts { request, plan: &plan, ours: ours.as_deref(), emulator: &emulator, image: (chosen, &image) };
        let built = parts.images(*api)?;
        let context = built.sdk.context.clone();
        let unpacked = tokio::task::spawn_blocking(move || context.judge()).await;
        let unpacked = unpacked
            .unwrap_or_else(|e| Err(SdkError::io("look into the archives of", Path::new("the cache"))(std::io::Error::other(e))))?;
        images.push(EmulatorImages { unpacked, ..built });
    }
    let candidate = lock::write_candidate(&lock, &request.lock, cache.folder(), found)?;
    Ok(Prepared { plan, images, candidate })
}

/// Reads a program once: the digest in the key and the bytes in the image are of the same reading.
fn read_program(path: &Path) -> Result<Bytes, SdkError> {
    let file = std::fs::File::open(path).map_err(SdkError::io("open", path))?;
    let mut bytes = Vec::new();
    file.take(PROGRAM_MAX + 1).read_to_end(&mut bytes).map_err(SdkError::io("read", path))?;
    if bytes.is_empty() || bytes.len() as u64 > PROGRAM_MAX {
        return Err(SdkError::Program { path: path.to_owned(), most: PROGRAM_MAX });
    }
    Ok(bytes.into())
}
