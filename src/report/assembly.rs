//! A plan, its input and what became of it, made into one [`RunReport`].

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::certificate::{Check, LimitFamily, OptimalityReport};
use super::margin::{InsteadReport, MarginReport, ShadowPriceReport};
use super::published::{OrderState, ReasonCode, Role};
use super::run::{
    ApprovalReport, CashReport, CertificateReport, ExclusionReport, ExecutionReport, IntegerReport, Loaded, Mode,
    Occasion, OrderReport, OrderResult, OutcomeKind, OutcomeReport, PositionReport, RegimeReport, RelaxationReport,
    RunReport, SolverReport, count,
};
use crate::model::policy::GradeKind;
use crate::model::{AssetId, AssetRecord, Money, Order, PlanningInput, Price, Quantity, Side, Trigger};
use crate::planning::plan::{Outcome, Position};
use crate::planning::{AtTheMargin, RebalancePlan, at_the_margin};
use crate::ports::capability::client_order_id;
use crate::ports::store::Approval;
use crate::ports::{OrderRecord, RunRecord};

impl RunReport {
    /// A plan that was not committed.
    #[must_use]
    pub fn dry_run(plan: &RebalancePlan, input: &PlanningInput) -> Self {
        Self::build(Mode::DryRun, plan, Some(input), None)
    }

    /// A run as the store knows it; `None` before its plan is committed.
    #[must_use]
    pub fn of_record(mode: Mode, record: &RunRecord) -> Option<Self> {
        let plan = record.plan.as_ref()?;
        Some(Self::build(mode, plan, record.input.as_ref(), Some(record)))
    }

    fn build(mode: Mode, plan: &RebalancePlan, input: Option<&PlanningInput>, record: Option<&RunRecord>) -> Self {
        // A plan whose input makes no plan any more is told as it stands.
        let margins = input.and_then(|input| at_the_margin(input, plan).ok()).unwrap_or_default();
        let traded: BTreeSet<&AssetId> = plan.orders.iter().map(|order| &order.asset).collect();
        Self {
            mode,
            run_id: plan.run_id,
            environment: plan.run.environment,
            venue: plan.run.venue.clone(),
            account: plan.run.venue_account.clone(),
            portfolio: plan.run.portfolio.clone(),
            occasion: match &plan.run.trigger {
                Trigger::Scheduled(at) => Occasion::Scheduled(*at),
                Trigger::Manual(label) => Occasion::Manual(label.clone()),
            },
            flow: plan.flow.clone(),
            index: plan.policy_name.clone(),
            quote_currency: plan.quote_currency.clone(),
            as_of: plan.as_of,
            valid_until: plan.valid_until,
            input_digest: plan.input_digest.clone(),
            policy_digest: plan.policy_digest.clone(),
            net_asset_value: plan.net_asset_value,
            loaded: input.map(Loaded::of),
            outcome: OutcomeReport::of(plan),
            regime: RegimeReport {
                bearish: plan.regime.bearish,
                changed: plan.regime.changed,
                bullish_share: plan.regime.bullish_share,
                stable_share: plan.regime.stable_share,
                why: plan.regime.why.clone(),
            },
            cash: CashReport {
                before: plan.cash.before,
                after: plan.cash.after,
                weight_before: plan.cash.weight_before,
                reference_weight: plan.cash.reference_weight,
                weight_after: plan.cash.weight_after,
            },
            positions: plan
                .positions
                .iter()
                .map(|it| PositionReport::of(it, traded.contains(&it.asset), &margins))
                .collect(),
            orders: orders(plan, record, &margins),
            exclusions: plan
                .exclusions
                .iter()
                .map(|it| ExclusionReport { asset: it.asset.clone(), symbol: it.symbol.clone(), why: it.why.clone() })
                .collect(),
            relaxations: plan
                .relaxations
                .iter()
                .map(|it| RelaxationReport {
                    limit: it.limit.clone(),
                    priority: it.priority,
                    bound: it.bound,
                    amount: it.amount,
                    instead: margins.instead.get(&it.limit).into_iter().flatten().map(InsteadReport::of).collect(),
                })
                .collect(),
            certificate: CertificateReport {
                families: LimitFamily::of(&plan.certificate),
                checks: plan.certificate.checks.iter().map(Check::of).collect(),
                optimality: OptimalityReport::of(plan),
                shadow_prices: margins.limits.iter().map(ShadowPriceReport::of).collect(),
            },
            turnover: plan.turnover,
            estimated_cost: plan.estimated_cost,
            solver: SolverReport {
                backend: plan.solver.backend.clone(),
                version: plan.solver.version.clone(),
                programs: plan.solver.programs,
                objective: plan.solver.objective.clone(),
                integers: plan.solver.integers.as_ref().map(|found| IntegerReport {
                    nodes: found.nodes,
                    complete: found.complete,
                    whole_lots: found.whole_lots,
                    value: found.value,
                    bound: found.bound,
                    gap_bp: found.gap_bp,
                }),
            },
            notices: notices(plan, input),
            execution: record.map(|record| ExecutionReport::of(plan, record)),
        }
    }
}

/// The plan's notices, and those of preparation that the plan does not repeat.
fn notices(plan: &RebalancePlan, input: Option<&PlanningInput>) -> Vec<String> {
    let mut notices = plan.notices.clone();
    for notice in input.iter().flat_map(|input| &input.notices) {
        if !notices.contains(notice) {
            notices.push(notice.clone());
        }
    }
    notices
}

fn orders(plan: &RebalancePlan, record: Option<&RunRecord>, margins: &AtTheMargin) -> Vec<OrderReport> {
    let positions: BTreeMap<&AssetId, &Position> = plan.positions.iter().map(|it| (&it.asset, it)).collect();
    let results: BTreeMap<Uuid, &OrderRecord> =
        record.iter().flat_map(|record| &record.orders).map(|it| (it.key, it)).collect();
    let mut orders: Vec<OrderReport> = plan
        .orders
        .iter()
        .map(|order| {
            let result = record.map(|_| OrderResult::of(order, results.get(&order.key).copied()));
            OrderReport::of(order, positions.get(&order.asset).copied(), margins, result)
        })
        .collect();
    orders.sort_by_key(|order| order.priority);
    orders
}

impl Loaded {
    fn of(input: &PlanningInput) -> Self {
        let grade = input.policy.ranking.grade;
        let graded = |record: &&AssetRecord| match grade {
            GradeKind::Trader => record.grades.trader.is_some(),
            GradeKind::Investor => record.grades.investor.is_some(),
        };
        Self {
            assets: input.assets.len(),
            listed: input.assets.values().filter(|record| record.listing.is_some()).count(),
            graded: input.assets.values().filter(graded).count(),
            grade,
            with_signal: input.assets.values().filter(|record| record.grades.signal.is_some()).count(),
            held: input.account.holdings.values().filter(|holding| !holding.total().is_zero()).count(),
        }
    }
}

impl OutcomeReport {
    fn of(plan: &RebalancePlan) -> Self {
        match &plan.outcome {
            Outcome::Rebalance => {
                let sells = plan.orders.iter().filter(|order| order.side == Side::Sell).count();
                let buys = plan.orders.len() - sells;
                let parts = [(sells, "sell"), (buys, "buy")].into_iter().filter(|(number, _)| *number > 0);
                let parts: Vec<String> = parts.map(|(number, noun)| count(number, noun)).collect();
                let sentence = format!("{}: {}", count(plan.orders.len(), "order"), parts.join(", then "));
                Self { kind: OutcomeKind::Rebalance, sentence }
            }
            Outcome::InBand => {
                let all = plan.certificate.checks.iter().all(|check| check.stated.is_none());
                let how = if all { "every limit holds" } else { "every limit holds as far as it can be had" };
                let sentence = format!("in band: every member and cash is inside its drift band and {how}");
                Self { kind: OutcomeKind::InBand, sentence }
            }
            Outcome::NothingToTrade(why) => Self { kind: OutcomeKind::NothingToTrade, sentence: why.clone() },
        }
    }
}

impl PositionReport {
    fn of(position: &Position, traded: bool, margins: &AtTheMargin) -> Self {
        Self {
            asset: position.asset.clone(),
            symbol: position.symbol.clone(),
            role: position.role.into(),
            rank: position.rank,
            price: position.price,
            quantity_before: position.quantity_before,
            quantity_after: position.quantity_after,
            weight_before: position.weight_before,
            reference_weight: position.reference_weight,
            weight_after: position.weight_after,
            traded,
            reason: position.reason.code.into(),
            binding: position.reason.binding.clone(),
            sentence: position.reason.sentence.clone(),
            margin: margins.assets.get(&position.asset).map(MarginReport::of),
        }
    }
}

impl OrderReport {
    fn of(order: &Order, position: Option<&Position>, margins: &AtTheMargin, result: Option<OrderResult>) -> Self {
        let fallback = match order.side {
            Side::Sell => ReasonCode::Trim,
            Side::Buy => ReasonCode::TopUp,
        };
        Self {
            key: order.key,
            client_order_id: client_order_id(&order.venue, order.key),
            payload_digest: order.payload_digest.clone(),
            priority: order.priority,
            side: order.side,
            instrument: order.instrument.clone(),
            asset: order.asset.clone(),
            symbol: position.map_or_else(|| order.asset.to_string(), |it| it.symbol.clone()),
            slice: order.slice,
            quantity: order.quantity,
            limit_price: order.limit_price,
            reference_price: order.reference_price,
            notional: order.notional,
            estimated_cost: order.estimated_cost,
            valid_until: order.valid_until,
            reason: position.map_or(fallback, |it| it.reason.code.into()),
            binding: position.map(|it| it.reason.binding.clone()).unwrap_or_default(),
            sentence: position.map(|it| it.reason.sentence.clone()).unwrap_or_default(),
            margin: margins.assets.get(&order.asset).map(MarginReport::of),
            result,
        }
    }
}

impl OrderResult {
    /// An order without an item has not been sent.
    fn of(order: &Order, record: Option<&OrderRecord>) -> Self {
        let Some(record) = record else {
            return Self {
                state: OrderState::Planned,
                filled_quantity: Quantity::ZERO,
                average_price: None,
                filled_notional: Money::ZERO,
                fee: Money::ZERO,
                slippage: Money::ZERO,
                cost: Money::ZERO,
                estimated_cost: Money::ZERO,
                note: String::new(),
                refused: false,
            };
        };
        let filled = record.filled_quantity;
        let filled_notional = record.average_price.map_or(Money::ZERO, |price| price.value_of(filled));
        let at_reference = order.reference_price.value_of(filled);
        let slippage = match (record.average_price, order.side) {
            (None, _) => Money::ZERO,
            (Some(_), Side::Buy) => filled_notional - at_reference,
            (Some(_), Side::Sell) => at_reference - filled_notional,
        };
        let whole = order.reference_price.value_of(order.quantity);
        Self {
            state: record.state.into(),
            filled_quantity: filled,
            average_price: record.average_price,
            filled_notional,
            fee: record.fee,
            slippage,
            cost: record.fee + slippage,
            estimated_cost: at_reference.fraction_of(whole).of(order.estimated_cost),
            note: record.note.clone(),
            refused: record.refused,
        }
    }
}

impl ExecutionReport {
    fn of(plan: &RebalancePlan, record: &RunRecord) -> Self {
        let mut by_state = BTreeMap::new();
        let (mut bought, mut sold, mut fees, mut slippage) = (Money::ZERO, Money::ZERO, Money::ZERO, Money::ZERO);
        let mut estimated_cost = Money::ZERO;
        let (mut sent, mut needs_attention) = (0, 0);
        for order in orders(plan, Some(record), &AtTheMargin::default()) {
            let Some(result) = &order.result else { continue };
            *by_state.entry(result.state.as_str().to_owned()).or_insert(0) += 1;
            sent +=
                usize::from(!matches!(result.state, OrderState::Planned | OrderState::Skipped | OrderState::Expired));
            needs_attention +=
                usize::from(matches!(result.state, OrderState::Unknown | OrderState::Sending | OrderState::NotPlaced));
            fees += result.fee;
            slippage += result.slippage;
            estimated_cost += result.estimated_cost;
            match order.side {
                Side::Buy => bought += result.filled_notional,
                Side::Sell => sold += result.filled_notional,
            }
        }
        Self {
            state: record.state.into(),
            reason: record.reason.clone(),
            plan_digest: record.plan_digest.clone(),
            approval: record.approval.as_ref().map(ApprovalReport::of),
            sent,
            orders_by_state: by_state,
            bought,
            sold,
            fees,
            slippage,
            cost: fees + slippage,
            estimated_cost,
            cash_after: record.account_after.as_ref().map(|account| account.cash_free + account.cash_locked),
            net_asset_value_after: value_after(plan, record),
            needs_attention,
        }
    }
}

impl ApprovalReport {
    fn of(approval: &Approval) -> Self {
        let given = approval.given.as_ref();
        Self {
            until: approval.until,
            given_by: given.map(|given| given.operator.clone()),
            given_at: given.map(|given| given.at),
        }
    }
}

/// Settled cash and holdings at the plan's prices; what nobody prices counts for nothing, as in the plan.
fn value_after(plan: &RebalancePlan, record: &RunRecord) -> Option<Money> {
    let account = record.account_after.as_ref()?;
    let prices: BTreeMap<&AssetId, Price> = plan
        .positions
        .iter()
        .filter(|position| Role::from(position.role) != Role::Unmanaged)
        .map(|position| (&position.asset, position.price))
        .collect();
    let holdings: Money = account
        .holdings
        .iter()
        .filter_map(|(asset, holding)| prices.get(asset).map(|price| price.value_of(holding.total())))
        .sum();
    Some(account.cash_free + account.cash_locked + holdings)
}
