//! OpenTelemetry: what a collector gets of one trial on a farm of a server and a worker.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use stakeout_e2e::{Stakeout, app, scenario, server, server::Server, text};

type Spans = Arc<Mutex<Vec<(String, Span)>>>;

/// A collector: OTLP over HTTP, each span with the name of its service.
fn collector() -> (String, Spans) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let spans = Spans::default();
    let kept = spans.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let kept = kept.clone();
            std::thread::spawn(move || serve(&stream.unwrap(), &kept));
        }
    });
    (url, spans)
}

fn serve(stream: &TcpStream, spans: &Spans) {
    let mut from = BufReader::new(stream);
    loop {
        let (mut length, mut first) = (0, String::new());
        if from.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        assert!(first.starts_with("POST /v1/traces "), "{first}");
        loop {
            let mut line = String::new();
            from.read_line(&mut line).unwrap();
            let line = line.trim().to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(n) = line.strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body).unwrap();
        let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
        for r in request.resource_spans {
            let service = r.resource.as_ref().and_then(|r| r.attributes.iter().find(|a| a.key == "service.name"));
            let service = service.map(|a| said(a.value.as_ref().and_then(|v| v.value.as_ref()))).unwrap_or_default();
            let all = r.scope_spans.into_iter().flat_map(|s| s.spans).map(|s| (service.clone(), s));
            spans.lock().unwrap().extend(all);
        }
        (&mut &*stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

fn said(v: Option<&Value>) -> String {
    match v {
        Some(Value::StringValue(s)) => s.clone(),
        Some(Value::IntValue(i)) => i.to_string(),
        Some(Value::BoolValue(b)) => b.to_string(),
        other => format!("{other:?}"),
    }
}

fn attributes(s: &Span) -> BTreeMap<&str, String> {
    s.attributes.iter().map(|a| (a.key.as_str(), said(a.value.as_ref().and_then(|v| v.value.as_ref())))).collect()
}

#[test]
fn a_trial_is_one_trace_over_worker_and_server() {
    let (url, spans) = collector();
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "200")];
    let s = Stakeout::new();
    let server = Server::start_with(&s, &environment);
    let farm = |args: &[&str]| {
        let mut c = s.command(args);
        c.env("STAKEOUT_SERVER", &server.url).env("STAKEOUT_TOKEN", &server.token);
        c
    };
    let token = farm(&["token", "new", "--role", "worker", "--quiet"]).output().unwrap();
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let log = s.dir.path().join("worker.log");
    let mut worker = s
        .command(&["work", "--server", &server.url, "--device", "jvm", "--slots", "1"])
        .envs(environment)
        .env("STAKEOUT_TOKEN", &token)
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let (apk, steps, out) = (text(&app("quiet")), text(&scenario("short")), text(&s.out()));
    let run = farm(&["run", &apk, "--server", &server.url, "--scenario", &steps, "--trials", "1", "--out", &out]).output().unwrap();
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    assert!(s.out().join("result.json").is_file(), "{}\n{}", String::from_utf8_lossy(&run.stderr), said());
    let ended = server::terminate(&mut worker);
    if !ended.success() {
        // How a worker ends is not this test's matter; who looks for it finds it here.
        eprintln!("the worker ended with {ended}: {}", said());
    }
    let url_of_farm = server.url.clone();
    server.end();

    let spans = spans.lock().unwrap();
    let (_, trial) = spans.iter().find(|(_, s)| s.name == "trial").unwrap();
    let facts = attributes(trial);
    assert_eq!(facts["stakeout.completed"], "true");
    assert_eq!(facts["stakeout.device"], "jvm");
    assert!(facts["stakeout.trial"].starts_with("trial-") && facts["stakeout.job"].starts_with("job-"), "{facts:?}");
    assert!(facts.keys().all(|k| k.starts_with("stakeout.")), "{facts:?}");
    let of_trial: Vec<_> = spans.iter().filter(|(_, s)| s.trace_id == trial.trace_id).collect();
    // Its stages follow each other, on the worker.
    let inside: Vec<_> = of_trial.iter().filter(|(_, s)| s.name != "trial" && s.kind() == SpanKind::Internal).collect();
    let stages: BTreeSet<&str> = inside.iter().map(|(_, s)| s.name.as_str()).collect();
    for stage in ["lease", "cell", "install", "script", "collect", "analyse"] {
        assert!(stages.contains(stage), "{stage} is missing: {stages:?}");
    }
    for (service, stage) in &inside {
        assert_eq!((service.as_str(), &stage.parent_span_id), ("stakeout-worker", &trial.span_id), "{stage:?}");
    }
    // And the orchestrator's answers to that worker are below it.
    let answers: Vec<_> = of_trial.iter().filter(|(service, _)| service == "stakeout-server").collect();
    let complete = answers.iter().find(|(_, s)| s.name.starts_with("POST ") && s.name.ends_with("/complete"));
    let (_, complete) = complete.unwrap_or_else(|| panic!("{:?}", answers.iter().map(|(_, s)| &s.name).collect::<Vec<_>>()));
    assert_eq!(complete.parent_span_id, trial.span_id);
    assert!(attributes(complete)["http.response.status_code"].starts_with("20"), "{complete:?}");
    // Nothing that is secret or an app's own is in any of them.
    let all = format!("{spans:?}");
    for word in [server_secret(&token), "quiet".to_owned(), url_of_farm] {
        assert!(!all.contains(&word), "`{word}` is in a span");
    }
}

/// The secret half of a token.
fn server_secret(token: &str) -> String {
    token.rsplit('_').next().unwrap().to_owned()
}
