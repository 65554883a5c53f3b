//! Values that are typed and kept nowhere, however the trial ends.

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use stakeout_contract::{
    artifact::Role,
    observation::{Fact, LOST_TYPED},
    trial::{TrialEnd, TrialState},
};
use stakeout_protocol::device::{Event, Verb};
use tracing::{
    Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::{fake::*, lines, run, scenario, told};

const PASSWORD: &str = "s3cr3t word";
const FORMS: [&str; 3] = ["s3cr3t word", "s3cr3t+word", "s3cr3t%20word"];

/// Where something goes wrong: in the idle minute after the typing.
const IDLE: usize = 6;

/// Who leases a trial that signs in, and has the password.
fn sign_in(told: &Told) -> FakeOrchestrator {
    let steps = json!(["launchApp", {"inputText": {"secret": "PASSWORD", "id": "pw"}}, {"idle": {"state": "background", "for": "1m"}}]);
    let orchestrator = FakeOrchestrator::new(told, vec![lease(scenario(steps))]);
    orchestrator.given.lock().unwrap().secrets.insert("PASSWORD".into(), PASSWORD.into());
    orchestrator
}

/// A guest that prints the password to its log as it is typed, and does something else in the idle minute.
fn prints(told: &Told, then: impl Fn() -> Act + Send + Sync + 'static) -> FakeCells {
    FakeCells::new(told).reply(move |v, n| match v {
        Verb::Input(_) => Some(Act::Say(vec![Event::Log { line: format!("typed {PASSWORD}") }])),
        Verb::Advance { .. } if n == IDLE => Some(then()),
        _ => None,
    })
}

/// All that left the worker, as one text.
fn left(orchestrator: &FakeOrchestrator) -> String {
    let given = orchestrator.given.lock().unwrap();
    let bytes: String = given.artifacts.values().map(|b| String::from_utf8_lossy(b).into_owned()).collect();
    let told = [
        serde_json::to_string(&given.completion),
        serde_json::to_string(&given.failed),
        serde_json::to_string(&given.progress),
        serde_json::to_string(&given.observations),
    ];
    told.into_iter().map(Result::unwrap).chain([bytes]).collect()
}

fn keeps_nothing(text: &str) {
    for form in FORMS {
        assert!(!text.contains(form), "{form} has left: {text}");
    }
}

/// What the worker writes to its own log and traces, as text.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<String>>);

impl Visit for Written {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}: {value:?}").unwrap();
    }
}

impl Subscriber for Written {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        span.record(&mut self.clone());
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Signs in, and gives what the trial's end was as it was handed in, with all that left the worker.
async fn failed(then: impl Fn() -> Act + Send + Sync + 'static) -> (TrialEnd, String) {
    let told = told();
    let orchestrator = sign_in(&told);
    run(&orchestrator, prints(&told, then)).await;
    assert!(lines(&told).iter().any(|l| l.contains(PASSWORD)), "it was typed");
    let end = orchestrator.given.lock().unwrap().completion.as_ref().unwrap().record.end.clone();
    (end, left(&orchestrator))
}

#[tokio::test(start_paused = true)]
async fn an_app_that_prints_what_was_typed_and_hangs_leaves_it_nowhere() {
    for code in ["guest_hangs", "guest_ended", "guest_out_of_memory"] {
        let said = move || Event::Health { code: code.into(), message: format!("no end of {PASSWORD}") };
        let (end, all) = failed(move || Act::Say(vec![said()])).await;
        assert_eq!((end.state, end.stage.as_str()), (TrialState::Failed, "script"), "{code}");
        assert!(end.reason.contains("no end of ***********"), "{}", end.reason);
        assert!(end.log.contains("typed ***********"), "{}", end.log);
        keeps_nothing(&all);
    }
}

#[tokio::test(start_paused = true)]
async fn an_app_that_prints_what_was_typed_and_takes_all_time_leaves_it_nowhere() {
    let (end, all) = failed(|| Act::Silence).await;
    assert_eq!(end.reason, "the trial's deadline has passed");
    assert!(end.log.contains("typed ***********"), "{}", end.log);
    keeps_nothing(&all);
}

#[tokio::test(start_paused = true)]
async fn what_was_typed_is_found_in_an_exceptions_words_before_they_are_cut() {
    // The cut falls into the value.
    let words = || format!("{}{PASSWORD}", "x".repeat(995));
    let (end, all) = failed(move || Act::ProblemSaying("out_of_memory", words())).await;
    assert!(end.reason.contains("xxx*****") && !end.reason.contains("s3cr") && end.state == TrialState::Failed, "{end:?}");
    keeps_nothing(&all);
    // An answer that is none is quoted in the reason.
    let (end, all) = failed(|| Act::Ok(json!({"at": PASSWORD}))).await;
    assert!(end.reason.contains("its answer cannot be read") && end.reason.contains("***********"), "{end:?}");
    keeps_nothing(&all);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_fails_only_as_it_is_collected_leaves_what_was_typed_nowhere() {
    let told = told();
    let orchestrator = sign_in(&told);
    let cells = FakeCells::new(&told).reply(|v, _| match v {
        Verb::Input(_) => Some(Act::Say(vec![Event::Log { line: format!("typed {PASSWORD}") }])),
        Verb::SnapshotFiles { .. } => {
            Some(Act::Say(vec![Event::Health { code: "guest_ended".into(), message: format!("its last word is {PASSWORD}") }]))
        }
        _ => None,
    });
    run(&orchestrator, cells).await;
    let end = orchestrator.given.lock().unwrap().completion.as_ref().unwrap().record.end.clone();
    assert_eq!((end.state, end.stage.as_str()), (TrialState::Failed, "collect"));
    assert!(end.reason.contains("last word is ***********") && end.log.contains("typed ***********"), "{end:?}");
    keeps_nothing(&left(&orchestrator));
}

/// Such an end goes to the store, to those who watch, and to the worker's own log.
#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_back_tells_nobody_what_was_typed() {
    let written = Written::default();
    let _guard = tracing::subscriber::set_default(written.clone());
    let told = told();
    let orchestrator = sign_in(&told);
    let died = || Event::Health { code: "guest_died".into(), message: format!("killed at {PASSWORD}") };
    let cells = FakeCells { stderr: "java: s3cr3t word", ..prints(&told, move || Act::Say(vec![died()])) };
    run(&orchestrator, cells).await;
    let end = orchestrator.given.lock().unwrap().failed.clone().unwrap();
    assert!(end.reason.contains("killed at ***********"), "{}", end.reason);
    assert!(end.log.contains("typed ***********") && end.log.contains("java: ***********"), "{}", end.log);
    let all = left(&orchestrator);
    assert!(all.contains(r#""stage":"failed""#), "those who watch heard of it");
    keeps_nothing(&all);
    let written = written.0.lock().unwrap().clone();
    assert!(written.contains("the trial was not completed") && written.contains("killed at ***********"), "{written}");
    keeps_nothing(&written);
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_typed_and_kept_nowhere() {
    let told = told();
    let steps = json!(["launchApp", {"inputText": {"secret": "PASSWORD", "id": "pw"}}, {"takeScreenshot": "typed"}, {"idle": {"state": "background", "for": "1m"}}]);
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(steps))]);
    orchestrator.given.lock().unwrap().secrets.insert("PASSWORD".into(), PASSWORD.into());
    let mut cells = FakeCells::new(&told).reply(|v, _| {
        let log = Event::Log { line: "typed s3cr3t word".into() };
        matches!(v, Verb::Input(_))
            .then(|| Act::Say(vec![log, fact(1, Fact::Crashed { message: "s3cr3t word is wrong".into(), trace: vec![] })]))
    });
    let mut leak = flow(1, 2_000);
    leak.path = "/login?pw=s3cr3t+word".into();
    cells.flows = vec![(leak, b"POST /login\r\n\r\npw=s3cr3t%20word".to_vec(), b"ok".to_vec())];
    cells.files = vec![("files/prefs", b"<string>s3cr3t word</string>".to_vec())];
    run(&orchestrator, cells).await;
    assert!(lines(&told).iter().any(|l| l.contains("s3cr3t word")), "it was typed");
    let given = orchestrator.given.lock().unwrap();
    let all = format!(
        "{}{}{}",
        serde_json::to_string(given.completion.as_ref().unwrap()).unwrap(),
        serde_json::to_string(&given.observations).unwrap(),
        given.artifacts.values().map(|b| String::from_utf8_lossy(b).into_owned()).collect::<String>()
    );
    for form in FORMS {
        assert!(!all.contains(form), "{form} is in what was kept");
    }
    assert!(all.contains("<string>***********</string>"));
    assert!(!all.contains(LOST_TYPED), "each place was a field of its own");
    assert!(!given.completion.as_ref().unwrap().record.artifacts.iter().any(|a| a.role == Role::Screenshot));
}

#[tokio::test(start_paused = true)]
async fn what_a_typed_value_takes_out_of_the_middle_of_something_is_told_as_lost() {
    let told = told();
    let steps = json!(["launchApp", {"inputText": {"secret": "PASSWORD"}}, {"idle": {"state": "background", "for": "1m"}}]);
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(steps))]);
    orchestrator.given.lock().unwrap().secrets.insert("PASSWORD".into(), "hunter22".into());
    let mut cells = FakeCells::new(&told);
    cells.files = vec![("files/a", b"a name: xhunter22x, a field: \"hunter22\"".to_vec())];
    run(&orchestrator, cells).await;
    let given = orchestrator.given.lock().unwrap();
    let lost: Vec<&Fact> = given.observations.iter().map(|o| &o.fact).filter(|f| matches!(f, Fact::Lost { .. })).collect();
    assert_eq!(lost, [&Fact::Lost { what: LOST_TYPED.into(), count: 1 }]);
}

#[tokio::test(start_paused = true)]
async fn a_compressed_body_with_what_was_typed_is_withheld_and_told_as_lost() {
    // `{"user":"alice","pw":"s3cr3t word"}` as gzip.
    let gzip = hex::decode("1f8b0800000000000203ab562a2d4e2d52b2524accc94c4e55d2512a2807728a8d938b8c4b14caf38b52946a01e81918a223000000");
    let (gzip, head) = (gzip.unwrap(), &b"POST /login HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n"[..]);
    let told = told();
    let orchestrator = sign_in(&told);
    let mut cells = FakeCells::new(&told);
    cells.flows = vec![(flow(1, 2_000), [head, &gzip[..]].concat(), b"ok".to_vec())];
    run(&orchestrator, cells).await;
    let given = orchestrator.given.lock().unwrap();
    let record = &given.completion.as_ref().unwrap().record;
    let request = record.artifacts.iter().find(|a| a.role == Role::FlowRequest).unwrap();
    assert_eq!(given.artifacts[&request.sha256], [head, b"*".repeat(gzip.len()).as_slice()].concat());
    let har = record.artifacts.iter().find(|a| a.role == Role::Har).unwrap();
    let har = String::from_utf8(given.artifacts[&har.sha256].clone()).unwrap();
    assert!(har.contains(&"*".repeat(gzip.len())) && !har.contains(&STANDARD.encode(&gzip)), "{har}");
    for bytes in given.artifacts.values() {
        assert!(!bytes.windows(gzip.len()).any(|w| w == gzip), "{}", String::from_utf8_lossy(bytes));
    }
    let lost: Vec<&Fact> = given.observations.iter().map(|o| &o.fact).filter(|f| matches!(f, Fact::Lost { .. })).collect();
    assert_eq!(lost, [&Fact::Lost { what: LOST_TYPED.into(), count: 1 }]);
}
