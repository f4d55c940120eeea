//! Pages: the same bytes every time, nothing from elsewhere, and nothing that comes from outside is taken for markup.
#![cfg(feature = "html")]
#![expect(clippy::expect_used, clippy::panic, reason = "a test stops where something is not as it must be")]

#[path = "common/backtest_sample.rs"]
mod backtest_sample;
#[path = "common/hostile_report.rs"]
mod hostile_report;
#[expect(dead_code, reason = "runs that were taken up and kill switches have no page")]
mod report_sample;

use std::collections::BTreeSet;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hostile_report::{HOSTILE, filled_with};
use index_rebalancer::report::html::{backtest_page, run_page};
use index_rebalancer::report::{Document, Mode, RunReport};
use report_sample as sample;
use sha2::{Digest as _, Sha256};

fn report() -> RunReport {
    RunReport::of_record(Mode::Stored, &sample::record()).expect("a committed run")
}

/// Tags with the names of their attributes: what a browser makes of a page, whatever its text says.
fn skeleton(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let mut tag = String::new();
        let mut quoted = false;
        let mut length = 0;
        for letter in rest[start + 1..].chars() {
            length += letter.len_utf8();
            match letter {
                '"' => quoted = !quoted,
                '>' if !quoted => break,
                _ if quoted => {}
                _ => tag.push(letter),
            }
        }
        tags.push(tag);
        rest = &rest[start + 1 + length..];
    }
    tags
}

#[test]
fn a_page_is_the_same_every_time() {
    let audit = sample::audited(&[]);
    assert_eq!(run_page(&report(), Some(&audit)), run_page(&report(), Some(&audit)));
}

#[test]
fn text_from_outside_is_never_markup() {
    let (hostile, audit) = filled_with(HOSTILE);
    let harmless = "x".repeat(HOSTILE.chars().count());
    let (tame, tame_audit) = filled_with(&harmless);
    let (hostile, tame) = (run_page(&hostile, Some(&audit)), run_page(&tame, Some(&tame_audit)));
    let (found, expected) = (skeleton(&hostile), skeleton(&tame));
    let difference = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    assert!(found.len() == expected.len() && difference.is_none(), "{difference:?}");
    assert!(!hostile.contains('\u{202e}') && !hostile.contains('\u{0}'), "marks that turn text around are shown as ?");
    assert_eq!(tame.matches(&harmless).count(), hostile.matches("&lt;img src=x onerror=alert`1`&gt;").count());
}

#[test]
fn text_of_a_backtest_is_never_markup() {
    let hostile = backtest_page(&backtest_sample::backtest(HOSTILE));
    let harmless = "x".repeat(HOSTILE.chars().count());
    let tame = backtest_page(&backtest_sample::backtest(&harmless));
    // The scripts are the page's own, the same in both; what stands between them and in them is compared as well.
    assert_eq!(skeleton(&hostile), skeleton(&tame));
    assert_eq!(hostile.matches("</script>").count(), 4, "the data and three scripts of the page's own");
    assert!(!hostile.contains("<script>alert"));
}

#[test]
fn a_backtest_s_page_is_the_same_every_time_and_runs_its_own_scripts_only() {
    let report = backtest_sample::backtest("Blue Chip");
    let page = backtest_page(&report);
    assert_eq!(page, backtest_page(&report));
    let policy = page.split_once("Content-Security-Policy\" content=\"").expect("a policy").1;
    let policy = policy.split_once('"').expect("an end").0;
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    let digests = |element: &str| {
        let (opens, ends) = (format!("<{element}>"), format!("</{element}>"));
        let texts = page.split(&opens).skip(1).filter_map(|rest| Some(rest.split_once(&ends)?.0));
        texts.fold(String::new(), |all, text| all + " 'sha256-" + &BASE64_STANDARD.encode(Sha256::digest(text)) + "'")
    };
    assert!(policy.contains(&format!("; style-src{};", digests("style"))), "{policy}");
    assert!(policy.contains(&format!("; script-src{};", digests("script"))), "{policy}");
    for forbidden in [" src=", "@import", "url(", " style=", "eval("] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn a_backtest_is_read_back_as_it_was_written() {
    let report = backtest_sample::backtest("Blue Chip");
    let json = Document::Backtest(Box::new(report.clone())).to_json().expect("a document is JSON");
    assert_eq!(
        serde_json::from_str::<index_rebalancer::report::BacktestReport>(&json).expect("and is read back"),
        report
    );
}

/// The library is the published one, to the byte: uPlot 1.6.32 from npm.
#[test]
fn the_chart_library_is_as_published() {
    let digest = |text: &str| Sha256::digest(text).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let library = include_str!("../src/report/html/vendor/uPlot-1.6.32.iife.min.js");
    assert_eq!(digest(library), "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f");
    assert!(include_str!("../src/report/html/vendor/uPlot-LICENSE").contains("MIT"));
}

#[test]
fn a_skeleton_sees_what_was_not_escaped() {
    assert_eq!(skeleton("<p class=\"a>b\">x &lt;b&gt;</p>"), ["p class=", "/p"]);
    assert_ne!(skeleton("<p>x</p>"), skeleton(&format!("<p>{HOSTILE}</p>")));
    assert_ne!(skeleton("<p title=\"x\"></p>"), skeleton(&format!("<p title=\"{HOSTILE}\"></p>")));
}

#[test]
fn a_run_s_page_loads_and_runs_nothing() {
    let page = run_page(&report(), Some(&sample::audited(&[])));
    let tags: BTreeSet<String> = skeleton(&page)
        .iter()
        .filter_map(|tag| tag.split([' ', '/']).find(|name| !name.is_empty()).map(str::to_owned))
        .collect();
    for forbidden in ["script", "iframe", "img", "object", "embed", "form", "base", "video", "audio", "use", "image"] {
        assert!(!tags.contains(forbidden), "<{forbidden}>");
    }
    for forbidden in ["http://", "https://", " src=", "url(", "@import", " style=", " onclick="] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
    let digest = BASE64_STANDARD.encode(Sha256::digest(style));
    let policy =
        format!("default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'");
    let written = page.split_once("Content-Security-Policy\" content=\"").expect("a policy").1;
    assert_eq!(written.split_once('"').expect("an end").0, policy);
}

/// The exact values in the cells of a table's column.
fn column(page: &str, table: &str, title: &str) -> Vec<String> {
    let table = page.split_once(&format!("<table id=\"{table}\"")).unwrap_or_else(|| panic!("no table {table}")).1;
    let table = table.split_once("</table>").expect("its end").0;
    let cells = table.split("<td ").filter(|cell| cell.contains(&format!("data-label=\"{title}\"")));
    cells
        .filter_map(|cell| cell.split_once("</td>")?.0.split_once("<data value=\"")?.1.split_once('"'))
        .map(|(value, _)| value.to_owned())
        .collect()
}

#[test]
fn the_page_has_the_figures_of_the_report() {
    let report = report();
    let page = run_page(&report, None);
    let weights = |of: fn(&index_rebalancer::report::run::PositionReport) -> String, cash: String| {
        report.positions.iter().map(of).chain([cash]).collect::<Vec<_>>()
    };
    assert_eq!(
        column(&page, "weights-table", "Before"),
        weights(|it| it.weight_before.to_string(), report.cash.weight_before.to_string())
    );
    assert_eq!(
        column(&page, "weights-table", "Reference"),
        weights(|it| it.reference_weight.to_string(), report.cash.reference_weight.to_string())
    );
    assert_eq!(
        column(&page, "weights-table", "After"),
        weights(|it| it.weight_after.to_string(), report.cash.weight_after.to_string())
    );
    for (title, expected) in [
        ("Quantity", report.orders.iter().map(|it| it.quantity.to_string()).collect::<Vec<_>>()),
        ("Limit price", report.orders.iter().map(|it| it.limit_price.to_string()).collect()),
        ("Notional", report.orders.iter().map(|it| it.notional.to_string()).collect()),
    ] {
        assert_eq!(column(&page, "orders-table", title), expected, "{title}");
    }
    let keys: Vec<bool> = report.orders.iter().map(|it| page.contains(&format!(">{}</code>", it.key))).collect();
    assert_eq!(keys, vec![true; report.orders.len()]);
    let rooms: Vec<String> =
        report.certificate.checks.iter().map(|it| it.slack.get().normalize().to_string()).collect();
    assert_eq!(column(&page, "checks-table", "Room"), rooms);
    let execution = report.execution.expect("it was executed");
    let actual = column(&page, "costs-table", "Actual");
    assert_eq!(actual.last(), Some(&execution.cost.to_string()));
    assert_eq!(column(&page, "costs-table", "Expected").last(), Some(&execution.estimated_cost.to_string()));
}

#[test]
fn costs_are_fees_and_slippage_of_what_was_filled() {
    let report = report();
    let execution = report.execution.as_ref().expect("it was executed");
    assert_eq!(execution.cost, execution.fees + execution.slippage);
    for order in &report.orders {
        let result = order.result.as_ref().expect("a result");
        assert_eq!(result.cost, result.fee + result.slippage, "{}", order.instrument);
        if result.filled_quantity == order.quantity {
            assert_eq!(result.estimated_cost, order.estimated_cost, "{}", order.instrument);
        } else {
            assert!(result.estimated_cost < order.estimated_cost, "{}", order.instrument);
        }
    }
    let parts: Vec<_> = report.orders.iter().filter_map(|order| order.result.as_ref()).collect();
    assert_eq!(execution.slippage, parts.iter().map(|it| it.slippage).sum());
    assert_eq!(execution.estimated_cost, parts.iter().map(|it| it.estimated_cost).sum());
}

#[test]
fn what_wants_a_person_stands_first() {
    let mut report = report();
    report.execution.as_mut().expect("it was executed").needs_attention = 2;
    report.certificate.families[0].violated = 1;
    let page = run_page(&report, Some(&sample::audited(&sample::FINDINGS)));
    let verdicts: Vec<&str> =
        page.split("<p class=\"verdict ").skip(1).map(|it| it.split_once('<').expect("an end").0).collect();
    assert!(verdicts[0].starts_with("bad\">1 of ") && verdicts[0].ends_with("VIOLATED"), "{verdicts:?}");
    assert!(verdicts[1].contains("3 findings; a person must look"), "{verdicts:?}");
    assert!(verdicts[2].starts_with("bad\">") && verdicts[2].contains("look at 2 orders at the venue"), "{verdicts:?}");
}
