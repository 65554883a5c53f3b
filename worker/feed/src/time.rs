use serde::{Deserialize, Serialize};

/// Frames that the camera's feed has a second, on the trial's clock.
pub const FRAMES_PER_SECOND: u64 = 30;

/// Which camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facing {
    /// Away from the user.
    Back,
    /// Towards the user.
    Front,
}

/// The number of the frame that is in front of the camera `trial_nanos` after the trial began.
pub fn frame_at(trial_nanos: u64) -> u64 {
    (u128::from(trial_nanos) * u128::from(FRAMES_PER_SECOND) / 1_000_000_000) as u64
}

/// The first nanosecond of the trial at which this frame is in front of the camera.
pub fn nanos_of_frame(frame: u64) -> u64 {
    (u128::from(frame) * 1_000_000_000).div_ceil(u128::from(FRAMES_PER_SECOND)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_starts_at_the_first_nanosecond_that_shows_it() {
        for frame in [0, 1, 2, 29, 30, 31, 2_592_000, 1 << 38] {
            let nanos = nanos_of_frame(frame);
            assert_eq!(frame_at(nanos), frame);
            assert!(nanos == 0 || frame_at(nanos - 1) == frame - 1);
        }
    }
}
