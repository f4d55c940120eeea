//! Grades and signals that are not fit to trade on.

use index_rebalancer::model::policy::GradeKind;
use index_rebalancer::model::{Grade, Signal};

use super::{Row, asset, case, edit, remembered};
use crate::workspace::Workspace;

/// The signals repeat no grades: then those of their own file are the only ones.
fn without_repeated_grades(workspace: &Workspace) {
    for grade in ["61", "55"] {
        let (from, to) = (format!("\"TM_INVESTOR_GRADE\": {grade}"), "\"TM_INVESTOR_GRADE\": null");
        workspace.edit("trading_signals.json", &from, to);
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows() -> Vec<Row> {
    let envelope = |from: &'static str, to: &'static str, names: &'static [&'static str]| {
        edit("grades missing", "investor_grades.json", from, to, names)
    };
    vec![
        edit(
            "grade below 0 or above its maximum",
            "trader_grades.json",
            "66.25",
            "-0.01",
            &["data[0].TM_TRADER_GRADE = \"-0.01\"", "from 0 to 100", "fetch the grades again"],
        ),
        edit(
            "grade below 0 or above its maximum",
            "investor_grades.json",
            "80.5",
            "\"100.01\"",
            &["data[0].TM_INVESTOR_GRADE = \"100.01\"", "from 0 to 100"],
        ),
        edit(
            "grade below 0 or above its maximum",
            "trading_signals.json",
            "\"TRADING_SIGNAL\": 1,",
            "\"TRADING_SIGNAL\": 2,",
            &["data[0].TRADING_SIGNAL = \"2\"", "1, 0 or -1"],
        ),
        edit(
            "grade below 0 or above its maximum",
            "trading_signals.json",
            "\"TRADING_SIGNAL\": 1,",
            "\"TRADING_SIGNAL\": null,",
            &["data[0].TRADING_SIGNAL", "missing or null"],
        ),
        case(
            "all grades zero",
            |workspace| {
                for grade in ["80.5", "61", "55"] {
                    workspace.edit(
                        "investor_grades.json",
                        &format!("\"TM_INVESTOR_GRADE\": {grade}"),
                        "\"TM_INVESTOR_GRADE\": 0",
                    );
                }
            },
            &["all_grades_zero", "all 3 grades are 0", "fetch the grades again"],
        ),
        case(
            "grades missing",
            |workspace| {
                workspace.edit("market.csv", ",3719,", ",,");
                workspace.edit("market.csv", ",3306,", ",,");
            },
            &["max_missing_grades", "2 of 3 members", "ethereum, solana", "0.34", "token_id"],
        ),
        case(
            "grades missing",
            |workspace| {
                workspace.edit("case.toml", "members = [\"bitcoin\", \"ethereum\", \"solana\"]", "");
                workspace.edit("market.csv", ",3719,", ",,");
                workspace.edit("market.csv", ",3306,", ",,");
            },
            &["max_missing_grades", "2 of 3 members", "ethereum, solana"],
        ),
        case(
            "grades missing",
            |workspace| {
                workspace.edit(
                    "case.toml",
                    "investor_grades = \"investor_grades.json\"\ntrading_signals = \"trading_signals.json\"",
                    "",
                );
            },
            &["missing_grades: grades", "missing_signals: signals", "add the day's file"],
        ),
        envelope("\"success\": true", "\"success\": false", &["success", "says that it failed: ok", "fetch"]),
        envelope("\"length\": 3", "\"length\": 4", &["length = \"4\"", "data has 3 records", "every page"]),
        envelope("\"TM_INVESTOR_GRADE\": 80.5, ", "", &["data[0].TM_INVESTOR_GRADE", "missing or null"]),
        envelope("\"TOKEN_ID\": 3375, ", "", &["data[0].TOKEN_ID", "missing or null"]),
        envelope("\"TOKEN_ID\": 3375", "\"TOKEN_ID\": -3375", &["data[0].TOKEN_ID = \"-3375\"", "not a whole number"]),
        envelope(
            "\"TOKEN_ID\": 3375",
            "\"TOKEN_ID\": 3375.5",
            &["data[0].TOKEN_ID = \"3375.5\"", "not a whole number"],
        ),
        case(
            "grades missing",
            |workspace| workspace.write("investor_grades.json", "{}"),
            &["success", "missing or null"],
        ),
        case(
            "grades missing",
            |workspace| workspace.write("investor_grades.json", "<html>busy</html>"),
            &["investor_grades.json: the document", "not valid JSON"],
        ),
        case(
            "grades missing",
            |workspace| workspace.remove("investor_grades.json"),
            &["investor_grades.json cannot be read", "check the path"],
        ),
        edit(
            "duplicate asset",
            "investor_grades.json",
            "\"TOKEN_ID\": 3306",
            "\"TOKEN_ID\": 3375",
            &["data[1]", "TOKEN_ID 3375 has two different records of 2025-04-16T00:00:00Z", "fetch the grades again"],
        ),
        edit(
            "duplicate key",
            "investor_grades.json",
            "\"TM_INVESTOR_GRADE\": 80.5",
            "\"TM_INVESTOR_GRADE\": 80.5, \"TM_INVESTOR_GRADE\": 8",
            &["data[0].TM_INVESTOR_GRADE", "twice"],
        ),
        edit(
            "duplicate key",
            "investor_grades.json",
            "\"TM_INVESTOR_GRADE\": 80.5",
            "\"TM_INVESTOR_GRADE\": 80.5, \"tm_investor_grade\": 8",
            &["data[0].tm_investor_grade", "under two names"],
        ),
        case(
            "stale grades",
            |workspace| {
                workspace.edit("investor_grades.json", "2025-04-16", "2025-04-13");
                without_repeated_grades(workspace);
            },
            &["max_grade_age_hours: grades", "2025-04-13T00:00:00Z", "48 h", "fetch them again"],
        ),
        edit(
            "stale grades",
            "trading_signals.json",
            "2025-04-16",
            "2025-04-13",
            &["max_grade_age_hours: signals", "2025-04-13T00:00:00Z"],
        ),
        edit(
            "stale grades",
            "investor_grades.json",
            "\"DATE\": \"2025-04-16T00:00:00.000Z\"",
            "\"DATE\": \"16.04.2025\"",
            &["data[0].DATE = \"16.04.2025\"", "not a moment"],
        ),
        edit(
            "grades from the future",
            "investor_grades.json",
            "3375, \"DATE\": \"2025-04-16",
            "3375, \"DATE\": \"2025-04-17",
            &["grades_from_the_future", "2025-04-17T00:00:00Z", "bitcoin", "check the clocks"],
        ),
        edit(
            "grades from the future",
            "trading_signals.json",
            "2025-04-16",
            "2026-04-16",
            &["signals_from_the_future", "2026-04-16T00:00:00Z"],
        ),
        case(
            "snapshots of different dates mixed",
            |workspace| {
                workspace.edit("investor_grades.json", "2025-04-16T00:00:00.000Z", "2025-04-14T12:00:00.000Z");
                without_repeated_grades(workspace);
            },
            &[
                "max_snapshot_skew_hours",
                "the newest grade is of 2025-04-14T12:00:00Z",
                "36.0 h apart",
                "24 h",
                "same day",
            ],
        ),
        case(
            "snapshots of different dates mixed",
            |workspace| {
                workspace.edit("policy.toml", "max_price_age_hours = 24", "max_price_age_hours = 72");
                workspace.edit("market.csv", "layer-1,2020-04-10,2025-04-16T", "layer-1,2020-04-10,2025-04-14T");
            },
            &["max_snapshot_skew_hours", "the price of solana is of 2025-04-14T00:00:00Z", "48.0 h apart"],
        ),
        edit(
            "snapshots of different dates mixed",
            "case.toml",
            "cash = \"1000\"",
            "cash = \"1000\"\nobserved_at = \"2025-04-14T23:59:00Z\"",
            &["max_snapshot_skew_hours", "the balance of account main is of 2025-04-14T23:59:00Z", "24.0 h apart"],
        ),
        remembered(
            "a mass flip of grades",
            |state| {
                for (id, signal) in
                    [("bitcoin", Signal::Bearish), ("solana", Signal::Bullish), ("ethereum", Signal::Bullish)]
                {
                    let _ = state.last_signals.insert(asset(id), signal);
                }
            },
            &["max_signal_flips", "2 of 3 signals turned round", "bitcoin, solana", "0.5", "confirm"],
        ),
        // The day's 80.5, 61 and 55 on a scale turned round.
        remembered(
            "a mass flip of grades",
            |state| {
                let grades = [("bitcoin", "19.5"), ("ethereum", "39"), ("solana", "45")];
                let grade =
                    |(id, grade): (&str, &str)| (asset(id), Grade::new(grade.parse().expect(grade)).expect(grade));
                let _ = state.last_grades.insert(GradeKind::Investor, grades.into_iter().map(grade).collect());
            },
            &[
                "max_grade_flips: grades",
                "3 of 3 pairs",
                "at most 0.35",
                "confirm the grades",
                "guards.max_grade_flips",
            ],
        ),
    ]
}
