//! The server's pages in a real browser: signing in, submitting an app, a job's page, as a person does it.
#![allow(clippy::unwrap_used)]

use stakeout_e2e::{Stakeout, app, browser::Browser, server::Server};

/// Submits the sample that uses camera and microphone while idle; gives the job's address.
fn submit(b: &mut Browser) -> String {
    b.choose("#apk", &app("loud"));
    b.eval("document.querySelector('#tags').value = 'nightly, web'");
    b.eval("document.querySelector('button[value=submit]').click()");
    b.until("location.pathname.startsWith('/jobs/') && document.readyState === 'complete'");
    b.eval("location.href").as_str().unwrap().to_owned()
}

#[test]
fn an_app_is_submitted_in_a_browser_and_its_job_is_followed() {
    let s = Stakeout::new();
    let server = Server::start(&s);
    let mut b = Browser::start(s.dir.path());
    b.width(1280);
    b.open(&server.url);
    b.until("location.pathname === '/sign-in'");
    server.sign_in(&mut b);

    // A mistake is said beside its field, with its place, and the app need not be sent again.
    b.choose("#apk", &app("loud"));
    b.eval("document.querySelector('#yaml').value = 'name: x\\nsteps:\\n  - idle: {state: backgrond, for: 5m}\\n'");
    b.eval("document.querySelector('button[value=submit]').click()");
    b.until("document.querySelector('#yaml-mistake')?.innerText.includes('3:')");
    assert_eq!(b.eval("document.querySelector('#yaml').getAttribute('aria-describedby')"), "yaml-mistake");
    assert_eq!(b.eval("document.querySelector('input[name=app]').value.length"), 64);
    b.complaints.retain(|c| !c.contains("422"));

    b.open(&format!("{}/submit", server.url));
    let job = submit(&mut b);
    let shown = b.eval("document.querySelector('main').innerText");
    let shown = shown.as_str().unwrap();
    for wanted in ["queued", "3 trials: 3 queued", "Commitment", "Nonce", "idle-demo on jvm 34", "This page follows the job."] {
        assert!(shown.contains(wanted), "`{wanted}` is not on the page: {shown}");
    }
    assert!(!shown.to_lowercase().contains("clean"), "{shown}");

    // Cancelled elsewhere, it says so here by itself.
    b.eval("fetch(location.pathname + '/cancel', {method: 'POST'}).then((r) => r.status)");
    b.until("document.querySelector('#now').innerText.includes('cancelled') && !document.querySelector('.live')");

    for path in ["/", "/?tag=nightly", "/submit", "/workers", "/tokens", "/no/such/page"] {
        b.open(&format!("{}{path}", server.url));
        b.until("document.querySelector('h1')");
    }
    b.open(&format!("{}/?tag=nightly", server.url));
    assert_eq!(b.eval("document.querySelectorAll('.jobs > li').length"), 1);
    b.eval("document.querySelector('.out button').click()");
    b.until("location.pathname === '/sign-in'");
    b.open(&job);
    b.until("location.pathname === '/sign-in'");

    // A page that is not there is the only thing that the browser may complain of.
    b.complaints.retain(|c| !c.contains("404"));
    assert!(b.complaints.is_empty(), "{:#?}", b.complaints);
}

#[test]
fn an_app_with_splits_and_values_is_submitted_and_the_values_are_in_no_page() {
    const VALUE: &str = "correct-horse-battery";
    let s = Stakeout::new();
    let server = Server::start(&s);
    let mut b = Browser::start(s.dir.path());
    b.width(1280);
    server.sign_in(&mut b);
    let (base, split) = (app("conform"), app("conform").with_extension("split"));
    b.choose_all("#apk", &[&split, &base]);
    assert_eq!(b.eval("[...document.querySelectorAll('#apk ~ ul bdi')].map((f) => f.textContent).join()"), "conform.split,conform.apk");
    let yaml = "name: login\\nsteps:\\n  - launchApp\\n  - inputText: {secret: password}\\n";
    b.eval(&format!("document.querySelector('#yaml').value = '{yaml}'"));
    b.eval("document.querySelector('button[value=estimate]').click()");
    b.until("document.querySelector('#secrets-mistake')?.innerText.includes('`password`')");
    assert_eq!(b.eval("document.querySelector('fieldset p').innerText.includes('with 1 split is here already')"), true);
    b.complaints.retain(|c| !c.contains("422"));

    // A row more, by the keyboard: the focus is in its name then.
    b.eval("document.querySelector('[data-more] + button').focus()");
    b.key("Enter", 13);
    b.until("document.activeElement.id === 'secret-name-4'");
    assert_eq!(b.eval("document.activeElement.labels[0].innerText"), "Name");
    let fill = format!(
        "document.querySelector('#secret-name-4').value = 'password'; \
         for (const e of document.querySelectorAll('[name=secret-value]')) if (e.id.endsWith('-4')) e.value = '{VALUE}';"
    );
    b.eval(&fill);
    assert_eq!(
        b.eval("document.querySelector('#secret-value-4').type + document.querySelector('#secret-value-4').autocomplete"),
        "passwordoff"
    );
    b.eval("document.querySelector('button[value=estimate]').click()");
    b.until("document.querySelector('#guess')");
    let page = b.eval("document.documentElement.outerHTML");
    assert!(!page.as_str().unwrap().contains(VALUE) && page.as_str().unwrap().contains("type them again"), "{page}");
    assert_eq!(b.eval("document.querySelector('#secret-name-1').value"), "password");

    b.eval(&format!("document.querySelector('#secret-value-1').value = '{VALUE}'"));
    b.eval("document.querySelector('button[value=submit]').click()");
    b.until("location.pathname.startsWith('/jobs/') && document.readyState === 'complete'");
    assert!(!b.eval("document.documentElement.outerHTML").as_str().unwrap().contains(VALUE));
    assert!(b.complaints.is_empty(), "{:#?}", b.complaints);
}

#[test]
fn a_page_whose_server_goes_away_says_so_and_follows_again() {
    let s = Stakeout::new();
    let server = Server::start(&s);
    let mut b = Browser::start(s.dir.path());
    server.sign_in(&mut b);
    submit(&mut b);
    b.until("document.querySelector('.live').innerText.includes('follows')");
    let again = server.kill(&s);
    b.until("document.querySelector('.live').innerText.includes('Connection lost')");
    let _server = again();
    b.until("document.querySelector('.live').innerText.includes('follows')");
    // What happens from now on comes by itself.
    b.eval("fetch(location.pathname + '/cancel', {method: 'POST'}).then((r) => r.status)");
    b.until("document.querySelector('#now').innerText.includes('cancelled') && !document.querySelector('.live')");
    b.complaints.retain(|c| !c.contains("ERR_CONNECTION_REFUSED") && !c.contains("ERR_INCOMPLETE_CHUNKED_ENCODING"));
    assert!(b.complaints.is_empty(), "{:#?}", b.complaints);
}

#[test]
fn a_stream_that_is_answered_by_an_error_is_asked_for_again_and_the_page_is_looked_at_meanwhile() {
    let s = Stakeout::new();
    let server = Server::start(&s);
    let mut b = Browser::start(s.dir.path());
    server.sign_in(&mut b);
    // As a browser does after a proxy's 502: the stream is closed, and stays so.
    let refused = "window.streams = 0; window.EventSource = class { static CLOSED = 2; readyState = 2; close() {} \
        constructor() { window.streams += 1; setTimeout(() => this.onerror(), 0); } };";
    b.call("Page.addScriptToEvaluateOnNewDocument", serde_json::json!({"source": refused}));
    submit(&mut b);
    b.until("window.streams > 1 && document.querySelector('.live').innerText.includes('Connection lost')");
    b.eval("fetch(location.pathname + '/cancel', {method: 'POST'}).then((r) => r.status)");
    b.until("document.querySelector('#now').innerText.includes('cancelled') && !document.querySelector('.live')");
    assert!(b.complaints.is_empty(), "{:#?}", b.complaints);
}

#[test]
fn pages_fit_a_phone_in_both_themes_and_need_no_script() {
    let s = Stakeout::new();
    let server = Server::start(&s);
    let mut b = Browser::start(s.dir.path());
    b.scripts(false);
    b.width(390);
    server.sign_in(&mut b);
    let job = submit(&mut b);
    let mut grounds = Vec::new();
    for theme in ["light", "dark"] {
        b.theme(theme);
        for page in [job.as_str(), "/", "/submit", "/workers", "/tokens"] {
            let url = if page.starts_with('/') { format!("{}{page}", server.url) } else { page.to_owned() };
            b.open(&url);
            assert_eq!(b.overflow(), 0, "{url} scrolls sideways");
        }
        grounds.push(b.eval("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(grounds[0], grounds[1], "the dark theme is as light as the other");

    // From the top of a page the keyboard reaches the contents first, then the pages.
    b.open(&server.url);
    b.key("Tab", 9);
    assert_eq!(b.eval("document.activeElement.className"), "skip");
    assert!(b.complaints.is_empty(), "{:#?}", b.complaints);
}
