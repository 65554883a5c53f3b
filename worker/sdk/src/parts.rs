//! What each image is made from: its context, arguments, labels and the key of all of these.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use stakeout_contract::Sha256Digest;

use crate::{
    SdkError,
    avd::{Avd, SDK_ROOT},
    choose::{Chosen, TAG},
    context::{Context, Tree},
    fetch::Fetched,
    labels,
    prepare::{EmulatorImages, ImageBuild, Plan, Request},
    unpack::Limits,
};

const SDK_DOCKERFILE: &str = include_str!("../../../images/emulator/sdk.Dockerfile");
const DEVICE_DOCKERFILE: &str = include_str!("../../../images/emulator/Dockerfile");

/// What the images of one API level are made of.
pub(crate) struct Parts<'a> {
    pub(crate) request: &'a Request,
    pub(crate) plan: &'a Plan,
    /// What of ours is in the device's image, by its name in the context.
    pub(crate) ours: Option<&'a [(&'static str, Bytes)]>,
    pub(crate) emulator: &'a Fetched,
    pub(crate) image: (&'a Chosen, &'a Fetched),
}

impl Parts<'_> {
    pub(crate) fn images(&self, api: u32) -> Result<EmulatorImages, SdkError> {
        let abi = &self.request.abi;
        let (chosen, image) = self.image;
        // `system-images;android-34;google_apis;x86_64` is that folder of an SDK.
        let folder = chosen.path.replace(';', "/");
        let usual = Avd::usual(api, abi).with_cameras(self.request.cameras);
        let avd = Avd { image_folder: folder.clone(), window: self.request.window, ..usual };
        let mut context = Context::default();
        let home = format!("avd/{}.avd", crate::avd::NAME);
        context.files.insert(format!("{home}/config.ini"), avd.config_ini(self.plan.emulator.revision)?.into_bytes());
        context.files.insert(format!("avd/{}.ini", crate::avd::NAME), avd.pointer_ini().into_bytes());
        for (id, hashes) in self.licenses() {
            // As `sdkmanager` writes it: an empty line, then a hash a line.
            context.files.insert(format!("meta/licenses/{id}"), format!("\n{}", hashes.join("\n")).into_bytes());
        }
        // Without these folders the emulator takes the SDK for none. It needs nothing that is in them; with `adb` in the second it would
        // start a server, whose port opens the guest to whoever reaches it.
        context.folders.extend(["meta/platforms", "meta/platform-tools"].map(str::to_owned));
        let under = folder.rsplit_once('/').map_or("", |(under, _)| under);
        for (chosen, fetched, top, under, limits) in [
            (&self.plan.emulator, self.emulator, "emulator", "sdk".to_owned(), Limits::TOOL),
            (chosen, image, abi.as_str(), format!("sdk/{under}"), Limits::IMAGE),
        ] {
            let tree = Tree { archive: fetched.path.clone(), name: chosen.file().to_owned(), top: top.to_owned(), under, limits };
            context.trees.push(tree);
        }
        let labels = self.labels(api, &avd);
        let base = BTreeMap::from([("BASE".to_owned(), self.request.base.clone())]);
        let sdk = build("emulator-sdk", SDK_DOCKERFILE, &format!("api{api}-{abi}"), self.request, base, labels.clone(), context);
        let device = self.ours.map(|ours| {
            let mut arguments = BTreeMap::from([("SDK".to_owned(), sdk.tags[0].clone())]);
            for (name, bytes) in ours {
                // `stakeout-device` is STAKEOUT_DEVICE, `probe.apk` STAKEOUT_PROBE.
                let short = name.trim_start_matches("stakeout-").trim_end_matches(".apk").to_uppercase();
                arguments.insert(format!("STAKEOUT_{short}"), Sha256Digest::of(bytes).to_string());
            }
            let programs = ours.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
            let context = Context { programs, ..Context::default() };
            build("emulator", DEVICE_DOCKERFILE, &format!("api{api}-{abi}"), self.request, arguments, labels, context)
        });
        Ok(EmulatorImages { api, sdk, device, avd, system_image: image.digests, unpacked: 0 })
    }

    /// Hashes of the wordings by the licence's id, of what is in this image and of nothing else that was asked for beside it.
    fn licenses(&self) -> BTreeMap<&str, Vec<String>> {
        let mut out = BTreeMap::<&str, Vec<String>>::new();
        for license in self.plan.licenses_of(&[&self.plan.emulator, self.image.0]) {
            out.entry(&license.id).or_default().push(license.hash.to_string());
        }
        out
    }

    fn labels(&self, api: u32, avd: &Avd) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([
            (labels::API.to_owned(), api.to_string()),
            (labels::ABI.to_owned(), self.request.abi.clone()),
            (labels::CORES.to_owned(), avd.cores.to_string()),
            (labels::RAM_MIB.to_owned(), avd.ram_mib.to_string()),
            ("org.stakeout.emulator.tag".to_owned(), TAG.to_owned()),
            ("org.stakeout.emulator.root".to_owned(), SDK_ROOT.to_owned()),
        ]);
        if !avd.window.is_none() {
            labels.insert(labels::WINDOW.to_owned(), avd.window.word().to_owned());
        }
        for (name, chosen, fetched) in [("emulator", &self.plan.emulator, self.emulator), ("system-image", self.image.0, self.image.1)] {
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
        labels.extend(self.licenses().into_iter().map(|(id, hashes)| (format!("org.stakeout.sdk.license.{id}"), hashes.join(" "))));
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
    for path in &context.folders {
        let _ = writeln!(made_from, "{path}/");
    }
    let key: String = Sha256Digest::of(made_from.as_bytes()).to_string().chars().take(16).collect();
    for v in labels.values_mut() {
        // Words of an index are checked where they come in; here they would be lines of a Dockerfile.
        v.retain(|c| c.is_ascii_alphanumeric() || " ._:/+-".contains(c));
    }
    for (k, v) in [(labels::IMAGE, name), (labels::VERSION, &request.version), (labels::KEY, &key)] {
        labels.insert(k.to_owned(), v.to_owned());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_context_changes_the_key() {
        let request = Request::new(vec![34], "cache".into(), "stakeout/base:x", "0.0.0");
        let key = |folders: &[&str]| {
            let context = Context { folders: folders.iter().map(|f| (*f).to_owned()).collect(), ..Context::default() };
            build("emulator-sdk", SDK_DOCKERFILE, "api34-x86_64", &request, BTreeMap::new(), BTreeMap::new(), context).key
        };
        assert_eq!(key(&["meta/platforms"]), key(&["meta/platforms"]));
        assert_ne!(key(&["meta/platforms"]), key(&[]));
        assert_ne!(key(&["meta/platforms"]), key(&["meta/platforms", "more"]));
    }
}
