//! The report page in a real browser, at the width of a desk and of a phone, in both themes and on paper.
#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

use serde_json::json;
use stakeout_e2e::{Stakeout, app, browser::Browser, scenario, stderr, text};

/// The least contrast of a text that is shown and its ground (WCAG 2.1: 4.5 for small text).
const CONTRAST: &str = "
    (() => {
        const light = (c) => {
            const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b;
        };
        const ground = (e) => {
            for (; e; e = e.parentElement) {
                const c = getComputedStyle(e).backgroundColor;
                if (c !== 'rgba(0, 0, 0, 0)') return c;
            }
            return 'rgb(255, 255, 255)';
        };
        const shown = [...document.querySelectorAll('.a, p, td, th, dd, dt, h1, h2, h3')].filter((e) => e.getClientRects().length);
        return Math.min(...shown.map((e) => {
            const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
            return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        }));
    })()";

/// Opens a file in Chromium without a window.
fn chromium(s: &Stakeout, page: &Path, args: &[&str]) {
    let profile = format!("--user-data-dir={}", s.dir.path().join("profile").display());
    let o = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", &profile])
        .args(args)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(o.status.success(), "{}", stderr(&o));
}

#[test]
fn the_page_fits_a_desk_and_a_phone_and_needs_no_script() {
    let s = Stakeout::new();
    s.run(&app("quiet"), &scenario("short"), &[]);
    let page = s.out().join("report.html");
    let html = s.page();
    for foreign in ["<script", "src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!html.contains(foreign), "the page has `{foreign}`");
    }
    let mut b = Browser::start(s.dir.path());
    b.scripts(false);
    let mut grounds = Vec::new();
    for theme in ["light", "dark"] {
        b.theme(theme);
        for width in [1280, 390] {
            b.width(width);
            b.open(&format!("file://{}", page.display()));
            assert_eq!(b.overflow(), 0, "{width} wide, in the {theme} theme, it scrolls sideways");
            let high = b.eval("document.documentElement.scrollHeight").as_i64().unwrap();
            assert!(high > 1000, "{high} pixels high");
        }
        let contrast = b.eval(CONTRAST).as_f64().unwrap();
        assert!(contrast >= 4.5, "in the {theme} theme a text has a contrast of {contrast}");
        grounds.push(b.eval("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(grounds[0], grounds[1], "the dark theme is as light as the other");
    // On paper nothing can be opened, so nothing is folded.
    let folded = "[...document.querySelectorAll('details > :not(summary)')].filter((e) => !e.checkVisibility()).length";
    assert!(b.eval(folded).as_i64().unwrap() > 0, "nothing is folded on a screen");
    b.call("Emulation.setEmulatedMedia", json!({"media": "print"}));
    assert_eq!(b.eval(folded), 0);
    assert_eq!(b.eval("getComputedStyle(document.querySelector('nav')).display"), "none");
    assert!(b.complaints.is_empty(), "{:#?}", b.complaints);

    for width in [1280, 390] {
        let picture = s.dir.path().join(format!("page-{width}.png"));
        chromium(&s, &page, &[&format!("--window-size={width},1200"), &format!("--screenshot={}", text(&picture))]);
        // A page of one colour packs into a few kilobytes.
        assert!(std::fs::metadata(&picture).unwrap().len() > 20_000, "the page is blank");
    }
    let paper = s.dir.path().join("page.pdf");
    chromium(&s, &page, &["--no-pdf-header-footer", &format!("--print-to-pdf={}", text(&paper))]);
    let printed = std::fs::read(&paper).unwrap();
    let sheets = printed.windows(12).filter(|w| *w == b"/Type /Page\n").count();
    assert!(printed.starts_with(b"%PDF-") && sheets > 3, "{sheets} sheets of {} bytes are printed", printed.len());
}
