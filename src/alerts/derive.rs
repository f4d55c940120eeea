//! Events of a run, from its record alone.

use uuid::Uuid;

use crate::model::alert::AlertEvent;
use crate::model::{PlanningInput, RunIdentity};
use crate::planning::RebalancePlan;
use crate::planning::plan::Outcome;
use crate::ports::alert::Severity;
use crate::ports::store::RunItem;
use crate::ports::{OrderRecord, OrderState, RunRecord, RunState};
use crate::preparation::PreparationError;
use crate::preparation::guards::tells_of_stale_grades;

mod facts;
mod market;

use facts::Facts;

/// One event, whoever it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub run_id: Uuid,
    pub event: AlertEvent,
    pub severity: Severity,
    /// Whose it is.
    pub about: String,
    pub title: String,
    /// What the event is about (order keys, assets, limits), rising: the same subjects are the same event, so that an
    /// event that grew by one is told again and one that did not is not.
    pub subjects: Vec<String>,
    pub lines: Vec<String>,
}

/// The events of a stored run. `previous`: the input of the portfolio's run before, for what has to be crossed.
#[must_use]
pub fn of_run(record: &RunRecord, previous: Option<&PlanningInput>) -> Vec<Alert> {
    let (Some(input), Some(plan)) = (&record.input, &record.plan) else {
        // Aborted before there was a plan: nothing else is known of it.
        return Vec::new();
    };
    let mut facts = Facts::new(record.run_id, &plan.run);
    plan_ready(record, plan, &mut facts);
    orders(record, plan, &mut facts);
    if record.state == RunState::Aborted {
        aborted(&record.reason, &mut facts);
    }
    limits(plan, &mut facts);
    if plan.regime.changed {
        let now = if plan.regime.bearish { "bearish" } else { "bullish" };
        let title = format!("The regime turned {now}");
        facts.add(AlertEvent::RegimeChanged, Severity::Warning, title, vec![(now.to_owned(), plan.regime.why.clone())]);
    }
    market::stopped(input, plan, &mut facts);
    if let Some(wanted) = &input.policy.alerts {
        market::events(wanted, input, plan, previous, &mut facts);
    }
    stale_notices(input, &mut facts);
    facts.alerts
}

/// The events of a run that ended before there was a plan: its data were refused, or something else stopped it.
#[must_use]
pub fn of_refusal(run_id: Uuid, run: &RunIdentity, error: &PreparationError) -> Vec<Alert> {
    let mut facts = Facts::new(run_id, run);
    if let PreparationError::Guarded(violations) = error {
        let stale: Vec<(String, String)> = violations
            .iter()
            .filter(|violation| STALE_GUARDS.contains(&violation.guard.as_str()))
            .map(|violation| (format!("{} {}", violation.guard, violation.field), violation.to_string()))
            .collect();
        if !stale.is_empty() {
            facts.add(AlertEvent::StaleData, Severity::Critical, "Data are too old to trade on".to_owned(), stale);
        }
    }
    aborted(&error.to_string(), &mut facts);
    facts.alerts
}

/// The same for a run that was stopped by anything else, with the reason in words.
#[must_use]
pub fn of_abort(run_id: Uuid, run: &RunIdentity, reason: &str) -> Vec<Alert> {
    let mut facts = Facts::new(run_id, run);
    aborted(reason, &mut facts);
    facts.alerts
}

/// The same of a run that nobody had claimed: it may yet begin and be aborted, and that is another event.
#[must_use]
pub fn before_it_began(mut alerts: Vec<Alert>) -> Vec<Alert> {
    for alert in alerts.iter_mut().filter(|alert| alert.event == AlertEvent::RunAborted) {
        alert.subjects = vec!["not begun".to_owned()];
        "The run did not begin".clone_into(&mut alert.title);
    }
    alerts
}

/// What is stored or found contradicts the plan: each contradiction is an event.
#[must_use]
pub fn of_halt(run_id: Uuid, run: &RunIdentity, cause: &str) -> Vec<Alert> {
    let mut facts = Facts::new(run_id, run);
    let title = "The run is halted: nothing more is sent, and a person must look".to_owned();
    facts.add(AlertEvent::RunHalted, Severity::Critical, title, vec![(cause.to_owned(), cause.to_owned())]);
    facts.alerts
}

/// A run that is over and was interrupted: its worker was lost or could not settle it, and another one took it over.
#[must_use]
pub fn of_takeover(item: &RunItem) -> Vec<Alert> {
    let mut facts = Facts::new(item.run_id, &item.identity);
    if item.interruptions > 0 && item.state.is_terminal() {
        let title = format!("The run did not end by itself; it was taken over and is {}", item.state.as_str());
        facts.told(AlertEvent::RunRecovered, Severity::Warning, title, Vec::new());
    }
    facts.alerts
}

/// Guards whose violation means that data are old, or of different days.
const STALE_GUARDS: [&str; 5] =
    ["max_price_age_hours", "max_grade_age_hours", "max_snapshot_skew_hours", "missing_grades", "missing_signals"];

fn aborted(reason: &str, facts: &mut Facts) {
    // The reason may name figures of the moment; the event is that the run ended.
    let lines: Vec<String> = reason.lines().map(str::to_owned).collect();
    facts.told(AlertEvent::RunAborted, Severity::Critical, "The run ended without its orders".to_owned(), lines);
}

fn plan_ready(record: &RunRecord, plan: &RebalancePlan, facts: &mut Facts) {
    if plan.outcome != Outcome::Rebalance || record.state != RunState::Planned {
        return;
    }
    let orders = plan.orders.iter().map(|order| {
        let line = format!(
            "{} {} {} at {} {}",
            order.side, order.quantity, order.instrument, order.limit_price, plan.quote_currency
        );
        (order.key.to_string(), line)
    });
    let title = format!("A plan with {} stands, valid until {}", count(plan.orders.len(), "order"), plan.valid_until);
    facts.add(AlertEvent::PlanReady, Severity::Info, title, orders.collect());
}

fn orders(record: &RunRecord, plan: &RebalancePlan, facts: &mut Facts) {
    let told = |wanted: &dyn Fn(&OrderRecord) -> bool| -> Vec<(String, String)> {
        let orders = record.orders.iter().filter(|order| wanted(order));
        orders.map(|order| (order.key.to_string(), order_line(order, plan))).collect()
    };
    let of = |wanted: &[OrderState]| told(&|order| wanted.contains(&order.state));
    let sent = of(&[OrderState::Acknowledged, OrderState::PartiallyFilled, OrderState::Filled, OrderState::Cancelled]);
    if !sent.is_empty() {
        let title = format!("{} sent", count(sent.len(), "order"));
        facts.add(AlertEvent::OrdersSent, Severity::Info, title, sent);
    }
    let is_rejected = |order: &OrderRecord| matches!(order.state, OrderState::Rejected | OrderState::NotPlaced);
    let rejected = told(&|order| is_rejected(order) || order.refused);
    if !rejected.is_empty() {
        let title = format!("{} not taken by the venue", count(rejected.len(), "order"));
        facts.add(AlertEvent::OrderRejected, Severity::Warning, title, rejected);
    }
    let unknown = of(&[OrderState::Unknown]);
    if !unknown.is_empty() {
        let title = format!("{} of unknown fate: a person may have to look", count(unknown.len(), "order"));
        facts.add(AlertEvent::OrderUnknown, Severity::Critical, title, unknown);
    }
}

fn order_line(record: &OrderRecord, plan: &RebalancePlan) -> String {
    let Some(order) = plan.orders.iter().find(|order| order.key == record.key) else {
        return format!("order {}: {}", record.key, record.state.as_str());
    };
    let filled =
        if record.filled_quantity.is_zero() { String::new() } else { format!(", {} filled", record.filled_quantity) };
    let note = if record.note.is_empty() { String::new() } else { format!(": {}", record.note) };
    let state = record.state.as_str().replace('_', " ");
    format!("{} {} {}: {state}{filled}{note}", order.side, order.quantity, order.instrument)
}

fn limits(plan: &RebalancePlan, facts: &mut Facts) {
    let relaxed: Vec<(String, String)> = plan
        .relaxations
        .iter()
        .map(|relaxation| {
            let line = format!("{}: bound {} moved by {}", relaxation.limit, relaxation.bound, relaxation.amount);
            (relaxation.limit.clone(), line)
        })
        .collect();
    if !relaxed.is_empty() {
        let title = format!("{} gave way", count(relaxed.len(), "limit"));
        facts.add(AlertEvent::LimitRelaxed, Severity::Warning, title, relaxed);
    }
}

/// Grades and signals that were too old count as missing, and the run goes on; preparation says so in a notice.
fn stale_notices(input: &PlanningInput, facts: &mut Facts) {
    let stale: Vec<(String, String)> = input
        .notices
        .iter()
        .filter(|notice| tells_of_stale_grades(notice))
        .map(|notice| (notice.clone(), notice.clone()))
        .collect();
    if !stale.is_empty() {
        facts.add(
            AlertEvent::StaleData,
            Severity::Warning,
            "Some data are too old and count as missing".to_owned(),
            stale,
        );
    }
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
