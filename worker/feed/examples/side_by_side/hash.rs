//! A perceptual hash: the delivered frame whose hash is nearest.

use image::GrayImage as Pixels;
use image_hasher::{HashAlg, Hasher, HasherConfig, ImageHash};

use crate::score::Named;

/// A setting of the crate, and the hashes of all delivered frames of all trials.
pub(crate) struct Hashes {
    pub(crate) name: &'static str,
    pub(crate) bits: u32,
    hasher: Hasher,
    originals: Vec<(ImageHash, usize, u64)>,
}

/// The crate's default first.
pub(crate) fn settings() -> Vec<Hashes> {
    let setting = |name, side: u32, alg, dct| {
        let mut config = HasherConfig::new().hash_size(side, side).hash_alg(alg);
        if dct {
            config = config.preproc_dct();
        }
        Hashes { name, bits: side * side, hasher: config.to_hasher(), originals: Vec::new() }
    };
    vec![
        setting("dHash 8x8", 8, HashAlg::Gradient, false),
        setting("dHash 16x16", 16, HashAlg::Gradient, false),
        setting("pHash 8x8", 8, HashAlg::Median, true),
        setting("pHash 16x16", 16, HashAlg::Median, true),
    ]
}

impl Hashes {
    pub(crate) fn learn(&mut self, original: &Pixels, trial: usize, frame: u64) {
        self.originals.push((self.hasher.hash_image(original), trial, frame));
    }

    /// The nearest original; frames that are equally near cannot be told apart. The distance is in bits.
    pub(crate) fn read(&self, picture: &Pixels) -> (Named, f64) {
        let hash = self.hasher.hash_image(picture);
        let mut nearest = (u32::MAX, Named::Nothing);
        for (original, trial, frame) in &self.originals {
            let distance = hash.dist(original);
            if distance < nearest.0 {
                nearest = (distance, Named::Moment(*trial, *frame));
            } else if distance == nearest.0 {
                nearest.1 = match nearest.1 {
                    Named::Moment(t, _) | Named::Trial(t) if t == *trial => Named::Trial(t),
                    _ => Named::SomeTrial,
                };
            }
        }
        (nearest.1, f64::from(nearest.0))
    }
}
