//! The report page in a real browser, at the width of a desk and of a phone.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

use stakeout_e2e::{Stakeout, app, scenario, stderr, text};

/// Opens a file in Chromium without a window.
fn chromium(s: &Stakeout, page: &Path, args: &[&str]) -> std::process::Output {
    let profile = format!("--user-data-dir={}", s.dir.path().join("profile").display());
    let o = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", &profile])
        .args(args)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(o.status.success(), "{}", stderr(&o));
    o
}

#[test]
fn the_page_fits_a_desk_and_a_phone_and_needs_no_script() {
    let s = Stakeout::new();
    s.run(&app("quiet"), &scenario("short"), &[]);
    let page = s.out().join("report.html");
    let html = std::fs::read_to_string(&page).unwrap();
    for foreign in ["<script", "src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!html.contains(foreign), "the page has `{foreign}`");
    }
    // The page itself has no script, so a page around it measures it: its frame is as wide as a screen, and what it would have
    // to scroll sideways is written where `--dump-dom` shows it.
    for width in [1280, 390] {
        let around = s.dir.path().join(format!("around-{width}.html"));
        let measure = format!(
            "<!doctype html><body><iframe id=f src=\"{}\" style=\"width:{width}px;height:800px;border:0\"></iframe><script>
            f.onload = () => {{ const d = f.contentDocument.documentElement;
            document.title = 'wide ' + d.scrollWidth + ' of ' + d.clientWidth + ' high ' + d.scrollHeight + '.' }}</script>",
            text(&page)
        );
        std::fs::write(&around, measure).unwrap();
        let o = chromium(&s, &around, &["--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom"]);
        let dom = String::from_utf8_lossy(&o.stdout);
        let said = dom.split_once("wide ").and_then(|(_, r)| r.split_once('.')).unwrap_or_else(|| panic!("no measure: {dom}")).0;
        let numbers: Vec<u32> = said.split(' ').filter_map(|w| w.parse().ok()).collect();
        let [wide, room, high] = numbers[..] else { panic!("{said}") };
        assert_eq!((wide, room), (width, width), "it scrolls sideways");
        assert!(high > 1000, "{said}");

        let picture = s.dir.path().join(format!("page-{width}.png"));
        chromium(&s, &page, &[&format!("--window-size={width},1200"), &format!("--screenshot={}", text(&picture))]);
        // A page of one colour packs into a few kilobytes.
        assert!(std::fs::metadata(&picture).unwrap().len() > 20_000, "the page is blank");
    }
}
