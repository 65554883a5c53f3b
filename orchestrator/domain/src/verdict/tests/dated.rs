//! What was planted and lies in the app's files has no date of its own.

use super::*;

fn read() -> Fact {
    Fact::Read { data: Kind::Contacts, what: "content://contacts".into(), rows: Some(25) }
}

fn kept(s: Sample) -> Sample {
    s.found(Kind::Contacts, Role::AppFile, None, None, 1e-12)
}

#[test]
fn a_value_in_a_file_is_of_one_of_the_states_in_which_its_kind_was_read_and_silence_of_none() {
    let r = kept(kept(silent().saw(100, read()).saw(5000, read()))).decide();
    assert_eq!(said(&r, Kind::Contacts, Rung::Stored, DeviceState::Any), Answer::Proven);
    for state in [DeviceState::Background, DeviceState::ScreenOff] {
        let v = row(&r, Kind::Contacts, Rung::Stored, state);
        assert_eq!((v.verdict, codes(v)), (Answer::Inconclusive, vec!["undated"]), "said once, of all values");
        assert_eq!(said(&r, Kind::Contacts, Rung::Read, state), Answer::Supported);
    }
    assert_eq!(said(&r, Kind::Contacts, Rung::Stored, DeviceState::InUse), Answer::NotObserved);
    assert_eq!(said(&r, Kind::CallLog, Rung::Stored, DeviceState::Background), Answer::NotObserved);
    // Of one state alone it is known.
    let r = kept(silent().saw(100, read()).saw(120, read())).decide();
    assert_eq!(said(&r, Kind::Contacts, Rung::Stored, DeviceState::Background), Answer::Supported);
    assert_eq!(said(&r, Kind::Contacts, Rung::Stored, DeviceState::ScreenOff), Answer::NotObserved);
}

#[test]
fn a_value_in_a_file_that_nobody_was_seen_to_read_was_read_in_any_state() {
    let r = kept(silent()).decide();
    assert_eq!(said(&r, Kind::Contacts, Rung::Stored, DeviceState::Any), Answer::Proven);
    for state in [DeviceState::InUse, DeviceState::Background, DeviceState::ScreenOff] {
        for rung in [Rung::Read, Rung::Stored] {
            let v = row(&r, Kind::Contacts, rung, state);
            assert_eq!((v.verdict, codes(v)), (Answer::Inconclusive, vec!["undated"]), "{rung} {state}");
        }
        assert_eq!(said(&r, Kind::Contacts, Rung::Transmitted, state), Answer::NotObserved);
    }
}
