//! The way from a request to what `docker build` needs, and the one function that does all of it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use stakeout_contract::Sha256Digest;

use crate::{
    SdkError,
    avd::{Avd, SDK_ROOT},
    choose::{self, Chosen, Host, TAG},
    context::{Context, Tree},
    digest::Digests,
    fetch::{Cache, Fetched, Network, Remote, Source},
    license::{Acceptance, License},
    lock::{self, Lock, LockSource, Pin},
    progress::{Event, Progress},
    unpack::Limits,
};

/// Google's SDK repository. The only place where its address stands.
pub const DEFAULT_REPOSITORY: &str = "https://dl.google.com/android/repository/";

const SDK_DOCKERFILE: &str = include_str!("../../../images/emulator/sdk.Dockerfile");
const DEVICE_DOCKERFILE: &str = include_str!("../../../images/emulator/Dockerfile");

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
    /// The program `stakeout-device`, linked statically; none: only the images below it are prepared.
    pub device_program: Option<PathBuf>,
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
            device_program: None,
            base: base.to_owned(),
            version: version.to_owned(),
            host: Host::this(),
            network: Network::default(),
            roots: None,
        }
    }
}

/// What will be fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The emulator.
    pub emulator: Chosen,
    /// `adb`.
    pub platform_tools: Chosen,
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
    /// Emulator, tools, system image and the virtual device: large, and changes only with the lock. Built first.
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
    let platform_tools = choose::tool(index, lock, "platform-tools", &request.host)?;
    let mut images = BTreeMap::new();
    for api in &request.apis {
        let image = choose::image(index, lock, *api, &request.abi, &request.host)?;
        if let Some(needs) = image.min_emulator.filter(|n| emulator.revision < *n) {
            return Err(SdkError::EmulatorTooOld { image: image.path, needs: needs.to_string(), have: emulator.revision.to_string() });
        }
        images.insert(*api, image);
    }
    let mut plan = Plan { emulator, platform_tools, images, licenses: Vec::new(), bytes: 0 };
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
    /// All packages.
    pub fn all(&self) -> impl Iterator<Item = &Chosen> {
        [&self.emulator, &self.platform_tools].into_iter().chain(self.images.values())
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
    let emulator = source.archive(&plan.emulator, &cache, progress).await?;
    let tools = source.archive(&plan.platform_tools, &cache, progress).await?;
    let mut found = vec![Pin::candidate(&plan.emulator, &emulator.digests), Pin::candidate(&plan.platform_tools, &tools.digests)];
    let mut images = Vec::new();
    for (api, chosen) in &plan.images {
        let image = source.archive(chosen, &cache, progress).await?;
        found.push(Pin::candidate(chosen, &image.digests));
        progress.event(Event::Step { what: "looking into the archives" });
        let parts = Parts { request, plan: &plan, emulator: &emulator, tools: &tools, image: (chosen, &image) };
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

/// What the images of one API level are made of.
struct Parts<'a> {
    request: &'a Request,
    plan: &'a Plan,
    emulator: &'a Fetched,
    tools: &'a Fetched,
    image: (&'a Chosen, &'a Fetched),
}

impl Parts<'_> {
    fn images(&self, api: u32) -> Result<EmulatorImages, SdkError> {
        let abi = &self.request.abi;
        let (chosen, image) = self.image;
        // `system-images;android-34;google_apis;x86_64` is that folder of an SDK.
        let folder = chosen.path.replace(';', "/");
        let avd = Avd { image_folder: folder.clone(), ..Avd::usual(api, abi) };
        let mut context = Context::default();
        let home = format!("avd/{}.avd", crate::avd::NAME);
        context.files.insert(format!("{home}/config.ini"), avd.config_ini(self.plan.emulator.revision)?.into_bytes());
        context.files.insert(format!("avd/{}.ini", crate::avd::NAME), avd.pointer_ini().into_bytes());
        for id in self.plan.licenses.iter().map(|l| &l.id) {
            // As `sdkmanager` writes it: an empty line, then a hash a line.
            let hashes: Vec<String> = self.plan.licenses.iter().filter(|l| l.id == *id).map(|l| l.hash.to_string()).collect();
            context.files.insert(format!("meta/licenses/{id}"), format!("\n{}", hashes.join("\n")).into_bytes());
        }
        // Without this folder the emulator takes the SDK for none.
        context.folders.push("meta/platforms".into());
        let under = folder.rsplit_once('/').map_or("", |(under, _)| under);
        for (chosen, fetched, top, under, limits) in [
            (&self.plan.emulator, self.emulator, "emulator", "sdk".to_owned(), Limits::TOOL),
            (&self.plan.platform_tools, self.tools, "platform-tools", "sdk".to_owned(), Limits::TOOL),
            (chosen, image, abi.as_str(), format!("sdk/{under}"), Limits::IMAGE),
        ] {
            let tree = Tree { archive: fetched.path.clone(), name: chosen.file().to_owned(), top: top.to_owned(), under, limits };
            context.trees.push(tree);
        }
        let labels = self.labels(api);
        let base = BTreeMap::from([("BASE".to_owned(), self.request.base.clone())]);
        let sdk = build("emulator-sdk", SDK_DOCKERFILE, &format!("api{api}-{abi}"), self.request, base, labels.clone(), context);
        let device = self.request.device_program.as_ref().map(|program| -> Result<ImageBuild, SdkError> {
            let bytes = std::fs::read(program).map_err(SdkError::io("read", program))?;
            let mut arguments = BTreeMap::from([("SDK".to_owned(), sdk.tags[0].clone())]);
            arguments.insert("STAKEOUT_DEVICE".into(), Sha256Digest::of(&bytes).to_string());
            let context = Context { programs: vec![("stakeout-device".into(), program.clone())], ..Context::default() };
            Ok(build("emulator", DEVICE_DOCKERFILE, &format!("api{api}-{abi}"), self.request, arguments, labels, context))
        });
        Ok(EmulatorImages { api, sdk, device: device.transpose()?, avd, system_image: image.digests, unpacked: 0 })
    }

    fn labels(&self, api: u32) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([
            ("org.stakeout.emulator.api".to_owned(), api.to_string()),
            ("org.stakeout.emulator.abi".to_owned(), self.request.abi.clone()),
            ("org.stakeout.emulator.tag".to_owned(), TAG.to_owned()),
            ("org.stakeout.emulator.root".to_owned(), SDK_ROOT.to_owned()),
        ]);
        for (name, chosen, fetched) in [
            ("emulator", &self.plan.emulator, self.emulator),
            ("platform-tools", &self.plan.platform_tools, self.tools),
            ("system-image", self.image.0, self.image.1),
        ] {
            for (what, value) in [
                ("revision", chosen.revision.to_string()),
                ("archive", chosen.file().to_owned()),
                ("sha1", fetched.digests.sha1.to_string()),
                ("sha256", fetched.digests.sha256.to_string()),
                ("trust", chosen.trust.word().to_owned()),
            ] {
                labels.insert(format!("org.stakeout.sdk.{name}.{what}"), value);
            }
        }
        for license in &self.plan.licenses {
            let hashes = labels.entry(format!("org.stakeout.sdk.license.{}", license.id)).or_default();
            let more = license.hash.to_string();
            *hashes = if hashes.is_empty() { more } else { format!("{hashes} {more}") };
        }
        labels
    }
}

fn build(
    name: &str,
    dockerfile: &str,
    kind: &str,
    request: &Request,
    arguments: BTreeMap<String, String>,
    mut labels: BTreeMap<String, String>,
    mut context: Context,
) -> ImageBuild {
    let mut made_from = format!("{name}\n{dockerfile}\n");
    let lists = arguments.iter().chain(&labels).map(|(k, v)| format!("{k}={v}\n"));
    made_from.extend(lists);
    for (path, bytes) in &context.files {
        let _ = writeln!(made_from, "{path} {}", Sha256Digest::of(bytes));
    }
    let key: String = Sha256Digest::of(made_from.as_bytes()).to_string().chars().take(16).collect();
    for v in labels.values_mut() {
        // Words of an index are checked where they come in; here they would be lines of a Dockerfile.
        v.retain(|c| c.is_ascii_alphanumeric() || " ._:/+-".contains(c));
    }
    for (k, v) in [("image", name), ("version", &request.version), ("key", &key)] {
        labels.insert(format!("org.stakeout.{k}"), v.to_owned());
    }
    // In the file itself, so that an image built by hand from the same context has them too.
    let mut text = format!("{}\n", dockerfile.trim_end());
    for (k, v) in &labels {
        let _ = writeln!(text, "LABEL {k}=\"{v}\"");
    }
    context.files.insert("Dockerfile".into(), text.into_bytes());
    let tags = vec![format!("stakeout/{name}:{key}"), format!("stakeout/{name}:{}-{kind}", request.version)];
    ImageBuild { tags, key, arguments, labels, context }
}
