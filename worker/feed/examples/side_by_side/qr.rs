//! A QR code in the frame: 80 bits that the trial's key makes for the frame, as 20 letters, which is the smallest QR code (21 x 21
//! modules) at the crate's usual error correction.

use std::collections::HashMap;

use image::{GrayImage as Pixels, Luma};
use qrcode::bits::Bits;
use qrcode::{Color, EcLevel, QrCode, Version};
use stakeout_feed::SubKey;

use crate::score::Named;

/// Where codes are drawn, each with the empty border that the standard asks for.
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    /// Pixels of a module, left, top: a code is 29 modules wide with its border.
    codes: &'static [(u32, u32, u32)],
}

/// On a white card: one as large as fits, as many of the size of our fine cells as fit, or both sizes side by side.
#[rustfmt::skip]
pub(crate) const CARD: &[Layout] = &[
    Layout { name: "one of 464 pixels", codes: &[(16, 88, 8)] },
    Layout {
        name: "twelve of 145 pixels",
        codes: &[
            (5, 7, 7), (5, 167, 7), (5, 327, 7), (5, 487, 7),
            (5, 7, 167), (5, 167, 167), (5, 327, 167), (5, 487, 167),
            (5, 7, 327), (5, 167, 327), (5, 327, 327), (5, 487, 327),
        ],
    },
    Layout {
        name: "one of 319 and six of 145 pixels",
        codes: &[(11, 0, 80), (5, 327, 7), (5, 487, 7), (5, 327, 167), (5, 487, 167), (5, 327, 327), (5, 487, 327)],
    },
];

/// In the room's lower right corner, where it covers 7 % or 22 % of the frame.
pub(crate) const ROOM: &[Layout] = &[
    Layout { name: "145 pixels in a corner", codes: &[(5, 495, 335)] },
    Layout { name: "261 pixels in a corner", codes: &[(9, 379, 219)] },
];

fn text(key: &SubKey, frame: u64) -> String {
    let mut tag = [0; 10];
    key.fill("qr", frame, &mut tag);
    hex::encode_upper(tag)
}

/// The frame with its codes over it.
pub(crate) fn drawn(on: &Pixels, layout: &Layout, key: &SubKey, frame: u64) -> Pixels {
    // As letters and not in parts, as the crate's own choice of parts takes more room for some texts.
    let mut bits = Bits::new(Version::Normal(1));
    bits.push_alphanumeric_data(text(key, frame).as_bytes()).unwrap();
    bits.push_terminator(EcLevel::M).unwrap();
    let code = QrCode::with_bits(bits, EcLevel::M).unwrap();
    let (side, colors) = (code.width() as u32, code.to_colors());
    let mut out = on.clone();
    for &(m, left, top) in layout.codes {
        for y in 0..(side + 8) * m {
            for x in 0..(side + 8) * m {
                let (column, row) = (x / m, y / m);
                let inside = (4..side + 4).contains(&column) && (4..side + 4).contains(&row);
                let dark = inside && colors[((row - 4) * side + column - 4) as usize] == Color::Dark;
                out.put_pixel(left + x, top + y, Luma([if dark { 0 } else { 255 }]));
            }
        }
    }
    out
}

/// What stands in the codes of all delivered frames of all trials.
#[derive(Default)]
pub(crate) struct Tags(HashMap<String, (usize, u64)>);

impl Tags {
    pub(crate) fn learn(&mut self, key: &SubKey, trial: usize, frame: u64) {
        self.0.insert(text(key, frame), (trial, frame));
    }

    /// Nothing also where the reader breaks.
    pub(crate) fn read(&self, picture: &Pixels) -> (Named, f64) {
        let format = Some(rxing::BarcodeFormat::QR_CODE);
        let found = std::panic::catch_unwind(|| {
            rxing::helpers::detect_in_luma(picture.as_raw().clone(), picture.width(), picture.height(), format)
                .map(|r| r.getText().to_owned())
        });
        let known = found.ok().and_then(Result::ok).and_then(|text| self.0.get(&text).copied());
        (known.map_or(Named::Nothing, |(t, f)| Named::Moment(t, f)), 0.0)
    }
}
