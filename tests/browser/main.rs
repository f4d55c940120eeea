//! Pages in a headless browser: what they show, what they ask the network for, how they fit, and whether everybody can
//! use them. The browser comes by `make test-browser`; what it looks for is in `check.mjs`.
#![cfg(feature = "html")]
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]

#[path = "../common/backtest_sample.rs"]
mod backtest_sample;
#[path = "../common/hostile_report.rs"]
mod hostile_report;
#[expect(dead_code, reason = "runs that were taken up and kill switches have no page")]
#[path = "../report_sample/mod.rs"]
mod report_sample;
#[expect(dead_code, reason = "pages need no shared data")]
#[path = "../common/shared.rs"]
mod shared;

use std::fs;
use std::path::Path;
use std::process::Command;

use index_rebalancer::report::html::{backtest_page, run_page, study_page};
use index_rebalancer::report::{Document, Mode, RunReport};
use serde_json::json;

use report_sample as sample;

/// Bad on purpose, in every way that is looked for.
const BAD: &str = r#"<!DOCTYPE html><html><head><title>Bad</title></head><body style="background:#111">
<img src="missing.png"><script>alert(1); nothing()</script>
<section id="a"><p style="width:3000px;color:#222">wide and dark</p><table id="t"><tbody><tr><td>1</td></tr></tbody></table></section>
<a href="\#b" style="outline:none" tabindex="3">second</a><a href="\#c">third</a></body></html>"#;

#[test]
fn pages_are_as_they_should_be() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = root.join(".tools/browser");
    if !tools.join("installed").is_file() {
        return shared::skip("pages_are_as_they_should_be", "the browser is missing (`make test-browser` brings it)");
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).expect("a folder for pages");
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("a page can be written");

    let report = RunReport::of_record(Mode::Stored, &sample::record()).expect("a committed run");
    write("run.html", &run_page(&report, Some(&sample::audited(&[]))));
    write("run.json", &Document::Run(Box::new(report)).to_json().expect("a document is JSON"));
    let (hostile, audit) = hostile_report::filled_with(hostile_report::HOSTILE);
    write("hostile.html", &run_page(&hostile, Some(&audit)));
    let backtest = backtest_sample::backtest("Blue Chip & co");
    write("backtest.html", &backtest_page(&backtest));
    write("backtest.json", &Document::Backtest(Box::new(backtest)).to_json().expect("a document is JSON"));
    write("hostile-backtest.html", &backtest_page(&backtest_sample::backtest(hostile_report::HOSTILE)));
    let study = backtest_sample::study("Blue Chip & co");
    write("study.html", &study_page(&study));
    write("study.json", &Document::BacktestStudy(Box::new(study)).to_json().expect("a document is JSON"));
    write("hostile-study.html", &study_page(&backtest_sample::study(hostile_report::HOSTILE)));
    write("bad.html", BAD);
    let pages = json!([
        { "file": "run.html", "kind": "run", "document": "run.json" },
        { "file": "backtest.html", "kind": "backtest", "document": "backtest.json" },
        { "file": "hostile-backtest.html", "brief": true, "contains": "<img src=x onerror=alert`1`>" },
        { "file": "study.html", "kind": "study", "document": "study.json" },
        { "file": "hostile-study.html", "brief": true, "contains": "<img src=x onerror=alert`1`>" },
        { "file": "hostile.html", "brief": true, "contains": "<img src=x onerror=alert`1`>" },
        {
            "file": "bad.html",
            "brief": true,
            "faults": ["console", "request", "script", "overflow", "accessibility", "structure", "keyboard", "print"]
        },
    ]);
    write("pages.json", &pages.to_string());

    let output = Command::new("node")
        .arg(root.join("tests/browser/check.mjs"))
        .args([&tools, &folder])
        .output()
        .expect("node runs");
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    assert_eq!(told.matches(": as it should be").count(), 7, "{told}");
}
