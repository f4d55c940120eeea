//! Limits on holdings as wholes, and whole lots: drawn policies get them besides their own limits.

use index_rebalancer::model::policy::IntegerPolicy;
use index_rebalancer::model::{Decimal, ListingStatus, Money, PlanningInput, Quantity, Weight};
use index_rebalancer::planning::idempotency::digest_of;
use index_rebalancer::planning::plan::{LimitCheck, Role, Sense};
use index_rebalancer::planning::verification::verify;
use index_rebalancer::planning::{PlanError, plan};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use rust_decimal::prelude::ToPrimitive;

use crate::books::{Books, Line};
use crate::harness::Tally;
use crate::tail_risk::check_with_risk;

/// What a solver calls met.
const NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// The same input under limits on wholes, as its digest has it: so that a failing input alone says which.
fn limited(input: &PlanningInput) -> PlanningInput {
    let digits: Vec<u32> = digest_of(input).chars().filter_map(|digit| digit.to_digit(16)).collect();
    let mut input = input.clone();
    let limits = &mut input.policy.limits;
    let per_mille = |count: u32| Weight::new(Decimal::new(i64::from(count), 3)).expect("a weight");
    if digits[0] < 11 {
        let caps = limits.max_weight.iter().map(|cap| cap.bound).chain(limits.max_weight_of.values().copied());
        let least = caps.filter(|cap| !cap.is_zero()).min();
        let wanted = per_mille(1 + digits[1] * digits[2] / 2);
        limits.min_weight = least.is_none_or(|cap| wanted < cap).then_some(wanted);
    }
    if digits[3] < 11 {
        limits.max_holdings = Some(1 + digits[4]);
    }
    let lot = if digits[5] < 8 { digits[6] * digits[6] } else { 1000 };
    input.policy.integers = Some(IntegerPolicy {
        max_nodes: Some(1000),
        whole_lots_above: Some(per_mille(lot)),
        ..IntegerPolicy::default()
    });
    input
}

/// Worth an order that the venue would take; anything of what it does not trade.
fn is_held(line: &Line<'_>, units: Decimal) -> bool {
    let listing = line.record.listing.as_ref().filter(|listing| listing.status == ListingStatus::Trading);
    let worth = units * line.record.price.get();
    let least = listing.map_or(Decimal::ZERO, |listing| {
        let units = listing.lot_size.max(listing.min_quantity);
        line.record.price.value_of(units).max(listing.min_notional).get().max(Decimal::new(1, 6))
    });
    units > Decimal::ZERO && worth >= least
}

/// The most that one run may trade of an asset, in units.
fn most_per_run(books: &Books<'_>, line: &Line<'_>) -> Decimal {
    let price = line.record.price.get();
    let by_notional = books.input.policy.orders.max_order_notional.get().checked_div(price).unwrap_or(Decimal::MAX);
    let by_venue = line.record.listing.as_ref().and_then(|listing| listing.max_quantity).map(Quantity::get);
    let volume = line.record.average_daily_volume.map_or(Decimal::ZERO, Money::get);
    let by_volume = books.input.policy.limits.participation.map(|most| most.get() * volume / price);
    [Some(by_notional), by_venue, by_volume].into_iter().flatten().min().unwrap_or(Decimal::MAX)
}

#[test]
fn whole_holdings_keep_their_limits_or_say_why_not() {
    check_with_risk("whole_holdings_keep_their_limits_or_say_why_not", |input, tally| {
        let input = &limited(input);
        tally.keep(input);
        let plan = match plan(input) {
            Err(error @ PlanError::NotProved { nodes, .. }) => {
                let most = input.policy.whole_quantities().expect("asked for").nodes();
                prop_assert!(nodes <= most, "after {nodes} of {most} nodes: {error}");
                // A node all of whose choices break a limit once they are rounded stays open.
                tally.note(if nodes == most {
                    "not proved within the nodes"
                } else {
                    "not proved: rounding breaks a limit"
                });
                return Ok(());
            }
            Err(PlanError::Conflict(conflict)) if conflict.limits.iter().any(|it| is_whole(it)) => {
                // Limits on wholes give way as far as they are broken before: then nothing else may be.
                prop_assert!(!nothing_traded_keeps_the_others(input), "{conflict}, and nothing need be traded");
                let most = conflict.repairs.iter().find(|repair| repair.limit == "max_holdings");
                if let Some(most) = most {
                    let mut repaired = input.clone();
                    repaired.policy.limits.max_holdings = most.to.to_u32();
                    let conflicts = matches!(plan(&repaired), Err(PlanError::Conflict(_)));
                    prop_assert!(!conflicts, "{conflict}, and does after that, too");
                    tally.note("conflicts that more holdings end");
                }
                tally.note("conflicts of limits on wholes");
                return Ok(());
            }
            _ => tally.plan(input)?,
        };
        let Some(plan) = plan else { return Ok(()) };
        let certificate = verify(input, &plan).map_err(|violations| TestCaseError::fail(format!("{violations:?}")))?;
        prop_assert_eq!(&certificate, &plan.certificate);
        if plan.net_asset_value.is_zero() {
            return Ok(());
        }
        if let Some(found) = &plan.solver.integers {
            tally.note(if found.nodes == 1 { "settled at the root" } else { "branched" });
            tally.largest("nodes", f64::from(found.nodes));
            let most = input.policy.whole_quantities().expect("asked for").gap() * Decimal::from(10_000);
            prop_assert!(found.complete || found.gap_bp.get() <= most, "{found:?}");
        }
        let books = Books::of(input, &plan);
        let relaxed = |limit: &str| plan.relaxations.iter().find(|relaxation| relaxation.limit == limit);
        for line in books.lines.iter().filter(|line| line.role == Role::Constituent) {
            let limit = format!("min_weight({})", line.asset);
            keeps_least_weight(&books, line, relaxed(&limit).is_some(), tally)?;
        }
        let relaxed = relaxed("max_holdings").map_or(Decimal::ZERO, |relaxation| relaxation.amount.get());
        keeps_most_holdings(&books, relaxed, tally)
    });
}

/// Whether every other limit is kept where nothing is traded.
fn nothing_traded_keeps_the_others(input: &PlanningInput) -> bool {
    let mut idle = input.clone();
    (idle.policy.limits.min_weight, idle.policy.limits.max_holdings, idle.policy.integers) = (None, None, None);
    idle.policy.orders.min_trade = Money::new(Decimal::from(10_u64.pow(15))).expect("more than there is");
    let Ok(plan) = plan(&idle) else { return false };
    let met = |check: &LimitCheck| match check.sense {
        Sense::AtMost => check.left_side <= check.bound,
        Sense::AtLeast => check.left_side >= check.bound,
        Sense::Equal => check.left_side == check.bound,
    };
    // Where nothing can be sold a bound asks for nothing: it is the policy's own that counts.
    let kept = |check: &LimitCheck| check.stated.is_none() && met(check);
    plan.orders.is_empty() && plan.relaxations.is_empty() && plan.certificate.checks.iter().all(kept)
}

fn is_whole(limit: &str) -> bool {
    limit.starts_with("min_weight") || limit == "max_holdings"
}

fn keeps_least_weight(books: &Books<'_>, line: &Line<'_>, relaxed: bool, tally: &Tally) -> TestCaseResult {
    let Some(least) = books.input.policy.limits.min_weight.map(Weight::get) else { return Ok(()) };
    let after = books.weight_after(line);
    if line.after().is_zero() || after >= least - NOISE {
        return Ok(());
    }
    let lot = Books::lot(line) / line.record.price.get();
    // But for a lot and the solver's noise, which is a part of the whole: next to a large account it is much of a small trade.
    let noise = NOISE * books.net_asset_value / line.record.price.get();
    let most = most_per_run(books, line) * (Decimal::ONE - Decimal::new(1, 6)) - lot - noise;
    // As far as the run may: nothing more can be sold, or nothing more bought.
    let sold_all = line.sold >= most || line.sold + lot >= line.free || books.sellable(line).is_zero();
    let bought_all = !line.held.is_zero() && (line.bought >= most || !books.buyable(line));
    prop_assert!(
        relaxed || sold_all || bought_all,
        "{} weighs {after} after {} sold and {} bought; the least is {least}",
        line.asset,
        line.sold,
        line.bought
    );
    tally.note(if relaxed { "a least weight gave way" } else { "a least weight out of one run's reach" });
    let before = books.weight_before(line);
    // From where a run that sells all it may leaves it, or one that buys all it may takes it.
    let reach = most_per_run(books, line).min(Quantity::MAX.get()) * line.record.price.get();
    let reach = books.weight(reach);
    let (low, high) = ((before - reach).max(Decimal::ZERO), least.min(before + reach));
    let apart = |weight: Decimal| (weight - low).min(high - weight);
    let nearer = !relaxed || apart(after) <= apart(before) + NOISE || sold_all || bought_all;
    prop_assert!(nearer, "{} gives way and goes from {before} to {after}", line.asset);
    Ok(())
}

fn keeps_most_holdings(books: &Books<'_>, relaxed: Decimal, tally: &Tally) -> TestCaseResult {
    let Some(most) = books.input.policy.limits.max_holdings else { return Ok(()) };
    let constituents = || books.lines.iter().filter(|line| line.role == Role::Constituent);
    let before = constituents().filter(|line| is_held(line, line.held)).count();
    let after = constituents().filter(|line| is_held(line, line.after())).count();
    let stays = |line: &&Line<'_>| {
        let most =
            if books.sellable(line).is_zero() { Decimal::ZERO } else { line.free.min(most_per_run(books, line)) };
        is_held(line, line.held) && is_held(line, line.held - most)
    };
    let bound = usize::try_from(most).expect("few").max(constituents().filter(stays).count());
    let surplus = after.saturating_sub(bound);
    prop_assert!(
        Decimal::from(surplus) <= relaxed,
        "{after} are held, {before} were; at most {bound}, relaxed by {relaxed}"
    );
    prop_assert!(after <= bound.max(before), "{after} are held, {before} were; at most {bound}");
    if surplus > 0 {
        tally.note("too many holdings gave way");
    }
    Ok(())
}
