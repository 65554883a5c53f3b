//! A video device as far as it is written to: which form of frames it takes, and the feed's frames in that form.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use linuxvideo::{
    CapabilityFlags, Device, VideoOutputDevice,
    format::{PixFormat, PixelFormat},
};

/// How the pixels of a frame lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pixels {
    /// All Y, then all U, then all V of every second pixel in both directions.
    Yuv420,
    /// Y U Y V for two pixels.
    Yuyv,
}

impl Pixels {
    /// In the order in which the emulator prefers them.
    pub(super) const ALL: [Self; 2] = [Self::Yuv420, Self::Yuyv];

    const fn fourcc(self) -> [u8; 4] {
        match self {
            Self::Yuv420 => *b"YU12",
            Self::Yuyv => *b"YUYV",
        }
    }

    /// Bytes of a frame.
    pub(super) const fn bytes(self, width: u32, height: u32) -> usize {
        match self {
            Self::Yuv420 => (width * height * 3 / 2) as usize,
            Self::Yuyv => (width * height * 2) as usize,
        }
    }
}

/// What a device says to a format that it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Got {
    width: u32,
    height: u32,
    fourcc: [u8; 4],
    /// Bytes of a frame; 0: it does not say.
    bytes: u32,
}

/// A video device, as far as it is written to.
pub(super) trait Video {
    type Writer: Write + Send + 'static;

    /// Opens it for frames of this form; what it makes of it.
    fn open(&self, width: u32, height: u32, pixels: Pixels) -> io::Result<(Got, Self::Writer)>;
}

/// A device of the kernel's.
pub(super) struct Node(pub(super) PathBuf);

impl Video for Node {
    type Writer = VideoOutputDevice;

    fn open(&self, width: u32, height: u32, pixels: Pixels) -> io::Result<(Got, VideoOutputDevice)> {
        let device = Device::open(&self.0)?;
        let can = device.capabilities()?.device_capabilities();
        if !can.contains(CapabilityFlags::VIDEO_OUTPUT | CapabilityFlags::READWRITE) {
            return Err(io::Error::other("it cannot be written to; is it another one than v4l2loopback's?"));
        }
        let out = device.video_output(PixFormat::new(width, height, PixelFormat::from_fourcc(pixels.fourcc())))?;
        let f = out.format();
        let got = Got { width: f.width(), height: f.height(), fourcc: f.pixel_format().as_fourcc(), bytes: f.size_image() };
        Ok((got, out))
    }
}

/// Asks for each form until one is taken exactly: the emulator takes no other size than that which it asked for.
pub(super) fn negotiate<V: Video>(video: &V, width: u32, height: u32) -> Result<(Pixels, V::Writer), String> {
    let mut why = Vec::new();
    for pixels in Pixels::ALL {
        let form = String::from_utf8_lossy(&pixels.fourcc()).into_owned();
        match video.open(width, height, pixels) {
            Ok((got, writer)) => {
                let exact = (got.width, got.height, got.fourcc) == (width, height, pixels.fourcc());
                if exact && (got.bytes == 0 || got.bytes as usize == pixels.bytes(width, height)) {
                    return Ok((pixels, writer));
                }
                let fourcc: String = got.fourcc.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '?' }).collect();
                why.push(format!("{form} of {width} x {height} became {fourcc} of {} x {}, {} bytes", got.width, got.height, got.bytes));
            }
            Err(e) => why.push(format!("{form}: {e}")),
        }
    }
    Err(why.join("; "))
}

/// A frame of the feed's (Y, then V and U in turn for every second pixel in both directions) in another form.
pub(super) fn convert(nv21: &[u8], width: u32, height: u32, pixels: Pixels) -> Vec<u8> {
    let (w, h) = (width as usize, height as usize);
    let (luma, chroma) = nv21.split_at(w * h);
    match pixels {
        Pixels::Yuv420 => {
            let part = |at: usize| chroma.iter().skip(at).step_by(2).copied();
            luma.iter().copied().chain(part(1)).chain(part(0)).collect()
        }
        Pixels::Yuyv => {
            let mut out = Vec::with_capacity(w * h * 2);
            for (y, row) in luma.chunks_exact(w).enumerate() {
                let of = &chroma[y / 2 * w..];
                for (x, two) in row.chunks_exact(2).enumerate() {
                    out.extend([two[0], of[x * 2 + 1], two[1], of[x * 2]]);
                }
            }
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use stakeout_feed::{CameraFeed, SubKey};

    use super::*;

    /// A device that takes some forms, and changes others, as drivers may.
    struct Fake {
        takes: Vec<(Pixels, Got)>,
    }

    impl Video for Fake {
        type Writer = io::Sink;

        fn open(&self, _: u32, _: u32, pixels: Pixels) -> io::Result<(Got, io::Sink)> {
            let got = self.takes.iter().find(|(p, _)| *p == pixels).ok_or_else(|| io::Error::from_raw_os_error(22))?.1;
            Ok((got, io::sink()))
        }
    }

    fn exact(pixels: Pixels) -> (Pixels, Got) {
        (pixels, Got { width: 640, height: 480, fourcc: pixels.fourcc(), bytes: pixels.bytes(640, 480) as u32 })
    }

    fn negotiated(takes: Vec<(Pixels, Got)>) -> Result<Pixels, String> {
        negotiate(&Fake { takes }, 640, 480).map(|(p, _)| p)
    }

    #[test]
    fn the_first_form_that_is_taken_exactly_is_written() {
        assert_eq!(negotiated(vec![exact(Pixels::Yuv420), exact(Pixels::Yuyv)]), Ok(Pixels::Yuv420));
        assert_eq!(negotiated(vec![exact(Pixels::Yuyv)]), Ok(Pixels::Yuyv));
        let smaller = Got { width: 320, height: 240, ..exact(Pixels::Yuv420).1 };
        assert_eq!(negotiated(vec![(Pixels::Yuv420, smaller), exact(Pixels::Yuyv)]), Ok(Pixels::Yuyv), "another size is none");
        let silent = Got { bytes: 0, ..exact(Pixels::Yuv420).1 };
        assert_eq!(negotiated(vec![(Pixels::Yuv420, silent)]), Ok(Pixels::Yuv420));
        let other = Got { fourcc: *b"MJPG", ..exact(Pixels::Yuyv).1 };
        let why = negotiated(vec![(Pixels::Yuyv, other)]).unwrap_err();
        assert!(why.contains("YU12: Invalid argument") && why.contains("YUYV of 640 x 480 became MJPG of 640 x 480"), "{why}");
        let padded = Got { bytes: 700_000, ..exact(Pixels::Yuv420).1 };
        assert!(negotiated(vec![(Pixels::Yuv420, padded)]).is_err(), "rows that are longer than they look");
    }

    #[test]
    fn a_frame_keeps_its_colours_in_every_form() {
        // Four by two pixels: luma, then V and U of two blocks.
        let nv21 = [1, 2, 3, 4, 5, 6, 7, 8, 21, 11, 22, 12];
        assert_eq!(convert(&nv21, 4, 2, Pixels::Yuv420), [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 21, 22]);
        assert_eq!(convert(&nv21, 4, 2, Pixels::Yuyv), [1, 11, 2, 21, 3, 12, 4, 22, 5, 11, 6, 21, 7, 12, 8, 22]);
        let frame = CameraFeed::new(SubKey::from_bytes([5; 32])).nv21(7, 640, 480);
        for pixels in Pixels::ALL {
            assert_eq!(convert(&frame, 640, 480, pixels).len(), pixels.bytes(640, 480));
        }
    }
}
