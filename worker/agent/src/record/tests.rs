use stakeout_contract::Sensor;

use super::*;

fn begun(most: u64) -> Record {
    let mut r = Record::new(most);
    r.begin();
    r.app_comes();
    r
}

#[test]
fn what_was_called_before_the_app_was_there_is_not_the_apps() {
    let mut r = Record::new(10);
    r.begin();
    r.clock(sample(100, 0));
    r.gateway_fact(150, dns("guest.example"));
    r.clock(sample(200, 100));
    assert!(r.is_before_app(150));
    r.app_comes();
    // Told late, of before.
    r.gateway_fact(190, dns("probe.example"));
    r.gateway_fact(250, dns("app.example"));
    assert!(!r.is_before_app(250));
    r.end(0);
    let all = r.observations();
    assert!(matches!(&all[0].fact, Fact::Log { line } if line.starts_with("2 requests and facts")), "{all:?}");
    assert!(all.len() == 2 && all[1].fact == dns("app.example"), "{all:?}");
}

fn sample(real: u64, at: u64) -> ClockSample {
    ClockSample { real, at: Nanos::saturating(at) }
}

fn dns(name: &str) -> Fact {
    Fact::Dns { name: name.into(), answer: String::new() }
}

fn crash() -> Fact {
    Fact::Crashed { message: "x".into(), trace: vec![] }
}

#[test]
fn a_fact_of_the_gateway_waits_for_the_clock_that_dates_it() {
    let mut r = begun(10);
    r.clock(sample(100, 0));
    r.gateway_fact(150, dns("a.example"));
    assert_eq!(r.fresh_len(), 0);
    r.clock(sample(200, 20));
    assert_eq!((r.fresh_len(), r.observations()[0].at.get(), r.observations()[0].source), (1, 20, Source::Gateway));
    r.gateway_fact(900, dns("b.example"));
    r.end(0);
    assert_eq!(r.observations()[1].at.get(), 720);
}

#[test]
fn a_device_cannot_speak_for_gateway_or_worker() {
    let mut r = begun(10);
    r.device_fact(Nanos::ZERO, Source::Host, dns("forged"), vec![]);
    r.device_fact(Nanos::ZERO, Source::Worker, crash(), vec![]);
    assert_eq!(r.observations().len(), 1);
    assert_eq!(r.observations()[0].source, Source::Device);
    assert!(r.device_log.text().contains("forged"));
}

#[test]
fn too_many_observations_are_counted_and_do_not_push_out_the_worker() {
    let mut r = begun(2);
    for _ in 0..5 {
        r.device_fact(Nanos::ZERO, Source::Host, crash(), vec![]);
    }
    r.state(Nanos::ZERO, DeviceState::Background, "idle");
    r.end(0);
    assert_eq!(r.observations()[2].fact, Fact::State { state: DeviceState::Background, step: "idle".into() });
    assert_eq!(r.observations()[3].fact, Fact::Lost { what: "observations".into(), count: 3 });
}

#[test]
fn requests_with_large_heads_are_held_within_bounds_and_the_loss_is_told() {
    let mut r = begun(1000);
    r.head_room = 10_000;
    for id in 1..=20 {
        let text = "x".repeat(1000);
        r.flow(serde_json::from_value(serde_json::json!({
            "id": id, "real": 1, "real_end": 2, "wall": "", "scheme": "https", "host": "h.test", "address": "1.2.3.4", "port": 443, "method": "GET",
            "path": text, "request_headers": [["x", text]], "status": 200, "response_headers": [], "sent": 0, "received": 0,
            "request": null, "response": null, "stub": null, "policy": "sinkhole"})).unwrap());
    }
    let ended = r.end(0);
    let whole = ended.flows.iter().filter(|f| !f.request_headers.is_empty()).count();
    assert_eq!((ended.flows.len(), whole, ended.flows[19].host.as_str()), (20, 4, "h.test"));
    assert!(ended.flows[19].path.len() < 400);
    let last = &r.observations().last().unwrap().fact;
    assert_eq!(*last, Fact::Lost { what: "heads of requests".into(), count: 16 });
}

#[test]
fn a_device_that_fills_its_room_hides_neither_gateway_nor_worker_nor_the_loss() {
    let mut r = begun(1000);
    (r.device_room, r.gateway_room) = (300, 300);
    for _ in 0..50 {
        r.device_fact(Nanos::ZERO, Source::Host, crash(), vec![]);
    }
    let kept = r.observations().len();
    assert!((1..50).contains(&kept), "{kept}");
    r.gateway_fact(1, dns("a.example"));
    for n in 0..50 {
        r.state(Nanos::ZERO, DeviceState::Background, &format!("a step with a long name, number {n}"));
    }
    r.end(0);
    let of = |source| r.observations().iter().filter(|o| o.source == source).count();
    assert_eq!((of(Source::Host), of(Source::Gateway), of(Source::Worker)), (kept, 1, 51));
    let last = &r.observations()[kept + 51].fact;
    assert_eq!(*last, Fact::Lost { what: "observations".into(), count: 50 - kept as u64 });
}

#[test]
fn what_was_delivered_stays_apart_by_session_and_gap() {
    let mut r = begun(10);
    for (session, first, last) in [(1, 10, 19), (1, 20, 24), (2, 90, 90), (1, 400_000, 400_009), (2, 91, 92)] {
        r.device_fact(
            Nanos::ZERO,
            Source::Feed,
            Fact::Delivered { sensor: Sensor::Camera, facing: None, session, first, last, count: last - first + 1 },
            vec![],
        );
    }
    let d = r.end(0).delivered;
    assert_eq!(
        d.iter().map(|d| (d.session, d.first, d.last, d.count)).collect::<Vec<_>>(),
        [(1, 10, 24, 15), (2, 90, 92, 3), (1, 400_000, 400_009, 10)]
    );
}

#[test]
fn before_it_has_begun_only_logs_are_taken() {
    let mut r = Record::new(10);
    r.clock(sample(5, 5));
    r.device_fact(Nanos::ZERO, Source::Host, crash(), vec![]);
    r.device_log.line("boot");
    assert_eq!((r.observations().len(), r.now(), r.device_log.text()), (0, Nanos::ZERO, "boot\n".to_owned()));
}

#[test]
fn the_end_of_a_log_is_cut_when_typed_values_were_taken_out() {
    let mut r = Record::new(10);
    r.scrubber = Scrubber::new(["s3cr3t word"], &[]);
    r.device_log.line(&format!("typed s3cr3t word{}", "y".repeat(LOG_TAIL - 5)));
    assert_eq!(r.log_tail(), format!("*****{}", "y".repeat(LOG_TAIL - 5)));
}

#[test]
fn a_head_that_finds_no_room_is_cut_when_typed_values_were_taken_out() {
    let mut r = begun(10);
    r.scrubber = Scrubber::new(["s3cr3t word"], &[]);
    r.head_room = 0;
    let path = format!("/{}s3cr3t+word", "p".repeat(SHORT - 5));
    let flow = serde_json::json!({
        "id": 1, "real": 1, "real_end": 1, "wall": "", "scheme": "https", "host": "up.example", "address": "10.0.0.1", "port": 443,
        "method": "GET", "path": path, "request_headers": [], "status": 200, "response_headers": [], "sent": 0, "received": 0,
        "request": null, "response": null, "stub": null, "policy": "sinkhole",
    });
    r.flow(serde_json::from_value(flow).unwrap());
    assert_eq!(r.end(0).flows[0].path, format!("/{}****", "p".repeat(SHORT - 5)));
}
