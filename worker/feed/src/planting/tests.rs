use std::collections::HashSet;

use crate::TrialKey;

use super::*;

const START: i64 = 1_709_596_800_000;

fn planted(key: u8, locale: &str) -> (PlantData, Vec<Canary>) {
    plant(&PlantSpec::default(), &TrialKey::from_bytes([key; 32]).subkeys().canaries, locale, START)
}

#[test]
fn counts_are_those_of_the_scenario_and_ids_are_unique() {
    for locale in ["zh-CN", "en-GB"] {
        let (data, canaries) = planted(1, locale);
        let spec = PlantSpec::default();
        assert_eq!((data.contacts.len(), data.call_log.len(), data.wifi.len(), data.cells.len()), (25, 40, 6, 3));
        assert_eq!(canaries.iter().map(|c| &c.id).collect::<HashSet<_>>().len(), canaries.len());
        let of = |k| canaries.iter().filter(|c| c.kind == k).count() as u32;
        assert_eq!((of(Kind::Sms), of(Kind::Identifiers), of(Kind::MediaFiles), of(Kind::Location)), (spec.sms, 8, spec.media, 1));
    }
}

#[test]
fn two_trials_share_no_value_and_no_value_is_planted_twice() {
    let values =
        |key| planted(key, "zh-CN").1.into_iter().flat_map(|c| c.needles).filter(|n| n.bits > 24).map(|n| n.text).collect::<Vec<_>>();
    let (a, b) = (values(1), values(2));
    let set: HashSet<_> = a.iter().collect();
    assert_eq!(set.len(), a.len());
    assert_eq!(b.iter().filter(|v| set.contains(v)).count(), 0);
}

#[test]
fn every_needle_is_in_what_the_device_is_given() {
    for locale in ["zh-CN", "en-GB"] {
        let (data, canaries) = planted(3, locale);
        let json = serde_json::to_string(&data).unwrap();
        let media: Vec<Vec<u8>> =
            data.media.iter().map(|m| base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &m.base64).unwrap()).collect();
        for c in &canaries {
            assert!(c.needles.iter().all(|n| n.text.len() >= 6 && n.bits >= 10), "{}", c.id);
            // A pair (area and cell, latitude and longitude) is one needle, and two fields of what is given.
            let given = |t: &str| json.contains(t) || media.iter().any(|m| m.windows(t.len()).any(|w| w == t.as_bytes()));
            let found = |n: &Needle| given(&n.text) || n.text.contains(',') && n.text.split(',').all(given);
            assert!(c.needles.iter().any(found), "{} {:?}", c.id, c.needles);
        }
    }
}

#[test]
fn every_kind_can_be_proven_by_one_canary_alone_or_by_few() {
    // A match counts 2^-bits for each place; 1e-9 after 2^27 places needs 57 bits, by one canary or by several of its kind.
    let (_, canaries) = planted(4, "zh-CN");
    for kind in Kind::ALL.iter().filter(|k| !k.is_sensor()) {
        let best: u32 = canaries.iter().filter(|c| c.kind == *kind).map(|c| c.needles.iter().map(|n| n.bits).max().unwrap_or(0)).sum();
        assert!(best >= 40, "{kind}: {best} bits");
    }
}

#[test]
fn numbers_that_have_check_digits_have_right_ones() {
    let ids = planted(5, "zh-CN").0.identifiers;
    for n in [&ids.imei, &ids.iccid] {
        let (body, check) = n.split_at(n.len() - 1);
        assert_eq!(draw::luhn(body).to_string(), check);
    }
    assert_eq!((ids.imei.len(), ids.imsi.len(), ids.iccid.len(), ids.advertising_id.len()), (15, 15, 20, 36));
    // The example of ISO/IEC 7812-1.
    assert_eq!(draw::luhn("7992739871"), 3);
}

#[test]
fn an_imei_alone_can_prove() {
    let (_, canaries) = planted(5, "zh-CN");
    let needles: usize = canaries.iter().map(|c| c.needles.len()).sum();
    let imei = canaries.iter().find(|c| c.id == "identifiers/imei").unwrap().needles[0].bits;
    // A number of 15 digits has at most 8 ways of being written; 10 other numbers of its length may lie beside it.
    let p = 0.5_f64.powi(imei as i32) * (2 * 8 * 10 * needles) as f64;
    assert!(p <= stakeout_contract::probability::PROVEN_AT_MOST, "{p:e}");
}

#[test]
fn positions_print_as_they_are_searched() {
    for key in 0..50 {
        let (data, canaries) = planted(key, if key % 2 == 0 { "zh-CN" } else { "fr-FR" });
        let l = data.location.unwrap();
        let needles = &canaries.iter().find(|c| c.kind == Kind::Location).unwrap().needles;
        assert_eq!(format!("{},{}", l.lat, l.lon), needles[0].text);
    }
}

#[test]
fn pictures_are_valid_and_carry_their_token() {
    let media = &planted(6, "zh-CN").0.media[0];
    let png = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &media.base64).unwrap();
    let picture = image::load_from_memory(&png).unwrap();
    assert_eq!((picture.width(), picture.height()), (96, 64));
}

#[test]
fn the_same_key_plants_the_same_for_ever() {
    let (data, canaries) = plant(
        &PlantSpec {
            contacts: 2,
            call_log: 2,
            sms: 1,
            calendar: 1,
            cells: 1,
            wifi: 1,
            accounts: 1,
            media: 1,
            installed_apps: 1,
            location: true,
            identifiers: true,
            clipboard: true,
        },
        &TrialKey::from_bytes([7; 32]).subkeys().canaries,
        "zh-CN",
        START,
    );
    let digests = data.media.iter().map(|m| stakeout_contract::Sha256Digest::of(m.base64.as_bytes()).short()).collect::<Vec<_>>();
    let data = PlantData { media: vec![], ..data };
    insta::assert_json_snapshot!(serde_json::json!({"data": data, "media": digests, "canaries": canaries}));
}
