//! What reports look like, as plain expected files. `UPDATE_EXPECTED=1 cargo test --test report_text` rewrites
//! them; look at the difference before committing it.
#![cfg(feature = "terminal")]
#![expect(clippy::expect_used, reason = "a test stops where something is not as it must be")]

mod report_sample;

use std::path::PathBuf;

use index_rebalancer::report::outbox::OutboxActReport;
use index_rebalancer::report::text::{self, Canvas};
use index_rebalancer::report::{Difference, Explanation, Mode, RunReport};
use report_sample as sample;
use unicode_width::UnicodeWidthStr;

fn check(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1") {
        std::fs::write(&path, actual).expect("the expected file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{} differs; UPDATE_EXPECTED=1 rewrites it. Actual:\n{actual}", path.display());
}

fn executed() -> RunReport {
    RunReport::of_record(Mode::Executed, &sample::record()).expect("a committed run")
}

fn planned() -> RunReport {
    let record = index_rebalancer::ports::RunRecord { orders: Vec::new(), ..sample::record() };
    let mut report = RunReport::of_record(Mode::DryRun, &record).expect("a plan");
    report.execution = None;
    for order in &mut report.orders {
        order.result = None;
    }
    report
}

fn wide(width: usize) -> Canvas {
    Canvas { width, ..Canvas::default() }
}

/// Nothing is wider than the terminal, whatever its width.
fn assert_fits(text: &str, width: usize) {
    for line in text.lines() {
        assert!(line.width() <= width, "{} columns in a line for {width}: {line:?}", line.width());
    }
}

#[test]
fn a_plan_at_80_and_160_columns() {
    for width in [80, 160] {
        let text = text::run_report(&planned(), &wide(width));
        check(&format!("plan-{width}.txt"), &text);
        assert_fits(&text, width);
    }
}

#[test]
fn a_run_at_80_and_160_columns() {
    for width in [80, 160] {
        let text = text::run_report(&executed(), &wide(width));
        check(&format!("run-{width}.txt"), &text);
        assert_fits(&text, width);
    }
}

#[test]
fn every_width_fits() {
    for width in (60..=100).chain((110..=200).step_by(10)) {
        assert_fits(&text::run_report(&planned(), &wide(width)), width);
        assert_fits(&text::run_report(&executed(), &wide(width)), width);
        assert_fits(&text::explanation(&Explanation::of_run(&executed()), &wide(width)), width);
    }
}

#[test]
fn every_key_is_shown_in_full_at_every_width() {
    for width in [60, 80, 100, 120, 160, 200] {
        for report in [planned(), executed()] {
            let text = text::run_report(&report, &wide(width));
            for order in &report.orders {
                assert!(text.contains(&order.key.to_string()), "{} is missing at {width} columns", order.key);
            }
        }
    }
}

#[test]
fn in_full_with_ascii_only() {
    let canvas = Canvas { ascii: true, full: true, ..wide(80) };
    let text = text::run_report(&planned(), &canvas);
    assert!(text.is_ascii(), "{:?}", text.chars().find(|it| !it.is_ascii()));
    check("plan-full-ascii-80.txt", &text);
}

#[test]
fn a_run_that_was_done_before_is_told_in_brief() {
    let report = RunReport::of_record(Mode::AlreadyDone, &sample::record()).expect("a committed run");
    let text = text::run_report(&report, &wide(80));
    assert!(text.contains("Already done") && text.contains("0 new orders"));
    check("already-done-80.txt", &text);
}

#[test]
fn explanations() {
    check("explain-80.txt", &text::explanation(&Explanation::of_run(&executed()), &wide(80)));
    let one = Explanation::of_asset(&executed(), None, "btc").expect("bitcoin is in the plan");
    check("explain-bitcoin-80.txt", &text::explanation(&one, &wide(80)));
    let held = Explanation::of_asset(&executed(), None, "eos").expect("eos is in the plan");
    let named: Vec<&str> = held.limits.iter().map(|check| check.limit.as_str()).collect();
    assert!(named.contains(&"turnover") && named.contains(&"participation(eos)"), "{named:?}");
    let out = Explanation::of_asset(&executed(), None, "shiba-inu").expect("an excluded candidate");
    let text = text::explanation(&out, &wide(80));
    assert!(text.contains("11.4 is below eligibility.min_grade of 20"), "{text}");
}

#[test]
fn unknown_and_ambiguous_assets_are_refused_with_a_hint() {
    let report = executed();
    let refused = |name: &str| Explanation::of_asset(&report, None, name).expect_err("refused").to_string();
    assert!(refused("WETH").contains("weth, weth-old"), "{}", refused("WETH"));
    assert!(refused("bitcoim").contains("bitcoin"), "{}", refused("bitcoim"));
}

#[test]
fn a_difference() {
    let before = executed();
    let mut after = before.clone();
    after.positions.retain(|it| it.asset.as_str() != "polkadot");
    after.positions[1].reference_weight = sample::weight("0.21");
    after.orders.remove(0);
    after.orders[0].quantity = sample::quantity("100");
    after.policy_digest = "other".to_owned();
    let difference = Difference::between(&before, &after, None);
    assert!(!difference.identical);
    check("difference-80.txt", &text::difference(&difference, &wide(80)));
    assert!(Difference::between(&before, &before, None).identical);
}

#[test]
fn colours_change_nothing_but_colour() {
    for width in [80, 160] {
        let plain = text::run_report(&executed(), &wide(width));
        let colored = text::run_report(&executed(), &Canvas { color: true, ..wide(width) });
        assert!(colored.contains("\u{1b}["));
        assert_eq!(strip(&colored), plain);
    }
}

/// Without ANSI sequences, and without the spaces that they keep at line ends.
fn strip(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.lines().fold(String::new(), |out, line| out + line.trim_end() + "\n")
}

#[test]
fn a_coin_name_cannot_command_the_terminal() {
    let text = text::run_report(&executed(), &wide(160));
    assert!(!text.contains('\u{1b}'), "an escape code of the feed reached the terminal");
}

#[test]
fn runs_that_were_taken_up_say_what_a_person_must_do() {
    for width in [80, 160] {
        let text = text::handled(&sample::operations::handled(), &wide(width));
        check(&format!("handled-{width}.txt"), &text);
        assert_fits(&text, width);
    }
    assert_eq!(text::handled(&[], &wide(80)), "Nothing to recover: every run of the store is settled.\n");
    assert!(text::handled(&sample::operations::handled(), &Canvas { ascii: true, ..wide(80) }).is_ascii());
}

#[test]
fn a_log_and_its_findings() {
    let (whole, spoilt) = (sample::audited(&[]), sample::audited(&sample::FINDINGS));
    for width in [80, 160] {
        let text = text::audit(std::slice::from_ref(&whole), &[], &wide(width));
        check(&format!("audit-{width}.txt"), &text);
        assert_fits(&text, width);
    }
    let text = text::audit(&[whole.clone(), spoilt], &[], &wide(80));
    check("audit-findings-80.txt", &text);
    assert_fits(&text, 80);
    assert!(text::audit(std::slice::from_ref(&whole), &[], &Canvas { ascii: true, ..wide(80) }).is_ascii());
    assert!(text::audit(&[], &[], &wide(80)).contains("No runs yet"));
    for width in [80, 160] {
        let text = text::audit(std::slice::from_ref(&whole), &sample::operations::switched(), &wide(width));
        check(&format!("audit-switches-{width}.txt"), &text);
        assert_fits(&text, width);
    }
}

#[test]
fn orders_that_wait_for_executors() {
    let orders = sample::outbox::lines();
    for width in [80, 160] {
        let text = text::outbox_orders(&orders, false, &wide(width));
        check(&format!("outbox-orders-{width}.txt"), &text);
        assert_fits(&text, width);
        assert!(!text.contains('\u{1b}'), "a name cannot command the terminal");
    }
    assert!(text::outbox_orders(&orders, false, &Canvas { ascii: true, ..wide(80) }).is_ascii());
    let acts: Vec<String> = [(true, 1), (false, 2)]
        .into_iter()
        .map(|(changed, at)| OutboxActReport { changed, order: orders[at].clone() })
        .map(|report| text::outbox_act(&report, &wide(80)))
        .collect();
    check("outbox-acts-80.txt", &acts.join("\n"));
    assert_fits(&acts.concat(), 80);
}
