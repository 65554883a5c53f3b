//! A job in a real browser while a worker runs it: its stages, what is observed so far, the screen, the result, and the comparison
//! with another job.
#![allow(clippy::unwrap_used)]

use serde_json::json;
use stakeout_e2e::{Stakeout, app, browser::Browser, scenario, server::Server, stderr, text};

/// Rows of what was observed so far.
const SEEN: &str = "document.querySelectorAll('#seen .timeline tbody tr').length";

#[test]
fn a_job_that_runs_is_followed_until_its_report_and_compared_with_another() {
    let s = Stakeout::new();
    let server = Server::start(&s);
    let mut b = Browser::start(s.dir.path());
    b.width(1280);
    server.sign_in(&mut b);
    let steps = std::fs::read_to_string(scenario("short")).unwrap();
    let with_a_picture = steps.replace("  - launchApp\n", "  - launchApp\n  - takeScreenshot: home\n");
    assert_ne!(steps, with_a_picture);
    b.choose("#apk", &app("quiet"));
    b.eval(&format!("document.querySelector('#yaml').value = {}", json!(with_a_picture)));
    b.eval("document.querySelector('button[value=submit]').click()");
    b.until("location.pathname.startsWith('/jobs/') && document.readyState === 'complete'");
    let job = b.eval("location.pathname.split('/').pop()").as_str().unwrap().to_owned();
    b.until("document.querySelector('.live').innerText.includes('follows')");
    let (apk, steps) = (text(&app("quiet")), text(&scenario("short")));
    let another = server.command(&s, &["submit", &apk, "--scenario", &steps, "--api", "23", "--reuse", "never"]).output().unwrap();
    assert!(another.status.success(), "{}", stderr(&another));
    let other = String::from_utf8(another.stdout).unwrap().trim().to_owned();

    let _worker = server.worker(&s);
    // The page tells by itself where the trial is and what was observed, and then that it has ended.
    let stages = "['cell', 'install', 'script', 'collect', 'analyse']";
    b.until_within(120, &format!("[...document.querySelectorAll('#trials tbody bdi')].some((e) => {stages}.includes(e.textContent))"));
    b.until_within(120, &format!("{SEEN} > 0"));
    let first = b.eval(SEEN).as_u64().unwrap();
    b.until_within(120, "document.querySelector('#ends a[href$=\"/report\"]') && !document.querySelector('.live')");
    let all = b.eval(SEEN).as_u64().unwrap();
    assert!(all >= first && all > 3, "{first} rows, and {all} at the end");
    let seen = b.eval("document.querySelector('#seen').innerText");
    for wanted in ["permission asked for", "camera (back) opened", "from here on: background"] {
        assert!(seen.as_str().unwrap().contains(wanted), "`{wanted}` is not on the page: {seen}");
    }
    let now = b.eval("document.querySelector('#now').innerText");
    assert!(now.as_str().unwrap().contains("1 trial: 1 finished"), "{now}");
    b.until("(() => { const i = document.querySelector('#shots img'); i.scrollIntoView(); return i.complete && i.naturalWidth > 0; })()");
    assert_eq!(b.overflow(), 0);

    b.open(&format!("{}/jobs/{job}/report", server.url));
    b.until("location.pathname.endsWith('/report.html') && document.querySelector('#verdicts')");
    assert_eq!(b.eval("getComputedStyle(document.body).marginTop"), "0px", "the page has lost its style");

    b.open(&format!("{}/workers", server.url));
    let shown = b.eval("document.querySelector('main').innerText");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for wanted in [host.trim(), "lives", "jvm", "signs what it hands in"] {
        assert!(shown.as_str().unwrap().contains(wanted), "`{wanted}` is not on the page: {shown}");
    }

    let ended = server.command(&s, &["watch", &other]).output().unwrap();
    assert!(matches!(ended.status.code(), Some(0 | 11)), "{}", stderr(&ended));
    b.open(&format!("{}/compare?a={job}", server.url));
    let link = format!("[...document.querySelectorAll('main a')].find((a) => a.href.includes('b={other}'))");
    b.until(&link);
    b.eval(&format!("{link}.click()"));
    b.until("location.search.includes('b=') && document.querySelector('#answers')");
    let shown = b.eval("document.querySelector('main').innerText");
    for wanted in [job.as_str(), &other, "Both ran the same app", "They ran on different devices."] {
        assert!(shown.as_str().unwrap().contains(wanted), "`{wanted}` is not on the page: {shown}");
    }
    b.open(&format!("{}/compare?a={job}&b={other}&show=all", server.url));
    b.until("document.querySelectorAll('table.compare tbody tr').length > 50");
    for width in [1280, 390] {
        b.width(width);
        assert_eq!(b.overflow(), 0, "{width} wide, the comparison scrolls sideways");
    }
    assert!(b.complaints.is_empty(), "{:#?}", b.complaints);
}
