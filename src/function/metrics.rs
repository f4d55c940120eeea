//! Metrics in CloudWatch's embedded metric format: one line of the log, which CloudWatch reads as numbers.
//!
//! Written once per run, but for how it ended: another delivery soon after counts that again.

use serde_json::{Map, Number, Value, json};

use super::log::{Subject, write_line};
use crate::adapters::clock::SystemClock;
use crate::application::run::Stopped;
use crate::execution::ExecutionError;
use crate::model::policy::GradeKind;
use crate::model::{Decimal, PlanningInput};
use crate::planning::RebalancePlan;
use crate::ports::{Clock as _, StoreError};
use crate::report::RunReport;
use crate::report::handling::HandledRun;
use crate::report::published::{OrderState, RunState};
use crate::report::run::OrderResult;

/// Where CloudWatch files them.
pub const NAMESPACE: &str = "IndexRebalancer";

/// What can be counted or measured, each under its own name. The template's alarms watch no other: its tests read the
/// names here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Runs that ended well in this invocation.
    RunsDone,
    /// Runs that were aborted in it, or refused before they began.
    RunsAborted,
    /// Runs that go on only after a person has said or mended something, and accounts whose lock cannot be read: as many
    /// as one recovery has found, or the one that an event has met.
    RunsStuck,
    /// Runs that recovery had no time to look at.
    RunsNotReached,
    /// Orders of the run that were sent, by this invocation or one before.
    OrdersSent,
    /// Orders of the run at which a person must look.
    OrdersUnknown,
    /// Orders of the run that the venue refused.
    OrdersRejected,
    /// Half of buys plus sells, as a fraction of net asset value.
    Turnover,
    /// Planning, verification included.
    SolveMilliseconds,
    /// At most so far from the best possible, in basis points of net asset value.
    OptimalityGapBp,
    /// At planning, of the grades that the plan's constituents have.
    OldestGradeAgeHours,
    /// Pages of runs that were not written.
    PagesFailed,
    /// Alerts that their channels did not get.
    AlertsFailed,
    /// Events that started nothing and changed nothing: malformed, or at odds with the run that is stored.
    EventsRefused,
}

impl Metric {
    fn name(self) -> String {
        format!("{self:?}")
    }

    /// Whether each portfolio has its own. What recovery finds, and what starts nothing, may be of none.
    const fn is_by_portfolio(self) -> bool {
        !matches!(
            self,
            Self::RunsStuck | Self::RunsNotReached | Self::PagesFailed | Self::AlertsFailed | Self::EventsRefused
        )
    }

    /// As CloudWatch calls it.
    const fn unit(self) -> &'static str {
        match self {
            Self::SolveMilliseconds => "Milliseconds",
            Self::Turnover | Self::OptimalityGapBp | Self::OldestGradeAgeHours => "None",
            Self::RunsDone
            | Self::RunsAborted
            | Self::RunsStuck
            | Self::RunsNotReached
            | Self::OrdersSent
            | Self::OrdersUnknown
            | Self::OrdersRejected
            | Self::PagesFailed
            | Self::AlertsFailed
            | Self::EventsRefused => "Count",
        }
    }
}

/// Figures about one portfolio, or about none.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    figures: Vec<(Metric, Number)>,
}

impl Metrics {
    pub fn whole(&mut self, metric: Metric, value: impl Into<Number>) {
        self.figures.push((metric, value.into()));
    }

    /// A decimal as it stands; CloudWatch reads any number.
    pub fn decimal(&mut self, metric: Metric, value: Decimal) {
        if let Ok(number) = value.normalize().to_string().parse() {
            self.figures.push((metric, number));
        }
    }

    /// As one document. Portfolio and run stand in it as far as they are known, whatever the figures are filed under.
    #[must_use]
    pub fn document(&self, subject: &Subject) -> Value {
        let directives: Vec<Value> = [true, false]
            .into_iter()
            .filter_map(|by_portfolio| {
                let figures = self.figures.iter().filter(|(it, _)| it.is_by_portfolio() == by_portfolio);
                let described: Vec<Value> =
                    figures.map(|(it, _)| json!({ "Name": it.name(), "Unit": it.unit() })).collect();
                let dimensions =
                    if by_portfolio && subject.portfolio.is_some() { json!([["portfolio"]]) } else { json!([[]]) };
                let directive = json!({ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": described });
                (!described.is_empty()).then_some(directive)
            })
            .collect();
        let mut document = Map::new();
        let mut field = |name: &str, value: Value| {
            let _ = document.insert(name.to_owned(), value);
        };
        field(
            "_aws",
            json!({
                "Timestamp": SystemClock.now().as_millisecond(),
                "CloudWatchMetrics": directives
            }),
        );
        let run_id = subject.run_id.map(|run_id| run_id.to_string());
        for (name, text) in [("portfolio", subject.portfolio.clone()), ("run_id", run_id)] {
            if let Some(text) = text {
                field(name, Value::from(text));
            }
        }
        for (metric, value) in &self.figures {
            field(&metric.name(), Value::Number(value.clone()));
        }
        Value::Object(document)
    }

    /// Writes them; nothing where there are none.
    pub fn write(&self, subject: &Subject) {
        if !self.figures.is_empty() {
            write_line(&self.document(subject));
        }
    }
}

/// Writes one of this.
pub fn count_one(metric: Metric, subject: &Subject) {
    let mut metrics = Metrics::default();
    metrics.whole(metric, 1);
    metrics.write(subject);
}

/// What a run counts as that stopped on the way. An event that is at odds with a stored run leaves that as it was, and a
/// run that is halted is not over: neither is one that was aborted.
#[must_use]
pub const fn of_stopped(stopped: &Stopped) -> Metric {
    match stopped {
        Stopped::Underway(ExecutionError::NotApproved { .. } | ExecutionError::OtherOccasion { .. }) => {
            Metric::EventsRefused
        }
        Stopped::Underway(ExecutionError::Halted { .. } | ExecutionError::Store(StoreError::Corrupt { .. })) => {
            Metric::RunsStuck
        }
        _ => Metric::RunsAborted,
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
    let mut metrics = of_end(report);
    metrics.whole(Metric::OrdersSent, new_orders);
    let count = |wanted: &dyn Fn(&OrderResult) -> bool| {
        report.orders.iter().filter_map(|order| order.result.as_ref()).filter(|result| wanted(result)).count()
    };
    let is_unknown = |it: &OrderResult| matches!(it.state, OrderState::Unknown | OrderState::NotPlaced);
    metrics.whole(Metric::OrdersUnknown, count(&is_unknown));
    metrics.whole(Metric::OrdersRejected, count(&|it| it.state == OrderState::Rejected || it.refused));
    // What belongs to the plan is told by whoever made it, once.
    if let Some(milliseconds) = planning_ms {
        metrics.decimal(Metric::Turnover, report.turnover.get());
        metrics.whole(Metric::SolveMilliseconds, milliseconds);
        if let Some(hours) = planned.and_then(|(plan, input)| oldest_grade_age_hours(plan, input)) {
            metrics.decimal(Metric::OldestGradeAgeHours, hours);
        }
        if let Some(optimality) = planned.and_then(|(plan, _)| plan.certificate.optimality.as_ref()) {
            metrics.decimal(Metric::OptimalityGapBp, optimality.gap_bp.get());
        }
    }
    metrics
}

/// How a run ended, and no more: of one that was over before this invocation.
#[must_use]
pub fn of_end(report: &RunReport) -> Metrics {
    let mut metrics = Metrics::default();
    ended(&mut metrics, report.execution.as_ref().map(|execution| execution.state));
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
    metrics.whole(Metric::OrdersUnknown, count(OrderState::Unknown) + count(OrderState::NotPlaced));
    metrics.whole(Metric::OrdersRejected, run.orders_rejected);
    metrics
}

fn ended(metrics: &mut Metrics, state: Option<RunState>) {
    match state {
        Some(RunState::Done) => metrics.whole(Metric::RunsDone, 1),
        Some(RunState::Aborted) => metrics.whole(Metric::RunsAborted, 1),
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
