//! Plan, fill at unchanged prices, plan again: it comes to rest, gets no worse on the way and never changes its mind.

use std::collections::{BTreeMap, BTreeSet};

use index_rebalancer::model::{AssetId, Decimal, Flow, Money, PlanningInput, Side, Weight};
use index_rebalancer::planning::plan::{Position, Role};
use index_rebalancer::planning::{Conflict, PlanError, RebalancePlan, plan};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use rust_decimal::prelude::ToPrimitive;

use crate::SOLVER_NOISE;
use crate::books::{Books, Line, dearest_rate};
use crate::harness::{Tally, check};
use crate::limits::{self, Kind, Limit};
use crate::oracle::Oracle;

/// Rounds beyond what the limits on trading explain: one that finds nothing to do, one for what rounding left.
const SPARE_ROUNDS: u32 = 2;

/// No account is followed for longer.
const FOLLOWED_ROUNDS: u32 = 30;

#[test]
fn replanning_after_full_fills_comes_to_rest() {
    check("replanning_after_full_fills_comes_to_rest", |input, tally| {
        // A withdrawal is asked for once; what is drawn out is gone when the next run looks.
        let flow = if matches!(input.flow, Flow::Withdraw(_)) { Flow::Full } else { input.flow.clone() };
        let input = PlanningInput { flow, ..input.clone() };
        let Some(first) = tally.plan(&input)? else { return Ok(()) };
        come_to_rest(&input, first, tally)
    });
}

fn come_to_rest(input: &PlanningInput, first: RebalancePlan, tally: &Tally) -> TestCaseResult {
    let explained = rounds_explained(input, &first);
    let mut sides: BTreeMap<AssetId, (Side, bool)> = BTreeMap::new();
    let (mut input, mut plan_now) = (input.clone(), first);
    let objective = &input.policy.objective;
    let tilts = objective.grade_tilt > objective.tracking_aversion;
    let mut rounds = 0;
    let mut last_traded = Decimal::ZERO;
    while !plan_now.orders.is_empty() {
        if rounds > 0 && only_follows_the_value(&input, &plan_now, last_traded) {
            tally.note("at rest, but for what costs do to a limit in fractions of the value");
            return Ok(());
        }
        rounds += 1;
        if rounds > FOLLOWED_ROUNDS && rounds <= explained {
            tally.note("still on its way, as its limits explain, when no longer followed");
            return Ok(());
        }
        prop_assert!(rounds <= explained, "round {rounds} trades {:?}; {explained} are explained", traded(&plan_now));
        for order in &plan_now.orders {
            let position = plan_now.positions.iter().find(|position| position.asset == order.asset);
            let forced = position.is_some_and(|position| is_forced(order.side, position));
            let before = sides.insert(order.asset.clone(), (order.side, forced));
            let Some((side, was_forced)) = before.filter(|(side, _)| *side != order.side) else { continue };
            // A tilt buys the second best while the best is not to be had; a tracker never does. What a limit forces
            // out or in, because what should have gone was not to be sold yet, may come back.
            prop_assert!(
                tilts || forced || was_forced,
                "{} goes the other way in round {rounds} after {side:?}",
                order.asset
            );
            tally.note(if forced || was_forced { "a limit turned a trade round" } else { "a tilt changed its mind" });
        }
        gets_no_worse(&input, &plan_now, rounds)?;
        let books = Books::of(&input, &plan_now);
        last_traded = books.traded();
        let lots = books.lines.iter().map(|line| Books::lot(line).max(books.smallest_order(line))).sum();
        let lots = books.weight(lots);
        input.account = books.filled();
        input.state = plan_now.next_state.clone();
        plan_now = match plan(&input) {
            Ok(plan) => plan,
            Err(PlanError::EmptyUniverse { .. }) => {
                tally.note("nothing eligible is left once the rest is sold");
                return Ok(());
            }
            Err(PlanError::Conflict(conflict)) if is_narrow(&input, &conflict, lots) => {
                tally.note("hard limits so close that costs or whole lots make them conflict");
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(format!("after round {rounds}: {error}"))),
        };
    }
    tally.note(match rounds {
        0 => "no orders at all",
        1 => "at rest after one round",
        2..=5 => "at rest after 2 to 5 rounds",
        _ => "at rest after more rounds",
    });
    tally.largest("rounds", f64::from(rounds));
    Ok(())
}

/// A trade that ends on the far side of the reference weight is not made to come nearer to it: a limit asks for it.
fn is_forced(side: Side, position: &Position) -> bool {
    match side {
        Side::Buy => position.weight_after > position.reference_weight,
        Side::Sell => position.weight_after < position.reference_weight,
    }
}

/// A limit is broken again only because costs made the value smaller that it is a fraction of (and the part of it that
/// nobody can move, larger), or a cap was filled to the last for it, or what was kept for the costs of raising cash was
/// spent: no trade is larger than what three round trips with its position, or with all that the last round traded,
/// cost: one for the value, one for the room that is kept, one for what the others move; and what the last round kept
/// back because its buys were paid for at their limit prices. Costs may also bring the stable share out of reach: from
/// then on it stops at what can be reached once cash is raised, and the legs are sold for what cash is short of.
fn only_follows_the_value(input: &PlanningInput, plan: &RebalancePlan, last_traded: Decimal) -> bool {
    let noise = dearest_rate(&input.policy.costs) * Decimal::from(6) + input.policy.orders.collar.get();
    let (opened, books) = (Books::opened(input, plan), Books::of(input, plan));
    let limits = limits::limits(&opened);
    let is_broken = limits.iter().any(|limit| limit.excess(&opened, false) > Decimal::ZERO);
    let is_out_of_reach = |limit: &Limit| limit.kind == Kind::StableShare && limit.bound < opened.stable_share;
    let short = limits.iter().filter(|limit| limit.kind == Kind::CashAtLeast).map(|limit| limit.excess(&opened, false));
    let raised = match short.max().filter(|_| limits.iter().any(is_out_of_reach)) {
        Some(short) => short * opened.net_asset_value * (Decimal::ONE + noise),
        None => Decimal::ZERO,
    };
    let freed = |line: &Line<'_>| if line.role == Role::StableLeg { raised } else { Decimal::ZERO };
    let size = |line: &Line<'_>| (line.held.max(line.after()) * line.price()).max(last_traded);
    let mut traded = books.lines.iter().filter(|line| !line.traded().is_zero());
    is_broken && traded.all(|line| line.traded() <= size(line) * noise + freed(line))
}

fn traded(plan: &RebalancePlan) -> BTreeSet<String> {
    plan.orders.iter().map(|order| format!("{} {:?} {}", order.asset, order.side, order.notional)).collect()
}

/// Moving one limit by what two round trips cost, and by a smallest order of everything, would end the conflict.
fn is_narrow(input: &PlanningInput, conflict: &Conflict, lots: Decimal) -> bool {
    let noise = dearest_rate(&input.policy.costs) * Decimal::from(4) + lots;
    conflict.repairs.iter().any(|repair| (repair.from - repair.to).abs() <= noise)
}

/// One round where nothing held the first one back: neither turnover, nor what one order may be (participation, the
/// venue's largest), nor cash at limit prices (of what is exchanged, each run can only do as much as the cash it keeps
/// covers between the limit prices of both sides), nor impact that gets dearer with an order's size and begins anew in
/// each run. Else as many as these need, all of them, for everything that could have to be traded. Where lots are so coarse, or the collar so wide, that
/// they leave more cash than the least turnover worth a run, what is left is spent in the rounds to spare.
fn rounds_explained(input: &PlanningInput, first: &RebalancePlan) -> u32 {
    let books = Books::of(input, first);
    let noise = SOLVER_NOISE * books.net_asset_value;
    let small = |line: &Line<'_>| Books::lot(line) + books.smallest_order(line) + noise;
    let impact = &input.policy.costs.impact;
    let stops_at = |line: &Line<'_>| -> Vec<Decimal> {
        let volume = line.record.average_daily_volume.into_iter().map(Money::get);
        let dearer = volume.flat_map(|volume| impact.iter().rev().skip(1).map(move |piece| piece.up_to.get() * volume));
        dearer.chain(books.most_units(line).map(|most| most * line.price())).collect()
    };
    let lots: Decimal = books.lines.iter().map(small).sum();
    // A sale that moves no more than a round trip costs is left out, and what it was to pay for.
    let left_out = dearest_rate(&input.policy.costs) * Decimal::TWO + SOLVER_NOISE;
    let turnover = limits::limits(&books).into_iter().find(|limit| limit.kind == Kind::Turnover);
    let throttled = |line: &Line<'_>| {
        let traded = line.traded() + small(line) + left_out * books.net_asset_value;
        stops_at(line).into_iter().any(|most| traded >= most)
    };
    let collar = input.policy.orders.collar.get();
    let exchanges = [Side::Buy, Side::Sell].iter().all(|side| first.orders.iter().any(|order| order.side == *side));
    let is_short_at_limits = exchanges && books.cash_after() - collar * books.traded() <= lots;
    let held_back = books.lines.iter().filter(|line| !line.traded().is_zero()).any(throttled)
        || turnover
            .as_ref()
            .is_some_and(|limit| limit.excess(&books, true) + books.weight(lots) + left_out >= Decimal::ZERO)
        || is_short_at_limits;
    let derived = collar + dearest_rate(&input.policy.costs);
    let least_turnover = input.policy.orders.min_turnover.map_or(derived, Weight::get);
    let coarse = books.weight(lots).max(collar) / Decimal::TWO > least_turnover;
    // A deposit-only run has no least turnover: each spends what the collar made the last one keep back.
    let of_deposit = if input.flow == Flow::DepositOnly { remainders(&books, collar) } else { 0 };
    if !held_back {
        return 1 + of_deposit + if coarse { SPARE_ROUNDS } else { 0 };
    }
    let by_orders = books.lines.iter().flat_map(|line| {
        let need = (line.held * line.price()).max(books.net_asset_value);
        stops_at(line).into_iter().map(move |most| (need / most.max(Decimal::new(1, 9))).ceil())
    });
    let by_turnover = turnover.map(|limit| (Decimal::TWO / limit.bound.max(Decimal::new(1, 9))).ceil());
    let by_limit_prices = (Decimal::TWO * collar / books.weight(books.cash_after()).max(Decimal::new(1, 9))).ceil();
    let by_limit_prices = Some(by_limit_prices).filter(|_| is_short_at_limits);
    let most = by_orders.max().into_iter().chain(by_turnover).chain(by_limit_prices).sum::<Decimal>();
    1 + SPARE_ROUNDS + of_deposit + most.to_u32().unwrap_or(u32::MAX / 2)
}

/// How often a part of the value, and a part of that again, is still worth an order; and how many orders it takes to spend what
/// is left on the asset of which one run may buy least, of those that are to be more.
fn remainders(books: &Books<'_>, part: Decimal) -> u32 {
    let orders = books.lines.iter().map(|line| books.smallest_order(line).max(Books::lot(line)));
    let least = orders.min().unwrap_or(Decimal::ONE);
    let mut left = books.net_asset_value * part;
    let mut times = 0;
    while left >= least && times < FOLLOWED_ROUNDS {
        left *= part;
        times += 1;
    }
    let least =
        books.lines.iter().filter(|line| books.buyable(line) && books.weight_before(line) < line.reference).filter_map(
            |line| {
                let most = books.most_units(line)? * line.price();
                Some(most).filter(|most| *most >= books.smallest_order(line).max(Books::lot(line)))
            },
        );
    let spent = least.min().map_or(Decimal::ZERO, |least| (books.cash_after() / least.max(Decimal::new(1, 9))).ceil());
    times + spent.to_u32().unwrap_or(u32::MAX / 4)
}

/// What the orders do is worth its cost, unless a limit asks for it.
fn gets_no_worse(input: &PlanningInput, plan: &RebalancePlan, round: u32) -> TestCaseResult {
    let (opened, filled) = (Books::opened(input, plan), Books::of(input, plan));
    if limits::limits(&opened).iter().any(|limit| limit.excess(&opened, false) > Decimal::ZERO) {
        return Ok(());
    }
    let (before, after) = (Oracle::new(&opened, plan), Oracle::new(&filled, plan));
    let rounding = after.worth_of_rounding();
    let costs = dearest_rate(&input.policy.costs).to_f64().unwrap_or(f64::MAX);
    let (before, after) = (before.value(), after.value());
    prop_assert!(after >= before - rounding.min(costs), "round {round} takes the portfolio from {before} to {after}");
    Ok(())
}
