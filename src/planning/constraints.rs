//! The limits as rows over buys `b` and sells `s`, each in the form `Σ coefficient · trade ≤ room`.
//!
//! Per-asset limits that only bound one trade (long only, participation, no-buy, frozen, the cap of a holding that
//! is below it) are the columns' boxes, set in `portfolio`. Every row is satisfied or not by the *room* alone when
//! nothing is traded: negative room means that doing nothing breaks the limit.
//!
//! No limit asks for what nobody can sell: where a halt, a lock or the flow makes part of a holding immovable, the
//! bound is at least that part (for a least amount of cash or stable assets: at most what the rest can become).

use std::collections::BTreeMap;

use rust_decimal::RoundingStrategy;

use crate::model::amount::floor_to_step;
use crate::model::policy::{Costs, Soft};
use crate::model::{CategoryId, Decimal, Flow, PlanningInput, Side, Weight};

use super::integers::WholeLimits;
use super::plan::{Regime, Role};
use super::portfolio::{Line, Portfolio, max_weight};
use super::program::Column;
use super::tail_risk::{TailRisk, immovable};

/// Kept free in every row, so that what the solver calls met is met: a tenth of a millionth of a basis point.
pub(crate) const SOLVER_NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 11);

/// Decimals of a bound that is proposed.
const MOVE_DECIMALS: u32 = 6;

/// All rows of one run, in a fixed order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) rows: Vec<LimitRow>,
    /// What is no row: limits on holdings as wholes.
    pub(crate) whole: WholeLimits,
    /// Where the policy measures tail risk.
    pub(crate) risk: Option<TailRisk>,
}

/// One limit.
#[derive(Debug, Clone)]
pub(crate) struct LimitRow {
    /// As in the certificate: `max_weight(bitcoin)`.
    pub(crate) name: String,
    pub(crate) kind: RowKind,
    /// In the policy's own terms.
    pub(crate) bound: Decimal,
    /// What the trades may use up.
    pub(crate) room: Decimal,
    /// The same after the worst rounding of lots and, for caps, the cost of a round trip. Never turns a limit that
    /// holds now into a broken one.
    pub(crate) tight_room: Decimal,
    pub(crate) soft: Option<Softness>,
}

impl LimitRow {
    /// Of its room, what no program may use: for rounding, where nothing may pass the bound, not even by a lot.
    pub(crate) fn kept(&self) -> Decimal {
        match self.kind {
            RowKind::RunNotional => self.room - self.tight_room,
            _ => Decimal::ZERO,
        }
    }

    /// The most this row may give way: never beyond the policy's hard bound, and for a limit on what the portfolio
    /// is never further than doing nothing would break it. No trade makes a broken limit worse, whatever outranks it.
    pub(crate) fn most_relaxation(&self) -> Decimal {
        let Some(soft) = self.soft else { return Decimal::ZERO };
        let most = soft.most.unwrap_or(Decimal::TEN);
        match self.kind {
            RowKind::Turnover => most,
            _ => most.min((-self.room).max(Decimal::ZERO)),
        }
    }

    /// The bound that gives way by so much, in net asset value.
    pub(crate) fn moved(&self, by: Decimal) -> Decimal {
        let by = by.round_dp_with_strategy(MOVE_DECIMALS, RoundingStrategy::AwayFromZero);
        if self.kind.is_lower() { self.bound - by } else { self.bound + by }
    }
}

/// How a row gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Softness {
    /// 0 for the goals that come before every policy limit: exits, withdrawals.
    pub(crate) priority: u32,
    /// Most relaxation; absent: as much as needed.
    pub(crate) most: Option<Decimal>,
}

/// What a row sums up. The formula of each stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RowKind {
    /// Cash free to spend is never negative: `Σ(1+κ)b − Σ(1−κ)s ≤ free cash`.
    Budget,
    /// The same at every order's limit price, fees included.
    CashAtLimitPrices { buy: Decimal, sell: Decimal },
    /// `cash ≥ bound`.
    CashBuffer,
    /// `cash ≥ cash buffer + amount`.
    Withdraw,
    /// `½ Σ(b+s) ≤ bound`.
    Turnover,
    /// `Σ(b+s) ≤ bound`, the policy's largest run.
    RunNotional,
    /// `Σ_{i∈g} w ≤ bound`.
    CategoryMax(CategoryId),
    /// `Σ_{i∈g} w ≥ bound`.
    CategoryMin(CategoryId),
    /// `Σ stable legs + cash ≥ bound`.
    StableShare,
    /// `w ≤ bound` for the line at this index, which is over it now.
    MaxWeight(usize),
    /// `Σ_{i∈exit} w = 0`, as far as it can be sold in the long run.
    MustExit,
    /// `CVaR(w) ≤ bound`: a row over the program's risk column, not over trades.
    Risk,
}

impl RowKind {
    /// Limits that give way together, by the least total.
    pub(crate) fn family(&self) -> String {
        match self {
            Self::Budget => "budget".to_owned(),
            Self::CashAtLimitPrices { .. } => "cash_at_limit_prices".to_owned(),
            Self::CashBuffer => "cash_buffer".to_owned(),
            Self::Withdraw => "withdraw".to_owned(),
            Self::Turnover => "turnover".to_owned(),
            Self::RunNotional => "max_run_notional".to_owned(),
            Self::CategoryMax(category) => format!("category_max({category})"),
            Self::CategoryMin(category) => format!("category_min({category})"),
            Self::StableShare => "stable_share".to_owned(),
            Self::MaxWeight(_) => "max_weight".to_owned(),
            Self::MustExit => "must_exit".to_owned(),
            Self::Risk => "risk".to_owned(),
        }
    }

    /// A least amount: room is what there is above the bound.
    pub(crate) fn is_lower(&self) -> bool {
        matches!(self, Self::CashBuffer | Self::CategoryMin(_) | Self::StableShare | Self::Withdraw)
    }

    /// The coefficient of a column: of one unit of weight traded in this piece. None where the row is over none of them.
    pub(crate) fn coefficient(&self, portfolio: &Portfolio<'_>, column: &Column) -> Decimal {
        let Some(line) = portfolio.lines.get(column.line) else { return Decimal::ZERO };
        let sign = match column.side {
            Side::Buy => Decimal::ONE,
            Side::Sell => Decimal::NEGATIVE_ONE,
        };
        // A buy spends its cost besides its weight; a sell raises its weight less its cost.
        let spent = sign + column.cost_rate;
        let if_in = |inside: bool, value: Decimal| if inside { value } else { Decimal::ZERO };
        match self {
            Self::Budget | Self::CashBuffer | Self::Withdraw => spent,
            Self::CashAtLimitPrices { buy, sell } => match column.side {
                Side::Buy => *buy,
                Side::Sell => -*sell,
            },
            Self::Turnover => Decimal::new(5, 1),
            Self::RunNotional => Decimal::ONE,
            Self::CategoryMax(category) => if_in(line.categories().contains(category), sign),
            Self::CategoryMin(category) => if_in(line.categories().contains(category), -sign),
            Self::StableShare => spent - if_in(line.role == Role::StableLeg, sign),
            Self::MaxWeight(index) => if_in(*index == column.line, sign),
            Self::MustExit => if_in(line.role == Role::MustExit, sign),
            Self::Risk => Decimal::ZERO,
        }
    }
}

impl RowKind {
    /// The same at a solution, with what a unit of weight adds to the tail risk there, by line.
    pub(crate) fn use_at(&self, portfolio: &Portfolio<'_>, column: &Column, tail_slopes: &[Decimal]) -> Decimal {
        let slope = tail_slopes.get(column.line).copied().unwrap_or_default();
        match (self, column.side) {
            (Self::Risk, Side::Buy) => slope,
            (Self::Risk, Side::Sell) => -slope,
            _ => self.coefficient(portfolio, column),
        }
    }
}

impl Limits {
    /// Whether doing nothing keeps every limit.
    pub(crate) fn hold_untraded(&self) -> bool {
        self.rows.iter().all(|row| row.room >= Decimal::ZERO) && self.whole.hold_untraded()
    }
}

/// The soft rows, by index: those that give way together, the most important first; one priority goes by name.
pub(crate) fn families(rows: &[LimitRow]) -> Vec<Vec<usize>> {
    let mut families: BTreeMap<(u32, String), Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        if let Some(soft) = row.soft {
            families.entry((soft.priority, row.kind.family())).or_default().push(index);
        }
    }
    families.into_values().collect()
}

/// Collects every row that the policy, the regime and the flow ask for.
pub(crate) fn limits(input: &PlanningInput, portfolio: &Portfolio<'_>, regime: &Regime) -> Limits {
    let mut rows = Vec::new();
    cash_rows(input, portfolio, &mut rows);
    exit_row(portfolio, &mut rows);
    turnover_rows(input, portfolio, &mut rows);
    stable_row(input, portfolio, regime, &mut rows);
    category_rows(input, portfolio, &mut rows);
    max_weight_rows(input, portfolio, &mut rows);
    let risk = TailRisk::of(input, portfolio);
    risk_row(input, portfolio, risk.as_ref(), &mut rows);
    for row in &mut rows {
        row.tight_room = tightened(row.tight_room, SOLVER_NOISE);
    }
    Limits { rows, whole: WholeLimits::of(input, portfolio), risk }
}

fn cash_rows(input: &PlanningInput, portfolio: &Portfolio<'_>, rows: &mut Vec<LimitRow>) {
    let free = portfolio.cash_free;
    let total = free + portfolio.cash_locked;
    let plain = |name: &str, kind, bound, room, soft| LimitRow {
        name: name.to_owned(),
        kind,
        bound,
        room,
        tight_room: room,
        soft,
    };
    rows.push(plain("budget", RowKind::Budget, Decimal::ZERO, free, None));
    rows.push(plain("cash_at_limit_prices", at_limit_prices(input), Decimal::ZERO, free, None));
    let buffer = input.policy.limits.cash_buffer.as_ref();
    let floor = buffer.map_or(Decimal::ZERO, |limit| limit.bound.get());
    let reachable = reachable_cash(portfolio, total, |_| true);
    if let Some(limit) = buffer {
        let floor = floor.min(reachable);
        let soft = softness(limit.soft.as_ref(), floor, Toward::Less);
        rows.push(plain("cash_buffer", RowKind::CashBuffer, floor, total - floor, soft));
    }
    if let Flow::Withdraw(amount) = input.flow {
        let goal = floor + amount.fraction_of(portfolio.net_asset_value).get();
        let soft = Some(Softness { priority: 0, most: None });
        rows.push(plain("withdraw", RowKind::Withdraw, goal, total - goal, soft));
    }
}

/// What cash (and, by `counts`, whatever is not asked to be sold) can become at most: everything but the immovable
/// part of the lines that count, less what a round trip costs with all of that but what is `kept` as it is.
fn reachable_cash(portfolio: &Portfolio<'_>, kept: Decimal, counts: impl Fn(&Line<'_>) -> bool) -> Decimal {
    let lines = portfolio.lines.iter().filter(|line| counts(line));
    let rest = Decimal::ONE - lines.map(|line| line.immovable(portfolio.net_asset_value)).sum::<Decimal>();
    let reachable = rest - (rest - kept) * portfolio.round_trip;
    // A quotient's last digit must not turn cash that nobody can add to into a limit that is missed.
    reachable.round_dp_with_strategy(20, RoundingStrategy::ToNegativeInfinity)
}

/// The cash that buffer and withdrawal ask for together.
fn cash_goal(input: &PlanningInput, portfolio: &Portfolio<'_>) -> Decimal {
    let buffer = input.policy.limits.cash_buffer.as_ref().map_or(Decimal::ZERO, |limit| limit.bound.get());
    match &input.flow {
        Flow::Withdraw(amount) => buffer + amount.fraction_of(portfolio.net_asset_value).get(),
        Flow::Full | Flow::DepositOnly => buffer,
    }
}

fn at_limit_prices(input: &PlanningInput) -> RowKind {
    let collar = input.policy.orders.collar.get();
    let Costs { fee, .. } = &input.policy.costs;
    RowKind::CashAtLimitPrices {
        buy: (Decimal::ONE + collar) * (Decimal::ONE + fee.get()),
        sell: (Decimal::ONE - collar) * (Decimal::ONE - fee.get()),
    }
}

/// Which way a bound gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Toward {
    Less,
    More,
}

/// A hard bound on the wrong side of the bound (a stable share below it for the regime of the day) leaves no room.
fn softness(soft: Option<&Soft>, bound: Decimal, toward: Toward) -> Option<Softness> {
    let room = |hard: Decimal| match toward {
        Toward::Less => (bound - hard).max(Decimal::ZERO),
        Toward::More => (hard - bound).max(Decimal::ZERO),
    };
    soft.map(|soft| Softness { priority: soft.priority, most: soft.hard_bound.map(|hard| room(hard.get())) })
}

fn exit_row(portfolio: &Portfolio<'_>, rows: &mut Vec<LimitRow>) {
    let exits = portfolio.lines.iter().filter(|line| line.role == Role::MustExit);
    let left: Decimal = exits.map(|line| line.exit_weight(portfolio.net_asset_value)).sum();
    if left > Decimal::ZERO {
        rows.push(LimitRow {
            name: "must_exit".to_owned(),
            kind: RowKind::MustExit,
            bound: Decimal::ZERO,
            room: -left,
            tight_room: -left,
            soft: Some(Softness { priority: 0, most: None }),
        });
    }
}

/// Turnover and the order control on the notional of a whole run: neither asks for a trade.
fn turnover_rows(input: &PlanningInput, portfolio: &Portfolio<'_>, rows: &mut Vec<LimitRow>) {
    // Every sell may be rounded up by a lot.
    let sellable = portfolio.lines.iter().filter(|line| line.sell_box > Decimal::ZERO);
    let rounding = sellable.map(Line::rounding).sum::<Decimal>();
    let mut add = |name: &str, kind, bound: Decimal, rounding: Decimal, soft| {
        let (room, tight_room) = (bound, (bound - rounding).max(Decimal::ZERO));
        rows.push(LimitRow { name: name.to_owned(), kind, bound, room, tight_room, soft });
    };
    if let Some(limit) = &input.policy.limits.turnover {
        let bound = limit.bound.get();
        let soft = softness(limit.soft.as_ref(), bound, Toward::More);
        add("turnover", RowKind::Turnover, bound, rounding / Decimal::TWO, soft);
    }
    // A run never sells more than all and buys more than all for it.
    let most = input.policy.orders.max_run_notional;
    if most < portfolio.net_asset_value + portfolio.net_asset_value {
        let most = most.fraction_of(portfolio.net_asset_value).get();
        add("max_run_notional", RowKind::RunNotional, most, rounding, None);
    }
}

fn stable_row(input: &PlanningInput, portfolio: &Portfolio<'_>, regime: &Regime, rows: &mut Vec<LimitRow>) {
    let share = regime.stable_share.get();
    if share.is_zero() {
        return;
    }
    let (mut legs, mut lots) = (Decimal::ZERO, Decimal::ZERO);
    for line in portfolio.lines.iter().filter(|line| line.role == Role::StableLeg) {
        legs += line.weight;
        lots += line.rounding();
    }
    let cash = portfolio.cash_free + portfolio.cash_locked;
    // Legs are kept, but for what must be sold to raise cash.
    let missing = (cash_goal(input, portfolio) - cash).max(Decimal::ZERO);
    let kept = (legs + cash - missing).max(Decimal::ZERO);
    let share = share.min(reachable_cash(portfolio, kept, |line| line.role != Role::StableLeg));
    let room = legs + cash - share;
    rows.push(LimitRow {
        name: "stable_share".to_owned(),
        kind: RowKind::StableShare,
        bound: share,
        room,
        // A leg sold by a lot more only turns into cash, but for what that costs.
        tight_room: tightened(room, lots * portfolio.round_trip),
        soft: softness(input.policy.limits.stable_share.as_ref(), share, Toward::Less),
    });
}

fn category_rows(input: &PlanningInput, portfolio: &Portfolio<'_>, rows: &mut Vec<LimitRow>) {
    for limit in &input.policy.limits.categories {
        let (mut weight, mut lots, mut immovable) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        let mut sellable = Decimal::ZERO;
        for line in portfolio.lines.iter().filter(|line| line.categories().contains(&limit.category)) {
            weight += line.weight;
            lots += line.rounding();
            immovable += line.immovable(portfolio.net_asset_value);
            sellable += line.sell_box;
        }
        if let Some(most) = limit.max_weight.map(Weight::get) {
            let most = most.max(immovable);
            rows.push(LimitRow {
                name: format!("category_max({})", limit.category),
                kind: RowKind::CategoryMax(limit.category.clone()),
                bound: most,
                room: most - weight,
                tight_room: tightened_by_sales(most - weight, most * portfolio.round_trip, sellable),
                soft: softness(limit.soft.as_ref(), most, Toward::More),
            });
        }
        if let Some(least) = limit.min_weight.map(Weight::get) {
            rows.push(LimitRow {
                name: format!("category_min({})", limit.category),
                kind: RowKind::CategoryMin(limit.category.clone()),
                bound: least,
                room: weight - least,
                tight_room: tightened(weight - least, lots),
                soft: softness(limit.soft.as_ref(), least, Toward::Less),
            });
        }
    }
}

fn max_weight_rows(input: &PlanningInput, portfolio: &Portfolio<'_>, rows: &mut Vec<LimitRow>) {
    for (index, line) in portfolio.lines.iter().enumerate() {
        let Some(cap) = max_weight(input, line) else { continue };
        let cap = cap.max(line.immovable(portfolio.net_asset_value));
        if line.weight <= cap {
            continue;
        }
        rows.push(LimitRow {
            name: format!("max_weight({})", line.asset),
            kind: RowKind::MaxWeight(index),
            bound: cap,
            room: cap - line.weight,
            tight_room: tightened_by_sales(cap - line.weight, cap * portfolio.round_trip, line.sell_box),
            soft: softness(
                input.policy.limits.max_weight.as_ref().and_then(|limit| limit.soft.as_ref()),
                cap,
                Toward::More,
            ),
        });
    }
}

fn risk_row(input: &PlanningInput, portfolio: &Portfolio<'_>, risk: Option<&TailRisk>, rows: &mut Vec<LimitRow>) {
    let (Some(rule), Some(risk)) = (&input.policy.limits.risk, risk) else { return };
    let Some(bound) = rule.bound else { return };
    let bound = bound.get().max(immovable(risk, portfolio));
    let room = bound - risk.before;
    // A lot less of what gains in the tail is a little more risk, and so is every weight once costs are paid.
    let lots = portfolio.lines.iter().zip(0..).map(|(line, index)| line.lot * risk.best(index)).sum::<Decimal>();
    rows.push(LimitRow {
        name: "risk".to_owned(),
        kind: RowKind::Risk,
        bound,
        room,
        tight_room: tightened(room, lots + bound * portfolio.round_trip),
        soft: softness(rule.soft.as_ref(), bound, Toward::More),
    });
}

/// Less room by `by`, but never so little that a limit that holds untraded would force a trade.
fn tightened(room: Decimal, by: Decimal) -> Decimal {
    if room >= Decimal::ZERO { (room - by).max(Decimal::ZERO) } else { room - by }
}

/// The same, and no further than all sales together can bring it: one row out of reach would cost all others their room.
fn tightened_by_sales(room: Decimal, by: Decimal, sellable: Decimal) -> Decimal {
    tightened(room, by).max(room.min(SOLVER_NOISE - sellable))
}

/// The line's room below its cap for buys, less the cost of a round trip.
pub(crate) fn tight_buy_box(input: &PlanningInput, portfolio: &Portfolio<'_>, line: &Line<'_>) -> Decimal {
    let Some(cap) = max_weight(input, line) else { return line.buy_box };
    line.buy_box.min((cap * (Decimal::ONE - portfolio.round_trip) - line.weight).max(Decimal::ZERO))
}

/// The same, but all that may be bought where the room would take one of its whole lots.
pub(crate) fn whole_buy_box(input: &PlanningInput, portfolio: &Portfolio<'_>, line: &Line<'_>) -> Decimal {
    let tight = tight_buy_box(input, portfolio, line);
    let takes_a_lot = floor_to_step(tight, line.lot) < floor_to_step(line.buy_box, line.lot);
    if line.whole_lots && takes_a_lot { line.buy_box } else { tight }
}
