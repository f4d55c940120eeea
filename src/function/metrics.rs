//! Metrics in CloudWatch's embedded metric format: one line of the log, which CloudWatch reads as numbers.
//!
//! | metric | unit | of |
//! |---|---|---|
//! | `RunsDone`, `RunsAborted` | count | runs that ended in this invocation; refused before they began counts as aborted |
//! | `OrdersSent` | count | orders that this invocation sent |
//! | `OrdersUnknown`, `OrdersRejected` | count | orders of the run at which a person must look, or which the venue refused |
//! | `Turnover` | none | half of buys plus sells, as a fraction of net asset value |
//! | `SolveMilliseconds` | milliseconds | planning, verification included |
//! | `OptimalityGapBp` | none | at most so far from the best possible, in basis points of net asset value |
//! | `OldestGradeAgeHours` | none | at planning, of the grades that the plan's constituents have |
//! | `PagesFailed` | count | pages of runs that were not written; without a portfolio |
//! | `EventsRefused` | count | events that started nothing; without a portfolio |
//!
//! Written once per run: another delivery that only tells the stored result writes none.

use serde_json::{Map, Number, Value, json};

use super::log::write_line;
use crate::adapters::clock::SystemClock;
use crate::model::policy::GradeKind;
use crate::model::{Decimal, PlanningInput};
use crate::planning::RebalancePlan;
use crate::ports::Clock as _;
use crate::report::RunReport;
use crate::report::handling::HandledRun;
use crate::report::published::{OrderState, RunState};
use crate::report::run::OrderResult;

/// Where CloudWatch files them.
pub const NAMESPACE: &str = "IndexRebalancer";

/// Figures about one portfolio, or about none.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    figures: Vec<(&'static str, &'static str, Number)>,
}

impl Metrics {
    pub fn count(&mut self, name: &'static str, value: usize) {
        self.figures.push((name, "Count", Number::from(value)));
    }

    pub fn milliseconds(&mut self, name: &'static str, value: u64) {
        self.figures.push((name, "Milliseconds", Number::from(value)));
    }

    /// A decimal as it stands; CloudWatch reads any number.
    pub fn decimal(&mut self, name: &'static str, value: Decimal) {
        if let Ok(number) = value.normalize().to_string().parse() {
            self.figures.push((name, "None", number));
        }
    }

    /// As one document.
    #[must_use]
    pub fn document(&self, portfolio: Option<&str>, run_id: Option<&str>) -> Value {
        let described: Vec<Value> =
            self.figures.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
        let dimensions = if portfolio.is_some() { json!([["portfolio"]]) } else { json!([[]]) };
        let mut document = Map::new();
        let mut field = |name: &str, value: Value| {
            let _ = document.insert(name.to_owned(), value);
        };
        field(
            "_aws",
            json!({
                "Timestamp": SystemClock.now().as_millisecond(),
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": described }]
            }),
        );
        for (name, text) in [("portfolio", portfolio), ("run_id", run_id)] {
            if let Some(text) = text {
                field(name, Value::from(text));
            }
        }
        for (name, _, value) in &self.figures {
            field(name, Value::Number(value.clone()));
        }
        Value::Object(document)
    }

    /// Writes them; nothing where there are none.
    pub fn write(&self, portfolio: Option<&str>, run_id: Option<&str>) {
        if !self.figures.is_empty() {
            write_line(&self.document(portfolio, run_id));
        }
    }
}

/// Of a run that this invocation worked on.
#[must_use]
pub fn of_run(
    report: &RunReport,
    new_orders: usize,
    planned: Option<(&RebalancePlan, &PlanningInput)>,
    planning_ms: Option<u64>,
) -> Metrics {
    let mut metrics = Metrics::default();
    ended(&mut metrics, report.execution.as_ref().map(|execution| execution.state));
    metrics.count("OrdersSent", new_orders);
    let count = |wanted: &dyn Fn(&OrderResult) -> bool| {
        report.orders.iter().filter_map(|order| order.result.as_ref()).filter(|result| wanted(result)).count()
    };
    let is_unknown = |it: &OrderResult| matches!(it.state, OrderState::Unknown | OrderState::NotPlaced);
    metrics.count("OrdersUnknown", count(&is_unknown));
    metrics.count("OrdersRejected", count(&|it| it.state == OrderState::Rejected || it.refused));
    // What belongs to the plan is told by whoever made it, once.
    if let Some(milliseconds) = planning_ms {
        metrics.decimal("Turnover", report.turnover.get());
        metrics.milliseconds("SolveMilliseconds", milliseconds);
        if let Some(hours) = planned.and_then(|(plan, input)| oldest_grade_age_hours(plan, input)) {
            metrics.decimal("OldestGradeAgeHours", hours);
        }
        if let Some(optimality) = planned.and_then(|(plan, _)| plan.certificate.optimality.as_ref()) {
            metrics.decimal("OptimalityGapBp", optimality.gap_bp.get());
        }
    }
    metrics
}

/// Of a run that recovery took up.
#[must_use]
pub fn of_recovered(run: &HandledRun) -> Metrics {
    let mut metrics = Metrics::default();
    if run.state_before != run.state {
        ended(&mut metrics, Some(run.state));
    }
    let count = |wanted: OrderState| run.attention.iter().filter(|order| order.state == wanted).count();
    metrics.count("OrdersUnknown", count(OrderState::Unknown) + count(OrderState::NotPlaced));
    metrics.count("OrdersRejected", run.orders_rejected);
    metrics
}

fn ended(metrics: &mut Metrics, state: Option<RunState>) {
    match state {
        Some(RunState::Done) => metrics.count("RunsDone", 1),
        Some(RunState::Aborted) => metrics.count("RunsAborted", 1),
        _ => {}
    }
}

/// Of the grades by which the policy ranks, among what the plan looks at.
fn oldest_grade_age_hours(plan: &RebalancePlan, input: &PlanningInput) -> Option<Decimal> {
    let grades = plan.positions.iter().filter_map(|position| {
        let grades = &input.assets.get(&position.asset)?.grades;
        match input.policy.ranking.grade {
            GradeKind::Trader => grades.trader.as_ref().map(|grade| grade.at),
            GradeKind::Investor => grades.investor.as_ref().map(|grade| grade.at),
        }
    });
    let age = input.as_of.duration_since(grades.min()?);
    Some(Decimal::new(age.as_mins().max(0).saturating_mul(100) / 60, 2))
}
