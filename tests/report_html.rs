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
use index_rebalancer::model::BasisPoints;
use index_rebalancer::report::backtest::reading::{self, Readable};
use index_rebalancer::report::html::{backtest_page, run_page, study_page};
use index_rebalancer::report::margin::{MarginReport, ShadowPriceReport};
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
fn text_of_a_study_is_never_markup() {
    let harmless = "x".repeat(HOSTILE.chars().count());
    let [hostile, tame] = [HOSTILE, &harmless].map(|text| study_page(&backtest_sample::study(text)));
    assert_eq!(skeleton(&hostile), skeleton(&tame));
    assert!(!hostile.contains('\u{202e}') && !hostile.contains('\u{0}'), "marks that turn text around are shown as ?");
    assert_eq!(tame.matches(&harmless).count(), hostile.matches("&lt;img src=x onerror=alert`1`&gt;").count());
}

#[test]
fn a_study_s_page_has_its_figures_and_runs_nothing() {
    let study = backtest_sample::study("Blue Chip");
    let page = study_page(&study);
    assert_eq!(page, study_page(&study));
    for forbidden in ["<script", "http://", "https://", " src=", "url(", "@import", " style=", " onclick="] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let returns: Vec<String> =
        study.results.iter().map(|it| it.summary.performance.total_return.get().normalize().to_string()).collect();
    assert_eq!(column(&page, "results-table", "Return"), returns);
    let on_first = returns.iter().step_by(3).cloned().collect::<Vec<_>>();
    assert_eq!(column(&page, "grid-table", "2020-01-01 to 2020-12-31"), on_first);
    // 0.08 and then 1.12: one after the other.
    let walked = column(&page, "walking-table", "Return");
    let [second, third, together] = walked.as_slice() else { panic!("{walked:?}") };
    let factor = |text: &str| {
        text.parse::<index_rebalancer::model::Decimal>().expect("a number") + index_rebalancer::model::Decimal::ONE
    };
    assert_eq!([second, third], [&returns[4], &returns[8]]);
    assert_eq!(factor(together), factor(second) * factor(third));
    assert_eq!(
        page.matches("highest Sharpe ratio of the window").count(),
        2 * 3 + 2,
        "one of each window, twice, and the legend"
    );
}

#[test]
fn a_study_without_a_grid_lists_its_windows() {
    let mut study = backtest_sample::study("Blue Chip");
    study.parameters = Vec::new();
    study.walk_forward = Vec::new();
    study.results.truncate(3);
    study.results.iter_mut().for_each(|it| it.values = Vec::new());
    let page = study_page(&study);
    assert!(
        !page.contains("grid-table") && !page.contains("walking-table") && !page.contains("highest Sharpe ratio of")
    );
    assert_eq!(column(&page, "results-table", "Return").len(), 3);
    assert!(page.contains("1 combination, 3 windows"));
}

/// A document with the value at a pointer replaced.
fn spoilt(mut document: serde_json::Value, pointer: &str, value: serde_json::Value) -> String {
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
    document.to_string()
}

#[test]
fn a_document_that_no_backtest_wrote_is_refused_by_name() {
    let value = |document: Document| serde_json::to_value(&document).expect("a document is JSON");
    let backtest = value(Document::Backtest(Box::new(backtest_sample::backtest("x"))));
    let study = value(Document::BacktestStudy(Box::new(backtest_sample::study("x"))));
    assert!(matches!(reading::read(backtest.to_string().as_bytes()), Ok(Readable::Backtest(_))));
    assert!(matches!(reading::read(study.to_string().as_bytes()), Ok(Readable::Study(_))));
    let empty = || serde_json::json!([]);
    let faults = [
        (&backtest, "/daily/dates", empty(), "daily.dates: there is no day"),
        (&backtest, "/daily/dates/1", "2020-01-15".into(), "daily.dates: 2020-01-15 stands after 2020-01-15"),
        (&backtest, "/daily/value", empty(), "daily.value: it has 0 entries beside 780 of daily.dates"),
        (&backtest, "/daily/cash", empty(), "daily.cash: it has 0"),
        (&backtest, "/daily/drawdown", empty(), "daily.drawdown: it has 0"),
        (&backtest, "/daily/stale_prices", empty(), "daily.stale_prices: it has 0"),
        (&backtest, "/benchmarks/1/value", empty(), "benchmarks[1].value: it has 0"),
        (&backtest, "/benchmarks/0/drawdown", empty(), "benchmarks[0].drawdown: it has 0"),
        (&backtest, "/monthly/2/benchmark_returns", empty(), "monthly[2].benchmark_returns: it has 0 entries beside 2"),
        (&backtest, "/monthly/3/month", 13.into(), "monthly[3].month: there is no month 13"),
        (&backtest, "/weights/cash", empty(), "weights.cash: it has 0"),
        (&backtest, "/weights/dates/0", "2030-01-01".into(), "weights.dates: 2020-02-02 stands after 2030-01-01"),
        (&backtest, "/weights/assets/4/weights", empty(), "weights.assets[4].weights: it has 0"),
        (&study, "/windows", empty(), "windows: there is none"),
        (&study, "/results", empty(), "results: it has 0 entries beside 18 of every combination on every window"),
        (&study, "/results/5/values", empty(), "results[5].values: it has 0 entries beside 2 of parameters"),
        (&study, "/results/5/window", 3.into(), "results[5].window: 3 is no place in windows, which has 3"),
        (&study, "/walk_forward", serde_json::json!([null]), "walk_forward: it has 1 entries beside 3 of windows"),
        (&study, "/walk_forward/1/result", 18.into(), "walk_forward[1].result: 18 is no place in results"),
    ];
    for (document, pointer, value, expected) in faults {
        let fault = reading::read(spoilt(document.clone(), pointer, value).as_bytes()).expect_err(pointer);
        let told = format!("{}: {}", fault.field, fault.problem);
        assert!(told.starts_with(expected), "{pointer}: {told}");
    }
    for (bytes, expected) in [
        (&b""[..], "line 1, column 0: not a backtest's document: EOF"),
        (b"{\"schema\":\"rebalance/run/2\"}", "line 1, column 27: not a backtest's document: unknown variant"),
        (b"\xff", "line 1, column 1: not a backtest's document: "),
    ] {
        let fault = reading::read(bytes).expect_err(expected);
        let told = format!("{}: {}", fault.field, fault.problem);
        assert!(told.starts_with(expected), "{told}");
    }
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
    let table = page.split_once(&format!(" id=\"{table}\"")).unwrap_or_else(|| panic!("no table {table}")).1;
    let table = table.split_once("</table>").expect("its end").0;
    let cells = table.split("<td ").filter(|cell| cell.contains(&format!("data-label=\"{title}\"")));
    cells
        .filter_map(|cell| cell.split_once("</td>")?.0.split_once("<data value=\"")?.1.split_once('"'))
        .map(|(value, _)| value.to_owned())
        .collect()
}

#[test]
fn weights_over_time_are_told_at_month_ends_and_their_means_are_the_reports() {
    let report = backtest_sample::backtest("plain");
    let page = backtest_page(&report);
    let table = page.split_once(" id=\"weights-over-time-table\"").expect("a table").1;
    let table = table.split_once("</table>").expect("its end").0;
    let days = table.split("scope=\"row\"").skip(1).filter_map(|row| row.split_once("</th>")?.0.rsplit('>').next());
    let days: Vec<jiff::civil::Date> = days.map(|day| day.parse().expect("a day")).collect();
    assert!(days.len() > 20 && days.iter().rev().skip(1).all(|day| day.day() == day.days_in_month()), "{days:?}");
    let means = column(&page, "assets-table", "Mean weight");
    assert!(means.contains(&"0.4".to_owned()) && means.len() == report.assets.len(), "{means:?}");
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
fn the_distance_from_the_best_and_the_prices_of_limits_are_told() {
    let bp = |text: &str| BasisPoints::parse(text).expect("basis points");
    let price = |limit: &str, looser: &str, tighter: Option<&str>| ShadowPriceReport {
        limit: limit.to_owned(),
        looser_bp: bp(looser),
        tighter_bp: tighter.map(bp),
    };
    let mut report = report();
    assert!(!run_page(&report, None).contains("shadow-prices-table"), "without the input there are none");
    report.certificate.shadow_prices =
        vec![price("turnover", "0.8", Some("1.1")), price("max_weight(bitcoin)", "0.25", None)];
    report.orders[0].margin = Some(MarginReport {
        side: report.orders[0].side,
        gain_bp: bp("7.25"),
        takes_bp: [("turnover".to_owned(), bp("7"))].into(),
    });
    let page = run_page(&report, None);
    assert!(page.contains("At most 1.2 bp from the best possible within these limits as they gave way"), "{page}");
    assert_eq!(column(&page, "shadow-prices-table", "A point more room"), ["0.8", "0.25"]);
    assert!(page.contains("not possible"), "the cap cannot be tighter");
    assert!(page.contains("is worth 7.25 bp by itself; it takes 7.00 bp of turnover"), "{page}");
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
