//! Every bad input of the design's list that concerns events, files and numbers: what it is, and what the refusal
//! must name. The list itself is [`ENTRIES`]; a test compares it with the design page where that is at hand.

mod events;
mod files;
mod grades;
mod market;
mod numbers;
mod sources;

use index_rebalancer::model::{AssetId, PortfolioState};
use index_rebalancer::preparation::{PreparationError, event};

use crate::events::{now, origin};
use crate::shared_data;
use crate::workspace::Workspace;

/// Where an entry is covered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// By rows of the table below.
    Here,
    /// By tests of the part that meets it, after preparation: each a file and a function in it.
    Later(&'static [(&'static str, &'static str)]),
}

/// The entries of the two lists that end in a refusal, in their order.
const ENTRIES: &[(&str, At)] = &[
    ("empty body", At::Here),
    ("not UTF-8", At::Here),
    ("byte-order mark", At::Here),
    ("trailing JSON", At::Here),
    ("nesting of 200", At::Here),
    ("over the size limit", At::Here),
    ("duplicate key", At::Here),
    ("unknown field", At::Here),
    ("missing or null portfolio", At::Here),
    ("lone surrogate", At::Here),
    ("separator, control or look-alike characters in an id", At::Here),
    ("overlong id", At::Here),
    ("missing scheduled time", At::Here),
    ("local-time offset", At::Here),
    ("a time in the future", At::Here),
    ("a time past the window", At::Here),
    ("wrong account or region", At::Here),
    ("unknown mode", At::Here),
    ("unknown schema version", At::Here),
    ("NaN", At::Here),
    ("Infinity", At::Here),
    ("1e400", At::Here),
    ("1_000", At::Here),
    ("leading space", At::Here),
    ("non-ASCII digits", At::Here),
    ("more than 28 digits", At::Here),
    ("grade below 0 or above its maximum", At::Here),
    ("all grades zero", At::Here),
    ("grades missing", At::Here),
    ("duplicate asset", At::Here),
    ("ids that differ in case only", At::Here),
    ("stale grades", At::Here),
    ("grades from the future", At::Here),
    ("snapshots of different dates mixed", At::Here),
    ("a mass flip of grades", At::Here),
    ("price zero, negative, stale or jumped", At::Here),
    ("negative holding", At::Here),
    ("a managed holding nobody can price", At::Here),
    ("holdings that changed while being read", At::Here),
    ("orders of an earlier run unsettled", At::Here),
    ("empty universe", At::Here),
    ("program infeasible", At::Later(NO_OPTIMUM)),
    ("a solution with NaN", At::Later(NO_NUMBER)),
    ("weights + cash + cost", At::Later(NOT_ONE)),
    ("over turnover, loss or notional limit", At::Later(OVER_A_LIMIT)),
    ("selling more than held", At::Later(&[("tests/verification/permission.rs", "more_is_not_sold_than_is_free")])),
    ("buying more than cash", At::Later(OVER_CASH)),
    ("kill switch on or unreadable", At::Later(SWITCHED_OFF)),
    ("malformed secret", At::Later(NO_SECRET)),
];

const NO_OPTIMUM: &[(&str, &str)] = &[
    ("src/planning/tests/mod.rs", "hard_limits_that_conflict_are_named_with_a_repair"),
    ("src/planning/solver.rs", "a_failing_backend_is_no_verdict"),
    ("src/planning/solver.rs", "what_was_stopped_before_a_proof_is_refused"),
    ("src/planning/error.rs", "a_failed_solver_says_what_failed_and_what_to_do"),
];

const NO_NUMBER: &[(&str, &str)] =
    &[("src/planning/solver.rs", "a_solution_that_is_not_finite_or_out_of_bounds_is_refused")];

const NOT_ONE: &[(&str, &str)] = &[
    ("tests/verification/statement.rs", "totals_are_exact"),
    ("tests/verification/statement.rs", "cash_that_appears_breaks_both_forms_of_the_budget"),
    ("src/planning/error.rs", "a_plan_that_breaks_a_limit_does_not_leave"),
];

const OVER_A_LIMIT: &[(&str, &str)] = &[
    ("tests/verification/limits.rs", "limits_hold_up_to_their_bound_and_lot_allowance_and_no_further"),
    ("tests/verification/limits.rs", "controls_stop_orders_that_are_too_large_or_too_many"),
    ("tests/execution/controls.rs", "each_limit_stops_the_run_at_the_last_step"),
];

const OVER_CASH: &[(&str, &str)] = &[
    ("tests/verification/limits.rs", "cash_lasts_at_the_worst_prices"),
    ("tests/execution/controls.rs", "buys_stop_where_the_actual_cash_ends"),
];

const SWITCHED_OFF: &[(&str, &str)] = &[
    ("tests/execution/controls.rs", "a_switch_that_is_on_ends_the_run_before_anything_is_prepared"),
    ("tests/execution/controls.rs", "the_switch_is_read_again_at_the_last_step"),
];

const NO_SECRET: &[(&str, &str)] = &[
    ("src/ports/secret.rs", "what_is_no_secret_is_refused_without_being_repeated"),
    ("src/adapters/secrets/local.rs", "a_file_is_read_each_time_and_must_be_fit"),
    ("tests/remote/secrets/wire.rs", "an_answer_that_cannot_be_used_is_not_shown"),
];

/// A bad input: the entry it is an instance of, what is done, and what the message must contain.
struct Row {
    entry: &'static str,
    given: Given,
    names: &'static [&'static str],
}

enum Given {
    /// A payload.
    Event(Vec<u8>),
    /// The clean case with one change.
    Case(Box<dyn Fn(&Workspace)>),
    /// The clean case after a run that remembered this.
    Remembered(Box<dyn Fn(&mut PortfolioState)>),
    /// Anything else: the refusal's text.
    Text(Box<dyn Fn() -> String>),
}

fn event(entry: &'static str, payload: impl AsRef<[u8]>, names: &'static [&'static str]) -> Row {
    Row { entry, given: Given::Event(payload.as_ref().to_vec()), names }
}

fn edit(
    entry: &'static str,
    file: &'static str,
    from: &'static str,
    to: impl AsRef<str>,
    names: &'static [&'static str],
) -> Row {
    let to = to.as_ref().to_owned();
    Row { entry, given: Given::Case(Box::new(move |workspace| workspace.edit(file, from, &to))), names }
}

fn case(entry: &'static str, change: impl Fn(&Workspace) + 'static, names: &'static [&'static str]) -> Row {
    Row { entry, given: Given::Case(Box::new(change)), names }
}

fn remembered(
    entry: &'static str,
    change: impl Fn(&mut PortfolioState) + 'static,
    names: &'static [&'static str],
) -> Row {
    Row { entry, given: Given::Remembered(Box::new(change)), names }
}

fn text(entry: &'static str, refusal: impl Fn() -> String + 'static, names: &'static [&'static str]) -> Row {
    Row { entry, given: Given::Text(Box::new(refusal)), names }
}

fn asset(id: &str) -> AssetId {
    AssetId::new(id).expect("an id")
}

/// Entry and payload of every bad event.
pub(crate) fn bad_events() -> Vec<(&'static str, Vec<u8>)> {
    let payload = |row: Row| match row.given {
        Given::Event(payload) => Some((row.entry, payload)),
        _ => None,
    };
    events::rows().into_iter().filter_map(payload).collect()
}

fn rows() -> Vec<Row> {
    [events::rows(), numbers::rows(), grades::rows(), market::rows(), files::rows()].into_iter().flatten().collect()
}

fn refusal(given: &Given) -> Result<String, String> {
    match given {
        Given::Event(bytes) => match event::parse(bytes, &origin(), now()) {
            Ok(event) => Err(format!("{event:?}")),
            Err(error) => Ok(error.to_string()),
        },
        Given::Case(change) => {
            let workspace = Workspace::new();
            change(&workspace);
            workspace.plan().map_or_else(|error| Ok(error.to_string()), |_| Err("a planning input".to_owned()))
        }
        Given::Remembered(change) => {
            let workspace = Workspace::new();
            let mut state = workspace.load().expect("the clean case").opening_state();
            change(&mut state);
            workspace
                .plan_from(Some(state))
                .map_or_else(|error| Ok(error.to_string()), |_| Err("a planning input".to_owned()))
        }
        Given::Text(refusal) => Ok(refusal()),
    }
}

#[test]
fn every_bad_input_is_refused_with_field_value_and_remedy() {
    let mut faults = Vec::new();
    let rows = rows();
    for (index, row) in rows.iter().enumerate() {
        match refusal(&row.given) {
            Err(accepted) => faults.push(format!("row {index} ({}): accepted as {accepted}", row.entry)),
            Ok(message) => {
                // Every line is `place or guard: field: problem; remedy`.
                let lines = message.lines().filter(|line| !line.starts_with("the data is not fit"));
                for line in lines.filter(|line| {
                    line.matches(": ").count() < 1
                        || line.rsplit("; ").next().is_none_or(|remedy| remedy.len() < 5 || remedy == *line)
                }) {
                    faults.push(format!("row {index} ({}): no field or no remedy in: {line}", row.entry));
                }
                let absent: Vec<&&str> = row.names.iter().filter(|name| !message.contains(**name)).collect();
                if !absent.is_empty() {
                    faults.push(format!("row {index} ({}): {absent:?} not in:\n    {message}", row.entry));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), rows.len(), faults.join("\n"));
}

#[test]
fn every_entry_of_the_list_is_covered_and_every_row_has_an_entry() {
    let rows = rows();
    for (entry, at) in ENTRIES {
        let count = rows.iter().filter(|row| row.entry == *entry).count();
        assert_eq!(count > 0, *at == At::Here, "{entry}: {count} rows");
        match at {
            At::Here => {}
            At::Later(tests) => {
                assert!(!tests.is_empty(), "{entry}: no test");
                for (file, test) in *tests {
                    assert!(sources::has_test(file, test), "{entry}: {file} has no test {test}");
                }
            }
        }
    }
    for row in &rows {
        assert!(ENTRIES.iter().any(|(entry, _)| *entry == row.entry), "{} is not in the list", row.entry);
    }
}

#[test]
fn the_list_is_the_designs() {
    let Some(page) = shared_data::read("design/bad-inputs.md", "the_list_is_the_designs") else { return };
    let page = String::from_utf8(page).expect("text").replace('\n', " ").replace(['*', '`'], "");
    let between = |from: &str, to: &str| {
        let after = page.split_once(from).expect("the heading").1;
        let list = after.split_once(to).expect("the next heading").0.trim().trim_start_matches(':');
        list.split(';').map(|entry| entry.trim().trim_end_matches('.').to_owned()).collect::<Vec<_>>()
    };
    let mut designed = between("Refuse the event before anything is claimed", "End the run with no orders");
    designed.extend(between("End the run with no orders", "Drop the order"));
    assert_eq!(designed.len(), ENTRIES.len(), "{designed:#?}");
    for (designed, (entry, _)) in designed.iter().zip(ENTRIES) {
        assert!(designed.starts_with(entry), "the design says {designed:?}, the table {entry:?}");
    }
}

#[test]
fn all_violations_come_back_together() {
    let workspace = Workspace::new();
    workspace.edit("market.csv", "2009-01-03,2025-04-16T", "2009-01-03,2025-04-14T");
    workspace.edit("market.csv", ",0.9999,", ",0.9,");
    workspace.edit("case.toml", "bitcoin = \"0.5\"", "mystery = \"5\"");
    let Err(PreparationError::Guarded(violations)) = workspace.plan() else { panic!("must be guarded") };
    let guards: Vec<&str> = violations.iter().map(|violation| violation.guard.as_str()).collect();
    assert_eq!(guards, ["max_depeg", "max_price_age_hours", "max_snapshot_skew_hours", "unpriced_holding"]);
}

#[test]
fn an_unreadable_file_may_be_there_next_time_and_bad_input_never_is() {
    let workspace = Workspace::new();
    workspace.edit("market.csv", ",84000,", ",0,");
    assert!(!workspace.plan().expect_err("refused").is_transient());
    workspace.remove("market.csv");
    assert!(workspace.plan().expect_err("refused").is_transient());
}
