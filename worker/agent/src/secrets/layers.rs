//! Values behind layers that apps put around what they keep and send: compression, archives, one coding in another.
//!
//! Those that the analysis undoes are undone here as well, since whoever has the bundle undoes them as easily. What is compressed
//! cannot be overwritten in its place, so the whole encoded stretch goes, and with it whatever else was in it: it is lost evidence.

use std::time::{Duration, Instant};

use stakeout_evidence::{Limits, behind_layers};

use super::Scrubber;

/// Real time for all that a trial left.
pub(crate) const WITHIN: Duration = Duration::from_secs(120);
/// How often a file is looked at again, as of equal stretches one is told at a time. One that still has the value is withheld as a
/// whole.
const ROUNDS: usize = 8;

/// Overwrites each stretch that decodes to something with a value in it. How many there were.
pub(crate) fn withhold(bytes: &mut [u8], scrubber: &Scrubber, until: Instant) -> u64 {
    // What is typed stands in small bodies and files. In this process there is less room than in an analysis.
    let limits = Limits { depth: 6, part_bytes: 16 << 20, expanded_bytes: 128 << 20, ..Limits::default() };
    let mut withheld = 0;
    for _ in 0..ROUNDS {
        let found = behind_layers(bytes, &limits, until, &|b| scrubber.holds(b));
        if found.is_empty() {
            return withheld;
        }
        for at in found {
            bytes[at].fill(b'*');
            withheld += 1;
        }
    }
    bytes.fill(b'*');
    withheld + 1
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    /// `{"user":"alice","pw":"s3cr3t word"}` as gzip.
    const GZIP: &str = "1f8b0800000000000203ab562a2d4e2d52b2524accc94c4e55d2512a2807728a8d938b8c4b14caf38b52946a01e81918a223000000";
    /// With `another word`.
    const OTHER: &str = "1f8b0800000000000203ab562a2d4e2d52b2524accc94c4e55d2512a280771f2f24b32528b14caf38b52946a0133db8d3624000000";

    fn left(bytes: &[u8]) -> (Vec<u8>, u64) {
        let (mut bytes, s) = (bytes.to_vec(), Scrubber::new(["s3cr3t word"], &[]));
        let n = withhold(&mut bytes, &s, Instant::now() + WITHIN);
        (bytes, n)
    }

    #[test]
    fn a_value_behind_layers_takes_the_encoded_stretch_with_it() {
        let gzip = hex::decode(GZIP).unwrap();
        assert_eq!(left(&gzip), (vec![b'*'; gzip.len()], 1));
        let text = STANDARD.encode(&gzip);
        assert_eq!(left(format!("x={text}&y=1").as_bytes()), (format!("x={}&y=1", "*".repeat(text.len())).into_bytes(), 1));
        let twice = [&gzip[..], b" between ", &gzip[..]].concat();
        let stars = "*".repeat(gzip.len());
        assert_eq!(left(&twice), (format!("{stars} between {stars}").into_bytes(), 2));
    }

    #[test]
    fn what_holds_no_value_stays_as_it_is() {
        let other = hex::decode(OTHER).unwrap();
        assert_eq!(left(&other), (other.clone(), 0));
        assert_eq!(left(b"no layer"), (b"no layer".to_vec(), 0));
    }

    #[test]
    fn a_file_with_more_of_it_than_is_looked_for_goes_as_a_whole() {
        let many = hex::decode(GZIP).unwrap().repeat(ROUNDS + 1);
        assert_eq!(left(&many), (vec![b'*'; many.len()], ROUNDS as u64 + 1));
    }
}
