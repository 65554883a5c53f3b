//! What holds a lease, and what ends it: renewals, outages, a cancel, a stop.

use serde_json::json;
use stakeout_agent::{RenewAnswer, Shutdown, Worker, WorkerReport};
use stakeout_contract::trial::TrialState;
use stakeout_protocol::device::Verb;

use super::{fake::*, lines, run, scenario, told};

#[tokio::test(start_paused = true)]
async fn a_lost_lease_stops_at_once_and_writes_nothing() {
    let told = told();
    let orchestrator =
        FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp", {"idle": {"state": "background", "for": "5m"}}])))]);
    let shared = orchestrator.given.clone();
    let cells = FakeCells::new(&told).reply(move |v, _| {
        matches!(v, Verb::Launch).then(|| {
            let mut g = shared.lock().unwrap();
            (g.renew, g.lost) = (Some(RenewAnswer::Lost), true);
            Act::Silence
        })
    });
    assert_eq!(run(&orchestrator, cells).await, WorkerReport { completed: 0, given_back: 1 });
    assert_eq!(lines(&told).last().unwrap(), "cell destroyed");
    let given = orchestrator.given.lock().unwrap();
    assert!(given.completion.is_none() && given.failed.is_none() && given.artifacts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_is_asked_again_before_the_lease_ends() {
    let told = told();
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp"])))]);
    orchestrator.given.lock().unwrap().silent_renewals = 2;
    run(&orchestrator, FakeCells::new(&told).reply(|v, _| matches!(v, Verb::Launch).then_some(Act::Silence))).await;
    let given = orchestrator.given.lock().unwrap();
    assert!(given.completion.is_some());
    let gaps: Vec<u64> = given.renewals.windows(2).map(|w| (w[1] - w[0]).as_secs()).collect();
    // Two that hang for 20 s, each with 5 s before the next; then every 20 s.
    assert_eq!(gaps[..4], [25, 25, 20, 20], "of a lease of 60 s");
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_orchestrator_is_no_time_of_the_app() {
    let told = told();
    let mut scenario = scenario(json!(["launchApp", {"idle": {"state": "background", "for": "5m"}}, {"tapOn": "Agree"}]));
    scenario["deadline"] = json!("2m");
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario)]);
    {
        let mut given = orchestrator.given.lock().unwrap();
        (given.outage, given.deaf) = (Some(std::time::Duration::from_secs(600)), true);
    }
    // A device that takes its time, so that something is handed in within the script.
    let cells = FakeCells::new(&told).slow(std::time::Duration::from_secs(2));
    assert_eq!(run(&orchestrator, cells).await, WorkerReport { completed: 1, given_back: 0 });
    let given = orchestrator.given.lock().unwrap();
    let record = &given.completion.as_ref().unwrap().record;
    assert!(record.cost.wall_seconds > 600.0, "{}", record.cost.wall_seconds);
    assert_eq!((record.end.state, record.end.reason.as_str()), (TrialState::Finished, ""));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_trial_ends_as_cancelled() {
    let told = told();
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp"])))]);
    orchestrator.given.lock().unwrap().renew = Some(RenewAnswer::Cancelled);
    run(&orchestrator, FakeCells::new(&told).reply(|v, _| matches!(v, Verb::Launch).then_some(Act::Silence))).await;
    assert_eq!(orchestrator.given.lock().unwrap().failed.as_ref().unwrap().state, TrialState::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_stopped_destroys_its_cell_and_gives_the_lease_back() {
    let told = told();
    let orchestrator = FakeOrchestrator::new(&told, vec![lease(scenario(json!(["launchApp"])))]);
    let (shutdown, cache) = (Shutdown::default(), tempfile::tempdir().unwrap());
    let stop = shutdown.stop.clone();
    let cells = FakeCells::new(&told).reply(move |v, _| {
        matches!(v, Verb::Launch).then(|| {
            stop.cancel();
            Act::Silence
        })
    });
    let report = Worker::with_cells(orchestrator.clone(), cells, config(cache.path().into())).unwrap().run(shutdown).await.unwrap();
    assert_eq!(report, WorkerReport { completed: 0, given_back: 1 });
    assert_eq!(lines(&told)[lines(&told).len() - 2..], ["cell destroyed", "fail Queued script: the worker was stopped"]);
}
