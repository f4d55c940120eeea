//! What the plan says about itself.

use index_rebalancer::model::{Flow, PortfolioId, Quantity};
use index_rebalancer::planning::plan::{Outcome, Role};
use jiff::SignedDuration;

use super::sample::{Sample, dec, id, money, price, quantity, weight};
use super::{Case, certificate, check, violations};
use index_rebalancer::model::account::Holding;
use index_rebalancer::model::{Money, Weight};

fn more(amount: Money, by: &str) -> Money {
    amount + money(by)
}

fn heavier(of: Weight, by: &str) -> Weight {
    of + weight(by)
}

#[test]
fn identity_is_the_inputs() {
    check(&[
        Case("schema", |s| s.plan.schema = 2, &["schema"]),
        Case("portfolio", |s| s.plan.run.portfolio = PortfolioId::new("other").unwrap(), &["run"]),
        Case("run id", |s| s.plan.run_id = uuid::Uuid::nil(), &["run_id"]),
        Case("flow", |s| s.plan.flow = Flow::DepositOnly, &["flow"]),
        Case("as of", |s| s.plan.as_of += SignedDuration::from_nanos(1), &["as_of"]),
        Case("late", |s| s.plan.valid_until += SignedDuration::from_nanos(1), &["valid_until"]),
        Case("early", |s| s.plan.valid_until -= SignedDuration::from_nanos(1), &["valid_until"]),
        Case("policy name", |s| s.plan.policy_name.push('x'), &["policy_name"]),
        Case("currency", |s| s.plan.quote_currency = "USD".to_owned(), &["quote_currency"]),
        Case("in band with orders", |s| s.plan.outcome = Outcome::InBand, &["outcome"]),
        Case("nothing with orders", |s| s.plan.outcome = Outcome::NothingToTrade(String::new()), &["outcome"]),
        Case("input digest", |s| s.plan.input_digest.replace_range(0..1, "x"), &["input_digest"]),
        Case("policy digest", |s| s.plan.policy_digest.replace_range(0..1, "x"), &["policy_digest"]),
        Case("another input", |s| s.input.notices.push("changed".to_owned()), &["input_digest"]),
    ]);
}

#[test]
fn totals_are_exact() {
    check(&[
        Case("value", |s| s.plan.net_asset_value = money("100000.00000000000001"), &["net_asset_value"]),
        Case("cash before", |s| s.plan.cash.before = money("9999.99999999999999"), &["cash_before"]),
        Case("cash after", |s| s.plan.cash.after = more(s.plan.cash.after, "0.00000000000000001"), &["budget"]),
        Case("less cash after", |s| s.plan.cash.after = more(s.plan.cash.after, "-0.00000000000000001"), &["budget"]),
        Case("cost", |s| s.plan.estimated_cost = money("37.75000000000000001"), &["budget", "estimated_cost"]),
    ]);
}

#[test]
fn weights_agree_to_twenty_decimals() {
    check(&[
        Case("before, at 1e-20", |s| s.plan.cash.weight_before = weight("0.10000000000000000001"), &[]),
        Case(
            "before, beyond",
            |s| s.plan.cash.weight_before = weight("0.100000000000000000011"),
            &["cash_weight_before"],
        ),
        Case(
            "before, below",
            |s| s.plan.cash.weight_before = weight("0.099999999999999999989"),
            &["cash_weight_before"],
        ),
        Case("after", |s| s.plan.cash.weight_after = weight("0.1297"), &["cash_weight_after"]),
        Case("turnover", |s| s.plan.turnover = weight("0.17"), &["stated_turnover"]),
        Case(
            "position before",
            |s| s.position("solana").weight_before = weight("0.090000000000000000011"),
            &["weight_before(solana)"],
        ),
        Case("position after, at 1e-20", |s| s.position("solana").weight_after = weight("0.09000000000000000001"), &[]),
        Case(
            "position after",
            |s| {
                let line = s.position("solana");
                line.weight_after = heavier(line.weight_after, "-0.000000000000000000011");
            },
            &["weight_after(solana)"],
        ),
    ]);
}

#[test]
fn positions_say_what_is_held() {
    check(&[
        Case(
            "held without a position",
            |s| s.plan.positions.retain(|line| line.asset != id("solana")),
            &["budget", "position(solana)"],
        ),
        Case("not held, no order, no position", |s| s.plan.positions.retain(|line| line.asset != id("polkadot")), &[]),
        Case(
            "bought without a position",
            |s| s.plan.positions.retain(|line| line.asset != id("cardano")),
            &["budget", "no_buy(cardano)", "position(cardano)"],
        ),
        Case(
            "two positions",
            |s| {
                let twin = s.position("polkadot").clone();
                s.plan.positions.push(twin);
            },
            &["position(polkadot)"],
        ),
        Case("price", |s| s.position("solana").price = price("100.01"), &["price(solana)"]),
        Case("before", |s| s.position("solana").quantity_before = quantity("91"), &["quantity_before(solana)"]),
        Case("after", |s| s.position("solana").quantity_after = quantity("91"), &["budget", "quantity_after(solana)"]),
        Case(
            "after, in a pair that conserves value",
            |s| {
                s.position("cardano").quantity_after = quantity("4002");
                s.position("ripple").quantity_after = quantity("1998");
            },
            &["quantity_after(cardano)", "quantity_after(ripple)"],
        ),
        Case(
            "an empty holding needs no position",
            |s| {
                s.input.account.holdings.insert(id("mystery"), Holding::default());
                s.restate();
            },
            &[],
        ),
    ]);
}

/// Cash after is checked twice, in two ways: as what the orders leave, and as what conserves value.
#[test]
fn cash_that_appears_breaks_both_forms_of_the_budget() {
    let mut sample = Sample::clean();
    sample.plan.cash.after = money("12962.26");
    let sentences: Vec<String> = violations(&sample).into_iter().map(|violation| violation.sentence).collect();
    assert_eq!(
        sentences,
        [
            "the plan states cash after 12962.26; the input and the orders give 12962.25",
            "positions, cash and cost after trading are stated to be worth 100000.01, before it was 100000",
        ]
    );
}

#[test]
fn what_nobody_prices_counts_nothing_and_needs_consent() {
    fn hold(s: &mut Sample, asset: &str) {
        s.input.account.holdings.insert(id(asset), Holding { free: quantity("500"), locked: Quantity::ZERO });
        s.restate();
    }
    fn call_unmanaged(s: &mut Sample) {
        s.position("solana").role = Role::Unmanaged;
        s.input.policy.limits.categories.clear();
        s.restate();
    }
    check(&[
        Case("listed in the policy", |s| hold(s, "airdrop"), &[]),
        Case("not listed", |s| hold(s, "mystery"), &["unmanaged(mystery)"]),
        Case(
            "not listed, only locked",
            |s| {
                s.input.account.holdings.insert(id("mystery"), Holding { free: Quantity::ZERO, locked: quantity("1") });
                s.restate();
            },
            &["unmanaged(mystery)"],
        ),
        Case("priced and called unmanaged without consent", call_unmanaged, &["unmanaged(solana)"]),
        Case(
            "priced and called unmanaged with consent, at any price",
            |s| {
                s.input.policy.guards.unmanaged_assets.insert(id("solana"));
                call_unmanaged(s);
                s.position("solana").price = price("7");
            },
            &[],
        ),
        Case(
            "unmanaged, and given weight",
            |s| {
                s.input.policy.guards.unmanaged_assets.insert(id("solana"));
                call_unmanaged(s);
                s.position("solana").weight_after = weight("0.09");
            },
            &["weight_after(solana)"],
        ),
        Case(
            "listed in the policy, priced and managed all the same",
            |s| {
                s.input.policy.guards.unmanaged_assets.insert(id("solana"));
                s.restate();
            },
            &[],
        ),
    ]);
}

/// Where a product has more than 28 digits nobody can state it exactly; then, and only then, 1e-20 of the whole passes.
#[test]
fn lost_digits_are_forgiven_only_where_digits_were_lost() {
    fn long(s: &mut Sample) {
        s.asset("solana").price = price("100.1234567890123456789");
        s.holding("solana").free = quantity("90.123456789012");
        s.restate();
    }
    check(&[
        Case("long figures", long, &[]),
        Case(
            "within 1e-20 of the whole",
            |s| {
                long(s);
                s.plan.cash.after = more(s.plan.cash.after, "0.000000000000001");
            },
            &[],
        ),
        Case(
            "beyond",
            |s| {
                long(s);
                s.plan.cash.after = more(s.plan.cash.after, "0.0000000000000011");
            },
            &["budget"],
        ),
    ]);
}

/// Neither the account's value nor any order's cost loses a digit here; only the sum of everything does.
#[test]
fn digits_lost_in_the_last_sum_alone_are_forgiven() {
    let mut sample = Sample::clean();
    sample.input.policy.costs.fee = index_rebalancer::model::Rate::parse("0.0010000000000000000000001").unwrap();
    sample.holding("usd-coin").free = quantity("1000000015000");
    sample.input.policy.limits.max_weight = None;
    sample.input.policy.limits.categories.clear();
    sample.input.policy.limits.cash_buffer = None;
    sample.restate();
    assert_eq!(violations(&sample), []);
}

#[test]
fn a_portfolio_worth_nothing_has_no_weights_and_no_fault() {
    fn emptied(s: &mut Sample) {
        s.input.account.holdings.clear();
        (s.input.account.cash_free, s.input.account.cash_locked) = (Money::ZERO, Money::ZERO);
        s.plan.orders.clear();
        s.plan.positions.retain(|line| line.role != Role::MustExit);
        s.restate();
    }
    check(&[
        Case("empty", emptied, &[]),
        Case(
            "empty, asked for cash",
            |s| {
                s.input.flow = Flow::Withdraw(money("5"));
                emptied(s);
            },
            &[],
        ),
        Case(
            "empty, and buying",
            |s| {
                emptied(s);
                s.add_order("ethereum", index_rebalancer::model::Side::Buy, "2", "2020");
                s.restate();
                // Weights of a portfolio worth nothing are nothing.
                assert_eq!(s.plan.turnover, Weight::ZERO);
            },
            &["cash_at_limit_prices"],
        ),
        Case(
            "empty, and conjuring cash",
            |s| {
                emptied(s);
                s.plan.cash.after = money("1");
            },
            &["budget"],
        ),
    ]);
    let mut sample = Sample::clean();
    emptied(&mut sample);
    let limits: Vec<String> = certificate(&sample).checks.into_iter().map(|check| check.limit).collect();
    assert_eq!(limits.first().map(String::as_str), Some("cash_at_limit_prices"));
    assert!(limits.iter().all(|limit| limit.starts_with("participation(") || !limit.contains('(')), "{limits:?}");
    assert!(!limits.iter().any(|limit| limit == "cash_buffer" || limit == "turnover"), "{limits:?}");
}

#[test]
fn a_figure_out_of_range_ends_the_check_with_a_violation() {
    let mut sample = Sample::clean();
    let tiny = index_rebalancer::model::Decimal::new(1, 28);
    sample.asset("bitcoin").average_daily_volume = Some(Money::new(tiny).unwrap());
    sample.restate();
    let found = violations(&sample);
    assert!(found.iter().any(|violation| violation.limit == "arithmetic"), "{found:?}");
    assert_eq!(dec("0.0000000000000000000000000001"), tiny);
}
