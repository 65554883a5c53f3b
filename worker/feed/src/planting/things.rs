//! Identifiers, the clipboard, the owner's pictures, other apps.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use stakeout_contract::{
    Kind,
    canary::{Identifiers, InstalledApp, Media, Needle},
    scenario::PlantSpec,
};

use super::{
    Planting,
    draw::{Draw, luhn},
    needle, people,
    words::{APP_KINDS, APP_WORDS},
};

const BASE32: &str = "abcdefghijkmnpqrstuvwxyz23456789";

impl Planting<'_> {
    pub(super) fn things(&mut self, spec: &PlantSpec) {
        if spec.identifiers {
            self.identifiers();
        }
        if spec.clipboard {
            let mut d = self.draw(Kind::Clipboard, 0);
            let (number, bits) = d.digits(15);
            let text = if self.chinese { format!("快递单号 SF{number}") } else { format!("tracking SF{number}") };
            self.canary(Kind::Clipboard, "0", text.clone(), vec![Needle { text: format!("SF{number}"), bits: bits as u32 }]);
            self.data.clipboard = Some(text);
        }
        for i in 0..spec.media {
            let mut d = self.draw(Kind::MediaFiles, i);
            let (token, bits) = d.text(BASE32, 20);
            let ((day, a), (time, b)) = (d.digits(1), d.digits(9));
            let name = (format!("IMG_2024020{day}_{time}.png"), (a + b) as u32);
            let png = picture(&mut d, &token);
            let needles = vec![Needle { text: token, bits: bits as u32 }, needle(&name)];
            self.canary(Kind::MediaFiles, &i.to_string(), name.0.clone(), needles);
            self.data.media.push(Media { name: name.0, mime: "image/png".to_owned(), base64: STANDARD.encode(png) });
        }
        for i in 0..spec.installed_apps {
            let mut d = self.draw(Kind::InstalledApps, i);
            let ((a, x), (b, y), (kind, z)) = (d.pick(&APP_WORDS), d.pick(&APP_WORDS), d.pick(&APP_KINDS));
            let (rare, w) = d.text(BASE32, 5);
            let package = (format!("com.{a}{b}.{kind}.{rare}"), (x + y + z + w) as u32);
            self.canary(Kind::InstalledApps, &i.to_string(), package.0.clone(), vec![needle(&package)]);
            self.data.installed_apps.push(InstalledApp { package: package.0, label: format!("{a} {kind}") });
        }
    }

    fn identifiers(&mut self) {
        let mut d = self.draw(Kind::Identifiers, 0);
        let phone = people::phone(&mut d, self.chinese);
        let (serial, imei, imsi, iccid) = (d.text("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 12), d.digits(12), d.digits(10), d.digits(13));
        let hex = |d: &mut Draw, n| d.text("0123456789abcdef", n).0;
        let (android_id, uuid, mac) = (hex(&mut d, 16), hex(&mut d, 32), d.mac());
        // The reporting body of an IMEI is drawn as well, or the number alone could never prove anything. 00 is of test devices.
        let (first, second) = (d.text("123456789", 1), d.digits(1));
        let (operator, issuer) = if self.chinese { ("46000", "898600") } else { ("23410", "894410") };
        let checked = |digits: String| format!("{digits}{}", luhn(&digits));
        let ids = Identifiers {
            // 3GPP TS 23.003: 8 digits of type, 6 of serial number, one check digit.
            imei: checked(format!("{}{}{}", first.0, second.0, imei.0)),
            imsi: format!("{operator}{}", imsi.0),
            // ITU-T E.118.
            iccid: checked(format!("{issuer}{}", iccid.0)),
            phone_number: phone.international.clone(),
            android_id,
            serial: serial.0,
            // A random UUID (RFC 9562, version 4), of whose 122 free bits 120 are drawn.
            advertising_id: format!("{}-{}-4{}-a{}-{}", &uuid[..8], &uuid[8..12], &uuid[13..16], &uuid[17..20], &uuid[20..32]),
            wifi_mac: mac.0,
        };
        let bits = [
            ("imei", &ids.imei, first.1 + second.1 + imei.1),
            ("imsi", &ids.imsi, imsi.1),
            ("iccid", &ids.iccid, iccid.1),
            ("android_id", &ids.android_id, 64.0),
            ("serial", &ids.serial, serial.1),
            ("advertising_id", &ids.advertising_id, 120.0),
            ("wifi_mac", &ids.wifi_mac, f64::from(mac.1)),
        ];
        for (name, text, bits) in bits {
            self.canary(Kind::Identifiers, name, format!("{name} {text}"), vec![Needle { text: text.clone(), bits: bits as u32 }]);
        }
        self.canary(Kind::Identifiers, "phone_number", format!("phone number {}", phone.international), phone.needles());
        self.data.identifiers = ids;
    }
}

/// A PNG of 96 by 64 grey noise whose `Comment` is `token` (PNG 3rd ed. §11.3.3.3). Its picture is the key's, too.
fn picture(d: &mut Draw, token: &str) -> Vec<u8> {
    const WIDTH: u32 = 96;
    const HEIGHT: u32 = 64;
    // A smooth picture from a few draws: what matters is that no other trial has it.
    let waves: Vec<(u64, u64, u64)> = (0..4).map(|_| (1 + d.below(7), 1 + d.below(7), d.below(256))).collect();
    let triangle = |x: u64| {
        let m = x % 256;
        if m < 128 { 2 * m } else { 511 - 2 * m }
    };
    let mut rows = Vec::new();
    for y in 0..u64::from(HEIGHT) {
        rows.push(0);
        rows.extend(
            (0..u64::from(WIDTH)).map(|x| (waves.iter().map(|(a, b, c)| triangle(a * x + b * y + c)).sum::<u64>() / 4).min(255) as u8),
        );
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut head = Vec::new();
    head.extend(WIDTH.to_be_bytes());
    head.extend(HEIGHT.to_be_bytes());
    head.extend([8, 0, 0, 0, 0]);
    chunk(&mut png, *b"IHDR", &head);
    chunk(&mut png, *b"tEXt", &[b"Comment\0", token.as_bytes()].concat());
    chunk(&mut png, *b"IDAT", &stored(&rows));
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    let from = png.len();
    png.extend(kind);
    png.extend(data);
    let crc = crc32(&png[from..]);
    png.extend(crc.to_be_bytes());
}

/// zlib without compression (RFC 1950, RFC 1951 §3.2.4).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut pieces = data.chunks(65_535).peekable();
    while let Some(p) = pieces.next() {
        out.push(u8::from(pieces.peek().is_none()));
        out.extend((p.len() as u16).to_le_bytes());
        out.extend((!(p.len() as u16)).to_le_bytes());
        out.extend(p);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in data {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// PNG 3rd ed., annex D.
fn crc32(data: &[u8]) -> u32 {
    !data
        .iter()
        .fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 }))
}
