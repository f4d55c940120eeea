//! Properties that every plan must have, on inputs drawn at random, judged by books and an oracle of the tests' own.
//!
//! `REBALANCE_CASES=10000 cargo test --test properties` draws more; see `harness` for seeds and replays.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    reason = "a test stops where something is wrong; the exemption for tests does not reach its own functions"
)]
mod books;
mod generator;
mod harness;
mod limits;
mod linear_program;
mod membership;
mod optimality;
mod oracle;
mod rearrange;
mod regressions;
mod rounds;
mod tail_risk;
mod wholes;

use std::collections::{BTreeMap, BTreeSet};

use index_rebalancer::model::policy::Soft;
use index_rebalancer::model::{AssetId, Decimal, Money, PlanningInput, Side};
use index_rebalancer::planning::idempotency::digest_of;
use index_rebalancer::planning::plan::Outcome;
use index_rebalancer::planning::verification::verify;
use index_rebalancer::planning::{Conflict, PlanError, RebalancePlan, plan};
use index_rebalancer::preparation::policy;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::books::{Books, cost_of, net_asset_value};
use crate::harness::{Tally, check};
use crate::limits::Limit;
use crate::linear_program::Answer;
use crate::oracle::{Oracle, Room, float};
use crate::tail_risk::check_with_risk;

/// Where digits are lost: of net asset value.
const LAST_DIGIT: Decimal = Decimal::from_parts(1, 0, 0, false, 20);

/// By how much each line may be off for the solver's sake: a thousandth of a basis point of a basis point.
const SOLVER_NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

#[test]
fn drawn_policies_are_policies_that_the_product_accepts() {
    check("drawn_policies_are_policies_that_the_product_accepts", |input, _| {
        let text = toml::to_string(&input.policy).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let parsed = policy::parse(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(parsed, input.policy.clone());
        Ok(())
    });
}

#[test]
fn value_is_conserved() {
    check_with_risk("value_is_conserved", |input, tally| {
        let Some(plan) = tally.plan(input)? else { return Ok(()) };
        let before = net_asset_value(input);
        // Without lots a quantity has 18 decimals, and a product more digits than an amount has: the last may differ.
        let lots = input.assets.values().filter_map(|record| record.listing.as_ref());
        let exact = lots.clone().all(|listing| !listing.lot_size.is_zero());
        let room = if exact { Decimal::ZERO } else { before * LAST_DIGIT };
        let same = |left: Decimal, right: Decimal, what: &str| {
            prop_assert!((left - right).abs() <= room, "{what}: {left} against {right}");
            Ok(())
        };
        same(plan.net_asset_value.get(), before, "net asset value")?;
        let mut cash = (input.account.cash_free + input.account.cash_locked).get();
        let mut units: BTreeMap<&AssetId, Decimal> =
            input.account.holdings.iter().map(|(asset, holding)| (asset, holding.total().get())).collect();
        let mut cost = Decimal::ZERO;
        for order in &plan.orders {
            let record = &input.assets[&order.asset];
            let quantity = order.quantity.get();
            let notional = quantity * record.price.get();
            let volume = record.average_daily_volume.map(Money::get);
            same(order.notional.get(), notional, "notional")?;
            same(order.estimated_cost.get(), cost_of(&input.policy.costs, notional, volume), "cost of an order")?;
            let sign = if order.side == Side::Buy { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
            *units.entry(&order.asset).or_default() += sign * quantity;
            cash -= sign * notional + order.estimated_cost.get();
            cost += order.estimated_cost.get();
        }
        let worth: Decimal = units.iter().map(|(asset, units)| *units * input.assets[*asset].price.get()).sum();
        same(cash + worth + cost, before, "cash, positions and cost after trading")?;
        same(plan.cash.after.get(), cash, "cash after")?;
        same(plan.estimated_cost.get(), cost, "cost")?;
        tally.note(if exact { "compared to the last digit" } else { "some venue without lots: 1e-20 apart at most" });
        for position in &plan.positions {
            prop_assert_eq!(position.quantity_after.get(), units.get(&position.asset).copied().unwrap_or_default());
        }
        tally.note(match plan.outcome {
            Outcome::Rebalance => "rebalance",
            Outcome::InBand => "in band",
            Outcome::NothingToTrade(_) => "nothing to trade",
        });
        Ok(())
    });
}

#[test]
fn no_sell_is_above_the_free_holding() {
    check_with_risk("no_sell_is_above_the_free_holding", |input, tally| {
        let Some(plan) = tally.plan(input)? else { return Ok(()) };
        for line in &Books::of(input, &plan).lines {
            prop_assert!(line.sold <= line.free, "{}: {} sold, {} free", line.asset, line.sold, line.free);
            prop_assert!(line.sold.is_zero() || line.bought.is_zero(), "{} is bought and sold at once", line.asset);
        }
        Ok(())
    });
}

#[test]
fn cash_is_never_negative() {
    check_with_risk("cash_is_never_negative", |input, tally| {
        let Some(plan) = tally.plan(input)? else { return Ok(()) };
        let fee = input.policy.costs.fee.get();
        let (mut at_reference, mut at_limit) = (input.account.cash_free.get(), input.account.cash_free.get());
        for order in &plan.orders {
            let quantity = order.quantity.get();
            let sign = if order.side == Side::Buy { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
            let worst = quantity * order.limit_price.get();
            at_reference += sign * quantity * order.reference_price.get() - order.estimated_cost.get();
            at_limit += sign * worst - worst * fee;
        }
        prop_assert!(at_reference >= Decimal::ZERO, "free cash of {at_reference} at reference prices");
        prop_assert!(at_limit >= Decimal::ZERO, "free cash of {at_limit} at limit prices");
        Ok(())
    });
}

#[test]
fn every_limit_is_met_up_to_its_relaxation_and_lots() {
    check_with_risk("every_limit_is_met_up_to_its_relaxation_and_lots", |input, tally| {
        tally.plan(input)?.map_or(Ok(()), |plan| limits_are_met(input, &plan, tally))
    });
}

fn limits_are_met(input: &PlanningInput, plan: &RebalancePlan, tally: &Tally) -> TestCaseResult {
    let books = Books::of(input, plan);
    for limit in limits::limits(&books) {
        let relaxation = plan.relaxations.iter().find(|relaxation| relaxation.limit == limit.name);
        let relaxed = relaxation.map_or(Decimal::ZERO, |relaxation| relaxation.amount.get());
        prop_assert!(relaxed.is_zero() || limit.softness.is_some(), "{} is hard and relaxed", limit.name);
        if let Some(most) = limit.softness.and_then(|softness| softness.most) {
            // A difference of two long decimals loses its last digit.
            let most = most + Decimal::new(1, 20);
            prop_assert!(relaxed <= most, "{} is relaxed by {relaxed}, at most {most} is allowed", limit.name);
        }
        let excess = limit.excess(&books, true);
        let noise = SOLVER_NOISE * Decimal::from(books.lines.len());
        let allowance = limit.lot_allowance(&books);
        prop_assert!(
            excess <= relaxed + allowance + noise,
            "{} ({}) is exceeded by {excess}; relaxed by {relaxed}, lots explain {allowance}",
            limit.name,
            limit.bound
        );
        if !relaxed.is_zero() {
            tally.note(&format!("relaxed: {}", limit.family));
        }
    }
    for line in &books.lines {
        if let Some(most) = books.participation(line) {
            prop_assert!(line.traded() <= most, "{}: {} traded of at most {most}", line.asset, line.traded());
        }
        prop_assert!(line.bought.is_zero() || books.buyable(line), "{} is bought and barred", line.asset);
        prop_assert!(line.sold.is_zero() || !books.sellable(line).is_zero(), "{} is sold and barred", line.asset);
    }
    Ok(())
}

#[test]
fn the_verifier_passes_every_plan() {
    check_with_risk("the_verifier_passes_every_plan", |input, tally| {
        let Some(plan) = tally.plan(input)? else { return Ok(()) };
        let certificate = verify(input, &plan).map_err(|violations| TestCaseError::fail(format!("{violations:?}")))?;
        prop_assert_eq!(certificate, plan.certificate);
        Ok(())
    });
}

/// How exactly the oracle and the planner must agree on a least relaxation.
const AGREEMENT: f64 = 1e-7;

/// The same where the last digits of another relaxation decide: seen were 2e-7 for 2e-11 of turnover, of assets that cost all but
/// the same.
const UNTOLD: f64 = 3e-7;

/// Where an oracle doubts more of its own figure than this, it has none.
const MOST_DOUBT: f64 = 1e-5;

/// Lexicographic: each family, in order of priority and name, by the least that those before it allow.
#[test]
fn limits_give_way_only_where_an_oracle_needs_it_and_by_the_least() {
    check("limits_give_way_only_where_an_oracle_needs_it_and_by_the_least", |input, tally| {
        tally.keep(input);
        let plan = match plan(input) {
            Ok(plan) => plan,
            Err(PlanError::Conflict(conflict)) => return conflict_is_real(input, &conflict, tally),
            Err(PlanError::EmptyUniverse { .. }) => {
                tally.discard("nothing is eligible");
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        if plan.net_asset_value.is_zero() {
            tally.note("an account that holds nothing");
            return Ok(());
        }
        relaxations_are_least(input, &plan, tally)
    });
}

fn relaxations_are_least(input: &PlanningInput, plan: &RebalancePlan, tally: &Tally) -> TestCaseResult {
    let books = Books::opened(input, plan);
    let oracle = Oracle::new(&books, plan);
    let stated = |limit: &Limit| {
        let found = plan.relaxations.iter().find(|relaxation| relaxation.limit == limit.name);
        found.map_or(0.0, |relaxation| float(relaxation.amount.get()))
    };
    let rank = |limit: &Limit| limit.softness.map(|softness| (softness.priority, limit.family.clone()));
    let families: BTreeSet<(u32, String)> = oracle.limits.iter().filter_map(rank).collect();
    let total = |family: &(u32, String)| -> f64 {
        oracle.limits.iter().filter(|limit| rank(limit).as_ref() == Some(family)).map(stated).sum()
    };
    // What the oracle needs of families that orders use less of.
    let mut needed: BTreeMap<(u32, String), f64> = BTreeMap::new();
    for family in families {
        let ours = total(&family);
        let after_least = oracle.limits.iter().filter_map(rank).any(|other| other < family && total(&other) > 0.0);
        let room = |limit: &Limit| match rank(limit) {
            None => Room::Fixed(0.0),
            // Only how far a family gives way in all is settled before the next: not which of its limits does.
            Some(other) if other < family => {
                let total = needed.get(&other).copied().unwrap_or_else(|| total(&other));
                Room::Shared { most: oracle.furthest(limit), total }
            }
            Some(other) if other == family => Room::Minimised(oracle.furthest(limit)),
            Some(_) => Room::Free(oracle.furthest(limit)),
        };
        tally.ask();
        match oracle.least(&room) {
            Answer::Solved { minimum, .. } if (minimum - ours).abs() <= AGREEMENT => {
                tally.note(if ours > 0.0 { "families relaxed, as the oracle" } else { "families kept, as the oracle" });
                tally.largest("difference to the oracle", (minimum - ours).abs());
            }
            // Rows that the oracle does not keep to the last digit count at their multipliers. And where a limit before gives way
            // by the least there is, what the next needs hangs on the last digits of that, at a price that no digit tells.
            Answer::Solved { minimum, doubt }
                if ours > minimum
                    && ours - minimum
                        <= (doubt.min(MOST_DOUBT) + AGREEMENT).max(if after_least { UNTOLD } else { 0.0 }) =>
            {
                tally.unsure("families of which the oracle's own figure is in doubt");
            }
            Answer::Solved { minimum, .. }
                if ours < minimum && orders_keep(plan, &oracle, &|it| rank(it).as_ref() == Some(&family)) =>
            {
                tally.note("families that orders use less of, for others are too small to be made");
                needed.insert(family, minimum);
            }
            Answer::Solved { minimum, doubt } => {
                // Where two costs decide between limits, noise above is multiplied below; then no figure is sure.
                let hangs_on_noise = [0.1, 0.03, 0.3].into_iter().any(|part| {
                    let looser = |limit: &Limit| match room(limit) {
                        Room::Shared { most, total } if total > 0.0 => {
                            Room::Shared { most, total: total + AGREEMENT * part }
                        }
                        other => other,
                    };
                    let least = oracle.least(&looser);
                    matches!(least, Answer::Solved { minimum: least, .. }
                        if (least - minimum).abs() > AGREEMENT && least <= ours + AGREEMENT)
                });
                prop_assert!(
                    hangs_on_noise,
                    "{family:?} gives way by {ours}; the oracle needs {minimum} at least, {doubt} of it in doubt"
                );
                tally.unsure("families whose least relaxation hangs on noise in those before");
            }
            Answer::Infeasible => {
                let why = format!("{family:?}: the oracle finds no way to keep what outranks it");
                return Err(TestCaseError::fail(why));
            }
            Answer::Unknown => tally.unsure("families of which the oracle is not sure"),
        }
    }
    Ok(())
}

/// Whether orders keep these limits with what they are stated to give way, and leave others short by what is too small to be
/// traded.
fn orders_keep(plan: &RebalancePlan, oracle: &Oracle<'_>, asked: &dyn Fn(&Limit) -> bool) -> bool {
    let is_short = |limit: &Limit| {
        let check = plan.certificate.checks.iter().find(|check| check.limit == limit.name);
        check.is_none_or(|check| check.lot_allowance.get() > Decimal::new(1, 9))
    };
    let (of_family, others): (Vec<&Limit>, Vec<&Limit>) = oracle.limits.iter().partition(|limit| asked(limit));
    !of_family.into_iter().any(is_short) && others.into_iter().any(is_short)
}

/// The oracle agrees that not even the furthest relaxations would do.
fn conflict_is_real(input: &PlanningInput, conflict: &Conflict, tally: &Tally) -> TestCaseResult {
    // The same account under limits that all give way: that says who is what.
    let soft = softened(input);
    let plan = plan(&soft).map_err(|error| TestCaseError::fail(format!("softened: {error}")))?;
    let mut books = Books::opened(&soft, &plan);
    books.input = input;
    let oracle = Oracle::new(&books, &plan);
    tally.ask();
    match oracle.shortfall(&|limit| Room::Fixed(oracle.furthest(limit))) {
        Answer::Solved { minimum, .. } => {
            prop_assert!(minimum > AGREEMENT / 100.0, "{conflict}; the oracle meets all limits (short by {minimum})");
            tally.note("conflicts of hard limits, as the oracle");
        }
        Answer::Infeasible => return Err(TestCaseError::fail("the oracle cannot exceed limits")),
        Answer::Unknown => tally.unsure("conflicts of which the oracle is not sure"),
    }
    Ok(())
}

/// The same input with every limit soft and without hard bounds.
fn softened(input: &PlanningInput) -> PlanningInput {
    let soft = || Some(Soft { priority: 1, hard_bound: None });
    let mut input = input.clone();
    let limits = &mut input.policy.limits;
    for limit in [&mut limits.cash_buffer, &mut limits.max_weight, &mut limits.turnover].into_iter().flatten() {
        limit.soft = soft();
    }
    for limit in &mut limits.categories {
        limit.soft = soft();
    }
    limits.stable_share = input.policy.regime.as_ref().and_then(|_| soft());
    input
}

/// Whether the orders are the program's: not held back as in band, or as too few to be worth a run.
fn was_optimised(plan: &RebalancePlan) -> bool {
    match &plan.outcome {
        Outcome::Rebalance => true,
        Outcome::InBand => false,
        Outcome::NothingToTrade(why) => why.contains("no trade would improve"),
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    check_with_risk("the_same_input_gives_the_same_bytes", |input, tally| {
        let Some(first) = tally.plan(input)? else { return Ok(()) };
        let bytes = as_json(&first);
        for _ in 0..2 {
            let again = plan(input).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(as_json(&again), bytes.clone());
        }
        Ok(())
    });
}

/// Keys of a stored input in any order give the same bytes; limits on categories in any order, the same orders.
#[test]
fn input_order_is_irrelevant() {
    check_with_risk("input_order_is_irrelevant", |input, tally| {
        let Some(first) = tally.plan(input)? else { return Ok(()) };
        let value = serde_json::to_value(input).expect("serialises");
        let mut text = String::new();
        rearrange::write_reversed(&value, &mut text);
        let reread: PlanningInput =
            serde_json::from_str(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&reread, input);
        let reversed = plan(&reread).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(as_json(&reversed), as_json(&first));

        let mut other = input.clone();
        other.policy.limits.categories.reverse();
        if input.state.policy_digest == Some(digest_of(&input.policy)) {
            other.state.policy_digest = Some(digest_of(&other.policy));
        }
        let other = plan(&other).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let positions = |plan: &RebalancePlan| -> Vec<_> {
            plan.positions.iter().map(|position| (position.asset.clone(), position.quantity_after)).collect()
        };
        let relaxed = |plan: &RebalancePlan| -> BTreeMap<String, Decimal> {
            plan.relaxations.iter().map(|one| (one.limit.clone(), one.amount.get())).collect()
        };
        prop_assert_eq!(&other.orders, &first.orders);
        prop_assert_eq!(positions(&other), positions(&first));
        // Rows in another order add up to the same but for a last digit of the solver's.
        let (ours, others) = (relaxed(&first), relaxed(&other));
        prop_assert_eq!(ours.keys().collect::<Vec<_>>(), others.keys().collect::<Vec<_>>());
        for (limit, amount) in &ours {
            prop_assert!(
                (*amount - others[limit]).abs() <= Decimal::new(1, 12),
                "{limit}: {amount}, {}",
                others[limit]
            );
        }
        Ok(())
    });
}

/// Symbols are for people: all alike, or none, nothing else changes. Ids only sort: new ones in the same order give
/// the same quantities.
#[test]
fn names_are_irrelevant() {
    check("names_are_irrelevant", |input, tally| {
        let Some(first) = tally.plan(input)? else { return Ok(()) };
        let quantities = |plan: &RebalancePlan| -> Vec<_> {
            plan.orders.iter().map(|order| (order.side, order.instrument.clone(), order.quantity)).collect()
        };
        let mut alike = input.clone();
        for record in alike.assets.values_mut() {
            "SAME".clone_into(&mut record.symbol);
        }
        let alike = plan(&alike).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&alike.orders, &first.orders);

        let renamed = plan(&rearrange::renamed(input)).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(quantities(&renamed), quantities(&first));
        Ok(())
    });
}

fn as_json(plan: &RebalancePlan) -> String {
    serde_json::to_string(plan).expect("a plan serialises")
}
