//! Cells, Wi-Fi networks, the position.

use stakeout_contract::{
    Kind,
    canary::{Cell, Location, Needle, WifiNetwork},
    scenario::PlantSpec,
};

use super::{Planting, needle, words::NETWORKS};

impl Planting<'_> {
    pub(super) fn places(&mut self, spec: &PlantSpec) {
        let (mcc, mnc) = if self.chinese { (460, 0) } else { (234, 10) };
        for i in 0..spec.cells {
            let mut d = self.draw(Kind::Cell, i);
            // Nine digits, at most 28 bits: an LTE cell identity (3GPP TS 36.413).
            let cid = 100_000_000 + d.below((1 << 28) - 100_000_000) as u32;
            let lac = 10_000 + d.below(50_000) as u32;
            let dbm = -70 - (d.below(8) as i32) - 6 * (i.min(6) as i32);
            // 27.3 bits of identity; 42.9 together with its area, which the detector finds as a pair of numbers near each other.
            let whole = format!("{mcc}-{mnc:02}-{lac}-{cid}");
            let needles = vec![Needle { text: cid.to_string(), bits: 27 }, Needle { text: whole.clone(), bits: 42 }];
            self.canary(Kind::Cell, &i.to_string(), whole, needles);
            self.data.cells.push(Cell { r#type: "lte".to_owned(), mcc, mnc, lac, cid, dbm });
        }
        for i in 0..spec.wifi {
            let mut d = self.draw(Kind::Wifi, i);
            let bssid = d.mac();
            let ((prefix, a), (rest, b)) = (d.pick(&NETWORKS), d.text("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", 7));
            let ssid = (format!("{prefix}{rest}"), (a + b) as u32);
            let five = d.below(2) == 1;
            let frequency = if five { 5180 + 20 * d.below(8) as u32 } else { 2412 + 5 * d.below(11) as u32 };
            let rssi = -42 - (d.below(10) as i32) - 5 * (i.min(8) as i32);
            self.canary(Kind::Wifi, &i.to_string(), format!("{} ({})", ssid.0, bssid.0), vec![needle(&bssid), needle(&ssid)]);
            self.data.wifi.push(WifiNetwork { ssid: ssid.0, bssid: bssid.0, rssi, frequency });
        }
        self.data.wifi_connected = (spec.wifi > 0).then_some(0);
        if spec.location {
            let mut d = self.draw(Kind::Location, 0);
            // Somewhere within 8 degrees, so that six decimals, which most apps send, still prove; nine decimals, the last not zero,
            // so that a double prints as it is written.
            let (lat, lon) = if self.chinese { (24, 105) } else { (43, 0) };
            let mut decimal = |from: u64| {
                let n = d.below(1_000_000_000) / 10 * 10 + 1 + d.below(9);
                format!("{}.{n:09}", from + d.below(8))
            };
            let (lat, lon) = (decimal(lat), decimal(lon));
            let number = |s: &str| s.parse().unwrap_or(0.0);
            self.data.location = Some(Location { lat: number(&lat), lon: number(&lon), accuracy: 12.0 });
            // 8 * 9 * 10^8 values each: 32.7 bits. Both together are one position.
            let both = format!("{lat},{lon}");
            self.canary(Kind::Location, "0", both.clone(), vec![Needle { text: both, bits: 65 }]);
        }
    }
}
