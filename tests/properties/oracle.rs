//! The allocation program written down once more, in the plainest way: weight, buy and sell of every asset with a row
//! each, costs by pieces, tracking as the largest of its tangents; then asked by another solver.
//!
//! It is built from the tests' own books and the definitions in the planner's documentation, from none of its code.

use std::collections::BTreeMap;

use index_rebalancer::model::policy::{BandKind, OnBreach};
use index_rebalancer::model::{Decimal, Money};
use index_rebalancer::planning::RebalancePlan;
use index_rebalancer::planning::idempotency::digest_of;
use index_rebalancer::planning::plan::Role;
use rust_decimal::prelude::ToPrimitive;

use crate::books::{Books, Line, dearest_rate, whole_lots};
use crate::limits::{Kind, Limit, limits};
use crate::linear_program::{Answer, LinearProgram, Term};

/// Slopes of the tracking term, each from this distance on, in parts of the reference weight.
const TRACKING: [(f64, f64); 5] = [(0.0, 1.0), (0.1, 1.25), (0.25, 1.5), (0.5, 1.75), (0.75, 2.0)];

/// The program of one run.
#[derive(Debug)]
pub(crate) struct Oracle<'a> {
    books: &'a Books<'a>,
    pub(crate) limits: Vec<Limit>,
    /// Where tracking pulls each line to.
    targets: Vec<f64>,
    cash_reference: f64,
}

/// How far a limit may go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Room {
    /// Its bound and this much more.
    Fixed(f64),
    /// Anything up to this much, at no price.
    Free(f64),
    /// The same, and all limits of the family together no further than `total`, however they share it.
    Shared { most: f64, total: f64 },
    /// Anything up to this much, and this is what is to be least.
    Minimised(f64),
}

/// The variables of one line.
struct Variables {
    weight: usize,
    buy: usize,
    sell: usize,
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(books: &'a Books<'a>, plan: &RebalancePlan) -> Self {
        let targets = books.lines.iter().map(|line| float(target(books, plan, line))).collect();
        let limits = limits(books).into_iter().filter(|limit| asks_for_trades(books, limit)).collect();
        Self { books, limits, targets, cash_reference: float(plan.cash.reference_weight.get()) }
    }

    /// The furthest a limit may go: its hard bound, and for what the portfolio is (turnover is what it does) what doing
    /// nothing would break. No trade makes a broken limit worse.
    pub(crate) fn furthest(&self, limit: &Limit) -> f64 {
        let Some(softness) = limit.softness else { return 0.0 };
        let most = softness.most.map_or(10.0, float);
        if limit.kind == Kind::Turnover { most } else { most.min(float(limit.excess(self.books, false)).max(0.0)) }
    }

    /// The least total by which the minimised limits must give way.
    pub(crate) fn least(&self, room: &dyn Fn(&Limit) -> Room) -> Answer {
        let (mut program, slacks) = self.formulate(room, None);
        let terms: Vec<Term> = slacks.into_iter().map(|slack| (slack, 1.0)).collect();
        program.minimise_only(&terms);
        program.solve()
    }

    /// By how much every limit must be exceeded, besides its room, to meet them all: 0 where they can be met.
    pub(crate) fn shortfall(&self, room: &dyn Fn(&Limit) -> Room) -> Answer {
        let (program, _) = self.formulate(room, Some(()));
        program.solve()
    }

    /// The best objective with every limit at its bound; negated, as every answer is a minimum.
    pub(crate) fn best(&self) -> Answer {
        self.best_within(&|_| Room::Fixed(0.0))
    }

    /// The same with limits given way.
    pub(crate) fn best_within(&self, room: &dyn Fn(&Limit) -> Room) -> Answer {
        self.formulate(room, None).0.solve()
    }

    fn formulate(&self, room: &dyn Fn(&Limit) -> Room, common: Option<()>) -> (LinearProgram, Vec<usize>) {
        let books = self.books;
        let objective = &books.input.policy.objective;
        let (tilt, tracking) = (float(objective.grade_tilt.get()), float(objective.tracking_aversion.get()));
        let mut program = LinearProgram::default();
        let mut lines: Vec<Variables> = Vec::new();
        // Cash, total and free, is what it was, plus sells, less buys and costs.
        let cash = program.variable(0.0);
        let mut spent: Vec<Term> = vec![(cash, 1.0)];
        let mut at_limit_prices: Vec<Term> = Vec::new();
        let mut invested: Vec<Term> = Vec::new();
        let worst = WorstPrices::of(books);
        for (line, target) in books.lines.iter().zip(&self.targets) {
            let score = float(books.score(line));
            let (weight, bought, sold) =
                (program.variable(-tilt * score), program.variable(0.0), program.variable(0.0));
            program.equal(vec![(weight, 1.0), (bought, -1.0), (sold, 1.0)], float(books.weight_before(line)));
            for (trade, most, sign) in
                [(bought, most_bought(books, line), 1.0), (sold, books.weight(books.most_sold(line)), -1.0)]
            {
                program.at_most(vec![(trade, 1.0)], float(most));
                let mut whole: Vec<Term> = vec![(trade, -1.0)];
                for (width, rate) in cost_pieces(books, line) {
                    let piece = program.boxed(width, float(objective.cost_aversion.get()) * rate);
                    whole.push((piece, 1.0));
                    spent.push((piece, rate));
                }
                program.equal(whole, 0.0);
                spent.push((trade, sign));
            }
            at_limit_prices.extend([(bought, worst.buy), (sold, -worst.sell)]);
            invested.push((weight, 1.0));
            if tracking > 0.0 {
                let (held, reference) = (float(books.weight_before(line)), float(line.reference));
                add_loss(&mut program, weight, &tangents(*target, reference), tracking);
                add_loss(&mut program, weight, &moving_away(held, *target), tracking);
            }
            lines.push(Variables { weight, buy: bought, sell: sold });
        }
        let (total, free) = (float(books.weight(books.cash_before())), float(free_cash(books)));
        program.equal(spent, total);
        program.at_least(vec![(cash, 1.0)], total - free);
        program.at_most(at_limit_prices, free);
        if tracking > 0.0 {
            // What is neither invested nor meant to be cash.
            let idle = program.not_negative(tracking);
            invested.push((idle, 1.0));
            program.at_least(invested, 1.0 - self.cash_reference);
        }
        let common = common.map(|()| {
            program.minimise_only(&[]);
            program.not_negative(1.0)
        });
        let slacks = self.add_limits(&mut program, &lines, cash, common, room);
        (program, slacks)
    }

    fn add_limits(
        &self,
        program: &mut LinearProgram,
        lines: &[Variables],
        cash: usize,
        common: Option<usize>,
        room: &dyn Fn(&Limit) -> Room,
    ) -> Vec<usize> {
        let mut minimised = Vec::new();
        let mut shared: BTreeMap<&str, (Vec<Term>, f64)> = BTreeMap::new();
        for limit in &self.limits {
            let (mut terms, bound) = self.row(limit, lines, cash);
            let fixed = match room(limit) {
                Room::Fixed(amount) => amount,
                Room::Free(most) => {
                    terms.push((program.boxed(most, 0.0), -1.0));
                    0.0
                }
                Room::Shared { most, total } => {
                    let slack = program.boxed(most, 0.0);
                    shared.entry(&limit.family).or_insert((Vec::new(), total)).0.push((slack, 1.0));
                    terms.push((slack, -1.0));
                    0.0
                }
                Room::Minimised(most) => {
                    let slack = program.boxed(most, 0.0);
                    minimised.push(slack);
                    terms.push((slack, -1.0));
                    0.0
                }
            };
            terms.extend(common.map(|common| (common, -1.0)));
            program.at_most(terms, bound + fixed);
        }
        for (slacks, total) in shared.into_values() {
            program.at_most(slacks, total);
        }
        minimised
    }

    /// A limit as `Σ terms ≤ bound`.
    fn row(&self, limit: &Limit, lines: &[Variables], cash: usize) -> (Vec<Term>, f64) {
        let bound = float(limit.bound);
        let pairs = || self.books.lines.iter().zip(lines);
        let weights = |included: &dyn Fn(&Line<'_>) -> bool, sign: f64| -> Vec<Term> {
            pairs().filter(|(line, _)| included(line)).map(|(_, variables)| (variables.weight, sign)).collect()
        };
        match &limit.kind {
            Kind::CashAtLeast => (vec![(cash, -1.0)], -bound),
            Kind::Turnover => {
                (pairs().flat_map(|(_, variables)| [(variables.buy, 0.5), (variables.sell, 0.5)]).collect(), bound)
            }
            Kind::CategoryAtMost(category) => (weights(&|line| line.has_category(category), 1.0), bound),
            Kind::CategoryAtLeast(category) => (weights(&|line| line.has_category(category), -1.0), -bound),
            Kind::StableShare => {
                let mut terms = weights(&|line| line.role == Role::StableLeg, -1.0);
                terms.push((cash, -1.0));
                (terms, -bound)
            }
            Kind::MaxWeight(index) => (vec![(lines[*index].weight, 1.0)], bound),
            Kind::MustExit => {
                let exits = || pairs().filter(|(line, _)| line.role == Role::MustExit);
                let left: Decimal = exits().map(|(line, _)| self.books.sellable(line) * line.price()).sum();
                (exits().map(|(_, variables)| (variables.sell, -1.0)).collect(), bound - float(self.books.weight(left)))
            }
        }
    }

    /// The objective of the books as the orders leave them.
    pub(crate) fn value(&self) -> f64 {
        let books = self.books;
        let objective = &books.input.policy.objective;
        let (tilt, tracking) = (float(objective.grade_tilt.get()), float(objective.tracking_aversion.get()));
        let mut value = -float(objective.cost_aversion.get()) * float(books.weight(books.total_cost()));
        let mut idle = 1.0 - self.cash_reference;
        for (line, target) in books.lines.iter().zip(&self.targets) {
            let weight = float(books.weight_after(line));
            value += tilt * float(books.score(line)) * weight;
            let (held, reference) = (float(books.weight_before(line)), float(line.reference));
            let steepest = |tangents: &[(f64, f64)]| {
                tangents.iter().map(|(slope, less)| slope * weight - less).fold(0.0, f64::max)
            };
            value -= tracking * steepest(&tangents(*target, reference));
            value -= tracking * steepest(&moving_away(held, *target));
            idle -= weight;
        }
        value - tracking * idle.max(0.0)
    }
}

impl Oracle<'_> {
    /// What a unit of weight is worth at most: its tilt, three times its tracking on either side of a trade, and its cost.
    fn worth_of_a_unit(&self) -> f64 {
        let objective = &self.books.input.policy.objective;
        let dearest = float(dearest_rate(&self.books.input.policy.costs));
        float(objective.grade_tilt.get())
            + 6.0 * float(objective.tracking_aversion.get())
            + 2.0 * float(objective.cost_aversion.get()) * dearest
    }

    /// What a lot of every line may be worth at most: trades end at whole lots here.
    pub(crate) fn worth_of_lots(&self) -> f64 {
        let lots: Decimal = self.books.lines.iter().map(Books::lot).sum();
        self.worth_of_a_unit() * float(self.books.weight(lots))
    }

    /// What lots, minimums and the room kept for them may cost at most: a unit of weight is worth no more than its
    /// tilt, three times its tracking on either side of a trade and its cost; and each line may be off by a lot and a
    /// smallest order and by what paying for a round trip moves it, each cap and category's most by the same.
    pub(crate) fn worth_of_rounding(&self) -> f64 {
        let books = self.books;
        let dearest = float(dearest_rate(&books.input.policy.costs));
        let unit = self.worth_of_a_unit();
        let lots: Decimal = books.lines.iter().map(|line| Books::lot(line) + books.smallest_order(line)).sum();
        let caps: Decimal = books.lines.iter().filter_map(|line| books.cap(line)).sum();
        let mosts = self.limits.iter().filter(|limit| matches!(limit.kind, Kind::CategoryAtMost(_)));
        let mosts: Decimal = mosts.map(|limit| limit.bound).sum();
        let lines: Decimal = books.lines.iter().map(|line| books.weight_before(line).max(line.reference)).sum();
        unit * (float(books.weight(lots)) + 2.0 * dearest * float(caps + mosts + lines) + 1e-6)
    }
}

pub(crate) fn float(value: Decimal) -> f64 {
    value.to_f64().expect("a decimal is a finite number")
}

/// A cap asks for trades only where it is broken; where it is not, it bounds what is bought.
fn asks_for_trades(books: &Books<'_>, limit: &Limit) -> bool {
    !matches!(limit.kind, Kind::MaxWeight(_)) || limit.excess(books, false) > Decimal::ZERO
}

fn free_cash(books: &Books<'_>) -> Decimal {
    books.weight(books.input.account.cash_free.get())
}

/// What a buy takes and a sell brings when it fills at its limit price, fees paid.
struct WorstPrices {
    buy: f64,
    sell: f64,
}

impl WorstPrices {
    fn of(books: &Books<'_>) -> Self {
        let (collar, fee) = (books.input.policy.orders.collar.get(), books.input.policy.costs.fee.get());
        let one = Decimal::ONE;
        Self { buy: float((one + collar) * (one + fee)), sell: float((one - collar) * (one - fee)) }
    }
}

fn most_bought(books: &Books<'_>, line: &Line<'_>) -> Decimal {
    if !books.buyable(line) {
        return Decimal::ZERO;
    }
    let room = books.cap(line).map_or(Decimal::ONE, |cap| cap - books.weight_before(line));
    let units = room.clamp(Decimal::ZERO, Decimal::ONE) * books.net_asset_value / line.price();
    let units = books.most_units(line).map_or(units, |most| most.min(units));
    let lot = line.record.listing.as_ref().map_or(Decimal::ZERO, |listing| listing.lot_size.get());
    books.weight(whole_lots(units, lot) * line.price())
}

/// Width and rate of each piece of the cost curve, in net asset value; the last has room for everything.
fn cost_pieces(books: &Books<'_>, line: &Line<'_>) -> Vec<(f64, f64)> {
    let costs = &books.input.policy.costs;
    let base = costs.fee.get() + costs.half_spread.get();
    let everything = (2.0, float(dearest_rate(costs)));
    let Some(volume) = line.record.average_daily_volume.map(Money::get) else { return vec![everything] };
    let mut from = Decimal::ZERO;
    let mut pieces = Vec::new();
    for piece in costs.impact.iter().rev().skip(1).rev() {
        let to = books.weight(piece.up_to.get() * volume);
        pieces.push((float(to - from), float(base + piece.cost.get())));
        from = to;
    }
    pieces.push(everything);
    pieces
}

/// The tangents of the tracking term as `slope · weight − offset`: it is nothing at the target, one per unit from there
/// to the reference, and beyond either, on its side, as steep as the distance from the reference makes it.
fn tangents(target: f64, reference: f64) -> Vec<(f64, f64)> {
    if reference == 0.0 {
        return vec![(1.0, target), (-1.0, -target)];
    }
    let (mut offset, mut slope) = (0.0, 0.0);
    let mut from_reference = Vec::new();
    for (from, steeper) in TRACKING {
        offset += (steeper - slope) * from * reference;
        slope = steeper;
        from_reference.push((slope, offset));
    }
    let gap = (target - reference).abs();
    let to_target = from_reference.iter().map(|(slope, less)| slope * gap - less).fold(0.0, f64::max);
    // On the target's side the way from the reference to it is free; on the other side it comes on top.
    let mut tangents = Vec::new();
    for (slope, less) in from_reference {
        let (above, below) = if target >= reference { (to_target, -gap) } else { (-gap, to_target) };
        tangents.push((slope, slope * reference + less + above));
        tangents.push((-slope, -slope * reference + less + below));
    }
    tangents
}

/// What leads away from the target, or across it, counts once more.
fn moving_away(held: f64, target: f64) -> [(f64, f64); 2] {
    [(1.0, held.max(target)), (-1.0, -held.min(target))]
}

/// A variable that is at least every tangent.
fn add_loss(program: &mut LinearProgram, weight: usize, tangents: &[(f64, f64)], price: f64) {
    let loss = program.not_negative(price);
    for (slope, offset) in tangents {
        program.at_most(vec![(weight, *slope), (loss, -1.0)], *offset);
    }
}

/// Where tracking pulls a line to: its reference weight; the weight it has where the cost of a round trip is all that
/// lies between; the edge of its band where the policy goes no further and nothing has changed.
fn target(books: &Books<'_>, plan: &RebalancePlan, line: &Line<'_>) -> Decimal {
    let (weight, reference) = (books.weight_before(line), line.reference);
    let gap = (weight - reference).abs();
    if gap <= reference * dearest_rate(&books.input.policy.costs) * Decimal::TWO {
        return weight;
    }
    let rule = &books.input.policy.drift_band;
    if rule.on_breach == OnBreach::ToTarget || has_changed(books, plan) {
        return reference;
    }
    let width = rule.width.map_or(Decimal::ZERO, index_rebalancer::model::Weight::get);
    let width = match rule.kind {
        BandKind::None => return reference,
        BandKind::Absolute => width,
        BandKind::Relative => width * reference,
        BandKind::FiveTwentyFive if reference >= Decimal::new(2, 1) => Decimal::new(5, 2),
        BandKind::FiveTwentyFive => reference * Decimal::new(25, 2),
    };
    if gap <= width {
        weight
    } else if weight > reference {
        reference + width
    } else {
        reference - width
    }
}

/// Whether membership, regime or policy differ from the last settled run's.
pub(crate) fn has_changed(books: &Books<'_>, plan: &RebalancePlan) -> bool {
    let state = &books.input.state;
    let digest = digest_of(&books.input.policy);
    plan.next_state.members != state.members
        || plan.regime.changed
        || state.policy_digest.as_ref().is_some_and(|before| *before != digest)
}
