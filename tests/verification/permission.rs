//! Who may be what, and who may be traded.

use index_rebalancer::model::grade::Dated;
use index_rebalancer::model::policy::{GradeKind, RankBy, WeightMethod};
use index_rebalancer::model::{
    AssetRecord, CategoryId, Flow, Grade, Policy, Quantity, Rate, RegimeObservation, Side, Signal,
};
use index_rebalancer::planning::plan::{ReasonCode, Role};

use super::sample::{Sample, dec, id, money, quantity, weight};
use super::{Case, check, violations};

#[test]
fn the_venue_must_trade_what_is_ordered() {
    check(&[
        Case(
            "halted",
            |s| {
                s.add_order("ripple", Side::Buy, "100", "0.5");
                s.restate();
            },
            &["frozen(ripple)"],
        ),
        Case(
            "not listed",
            |s| {
                s.asset("usd-coin").listing = None;
                s.restate();
            },
            &["frozen(usd-coin)"],
        ),
    ]);
}

#[test]
fn an_asset_goes_one_way() {
    check(&[Case(
        "bought and sold",
        |s| {
            s.add_order("bitcoin", Side::Buy, "0.01", "50500");
            s.restate();
        },
        &["one_side(bitcoin)"],
    )]);
}

#[test]
fn an_order_needs_a_reason_to_trade() {
    use ReasonCode as Code;
    for (code, trades) in [
        (Code::Enter, true),
        (Code::TopUp, true),
        (Code::Trim, true),
        (Code::Exit, true),
        (Code::OverLimit, true),
        (Code::RaiseCash, true),
        (Code::InBand, false),
        (Code::OnTarget, false),
        (Code::Halted, false),
        (Code::NotListed, false),
        (Code::NoBuy, false),
        (Code::LimitBinds, false),
        (Code::CostExceedsBenefit, false),
        (Code::BelowMinimum, false),
        (Code::Stranded, false),
        (Code::Unmanaged, false),
        (Code::Locked, false),
    ] {
        let mut sample = Sample::clean();
        sample.position("bitcoin").reason.code = code;
        let found = super::violations(&sample);
        assert_eq!(found.is_empty(), trades, "{code:?}: {found:?}");
        assert!(found.iter().all(|violation| violation.limit == "reason(bitcoin)"), "{found:?}");
    }
}

#[test]
fn roles_are_the_policys() {
    check(&[
        Case(
            "a stable leg called constituent",
            |s| s.position("usd-coin").role = Role::Constituent,
            &["role(usd-coin)"],
        ),
        Case("a constituent called stable leg", |s| s.position("solana").role = Role::StableLeg, &["role(solana)"]),
        Case(
            "an exit bought",
            |s| {
                s.drop_order("dogwif");
                let holding = s.holding("dogwif");
                (holding.free, holding.locked) = (Quantity::ZERO, holding.free);
                s.add_order("dogwif", Side::Buy, "20", "0.5");
                s.restate();
            },
            // It was at the most that its category may be.
            &["no_buy(dogwif)", "category_max(meme)"],
        ),
    ]);
}

#[test]
fn the_regime_is_the_policys() {
    fn bearish(s: &mut Sample, stable_share: &str, no_buy: bool) {
        s.plan.regime.bearish = true;
        s.input.state.bearish = Some(true);
        s.plan.regime.stable_share = weight(stable_share);
        s.input.policy.regime.as_mut().unwrap().no_buy_when_bearish = no_buy;
        s.restate();
    }
    fn without_regime(s: &mut Sample, stable_share: &str) {
        s.input.policy.regime = None;
        s.plan.regime.stable_share = weight(stable_share);
        s.position("usd-coin").role = Role::Constituent;
        s.restate();
    }
    check(&[
        Case("less than the bullish share", |s| s.plan.regime.stable_share = weight("0.19"), &["regime"]),
        Case("more than the bullish share", |s| s.plan.regime.stable_share = weight("0.21"), &["regime"]),
        Case("bearish, buys allowed", |s| bearish(s, "0.25", false), &[]),
        Case("bearish with the bullish share", |s| bearish(s, "0.2", false), &["regime"]),
        Case("bearish, no constituent bought", |s| bearish(s, "0.25", true), &["no_buy(cardano)", "no_buy(ethereum)"]),
        Case("no regime table, no share", |s| without_regime(s, "0"), &[]),
        Case("no regime table, a share", |s| without_regime(s, "0.2"), &["regime"]),
    ]);
    let mut sample = Sample::clean();
    sample.plan.regime.bearish = true;
    let found = violations(&sample);
    let called = "the plan calls the market bearish; by the signals of its constituents it is bullish";
    assert_eq!(found[0].sentence, called);
    bearish(&mut sample, "0.2", false);
    let found = violations(&sample);
    assert_eq!(found[0].sentence, "the plan's stable share is 0.2; the policy's while bearish is 0.25");
}

/// Bullish at 0.6, bearish at 0.4; polkadot, bitcoin and the others are constituents.
#[test]
fn the_regime_follows_signals_and_history() {
    fn signals(s: &mut Sample, bullish: &[&str], bearish: &[&str]) {
        for (assets, value) in [(bullish, Signal::Bullish), (bearish, Signal::Bearish)] {
            for asset in assets {
                s.asset(asset).grades.signal = Some(Dated { value, at: "2026-03-01T12:00:00Z".parse().unwrap() });
            }
        }
        s.restate();
    }
    fn seen(s: &mut Sample, bearish: bool, shares: &[(&str, &str)]) {
        s.input.state.bearish = Some(bearish);
        let observation = |(date, share): &(&str, &str)| RegimeObservation {
            date: date.parse().unwrap(),
            bullish_share: weight(share),
        };
        s.input.state.regime_observations = shares.iter().map(observation).collect();
        s.restate();
    }
    fn confirmed_by(s: &mut Sample, confirmations: u32) {
        s.input.policy.regime.as_mut().unwrap().confirmations = confirmations;
        s.restate();
    }
    const REGIME: &[&str] = &["regime"];
    check(&[
        Case(
            "bearish without any sign of it",
            |s| s.plan.regime.bearish = true,
            &["regime", "no_buy(cardano)", "no_buy(ethereum)"],
        ),
        Case("bullish after bearish", |s| seen(s, true, &[]), REGIME),
        Case("first signals above", |s| signals(s, &["bitcoin", "solana"], &["ethereum"]), &[]),
        Case(
            "first signals at the bearish bound",
            |s| signals(s, &["bitcoin", "solana"], &["ethereum", "cardano", "ripple"]),
            REGIME,
        ),
        Case("an exit's signal does not count", |s| signals(s, &["bitcoin"], &["dogwif"]), &[]),
        Case(
            "one date is not two",
            |s| {
                seen(s, false, &[]);
                confirmed_by(s, 2);
                signals(s, &[], &["bitcoin"]);
            },
            &[],
        ),
        Case(
            "the second date confirms",
            |s| {
                seen(s, false, &[("2026-02-27", "0.9"), ("2026-02-28", "0.4")]);
                confirmed_by(s, 2);
                signals(s, &[], &["bitcoin"]);
            },
            REGIME,
        ),
        Case(
            "a date already seen adds nothing",
            |s| {
                seen(s, false, &[("2026-03-01", "0.4")]);
                confirmed_by(s, 2);
                signals(s, &[], &["bitcoin"]);
            },
            &[],
        ),
        Case(
            "bearish until the share is at the bullish bound",
            |s| {
                seen(s, true, &[]);
                signals(s, &["bitcoin", "solana", "cardano"], &["ethereum", "ripple"]);
            },
            &[],
        ),
        Case(
            "and not just below it",
            |s| {
                seen(s, true, &[]);
                signals(s, &["bitcoin"], &["ethereum"]);
            },
            REGIME,
        ),
    ]);
}

#[test]
fn a_deposit_sells_nothing() {
    fn deposit(s: &mut Sample) {
        s.input.flow = Flow::DepositOnly;
        s.input.policy.limits.cash_buffer = None;
        // The exit stays: a deposit asks nobody to go.
        s.drop_order("dogwif");
        s.restate();
    }
    check(&[
        Case("a sell", deposit, &["deposit_only"]),
        Case(
            "buys only",
            |s| {
                deposit(s);
                s.drop_order("bitcoin");
                s.restate();
            },
            // The sells are missing from the stable share.
            &["stable_share"],
        ),
        Case(
            "fewer buys only",
            |s| {
                deposit(s);
                s.drop_order("bitcoin");
                s.drop_order("ethereum");
                s.restate();
            },
            &[],
        ),
    ]);
}

fn record(s: &mut Sample, asset: &str, change: impl FnOnce(&mut AssetRecord)) {
    change(s.asset(asset));
    s.restate();
}

fn regrade(record: &mut AssetRecord, grade: &str) {
    record.grades.investor.as_mut().unwrap().value = Grade::new(dec(grade)).unwrap();
}

const SOLANA: &[&str] = &["eligibility(solana)"];

#[test]
fn constituents_are_eligible() {
    fn solana(s: &mut Sample, change: impl FnOnce(&mut AssetRecord)) {
        record(s, "solana", change);
    }
    fn member(s: &mut Sample, change: impl FnOnce(&mut AssetRecord)) {
        s.input.state.members = [id("solana")].into();
        solana(s, change);
    }
    check(&[
        Case("cap at the minimum", |s| solana(s, |a| a.market_cap = Some(money("1000000"))), &[]),
        Case("cap below it", |s| solana(s, |a| a.market_cap = Some(money("999999.99"))), SOLANA),
        Case("cap at the maximum", |s| solana(s, |a| a.market_cap = Some(money("5000000000000"))), &[]),
        Case("cap above it", |s| solana(s, |a| a.market_cap = Some(money("5000000000000.01"))), SOLANA),
        Case("cap unknown", |s| solana(s, |a| a.market_cap = None), SOLANA),
        Case("cap unknown of a member", |s| member(s, |a| a.market_cap = None), &[]),
        Case(
            "cap unknown, only the maximum asked",
            |s| {
                s.input.policy.eligibility.min_market_cap = None;
                solana(s, |a| a.market_cap = None);
            },
            SOLANA,
        ),
        Case(
            "cap unknown, only the minimum asked",
            |s| {
                s.input.policy.eligibility.max_market_cap = None;
                solana(s, |a| a.market_cap = None);
            },
            SOLANA,
        ),
        Case("volume at the minimum", |s| solana(s, |a| a.average_daily_volume = Some(money("200000"))), &[]),
        Case("volume below it", |s| solana(s, |a| a.average_daily_volume = Some(money("199999.99"))), SOLANA),
        Case("volume unknown", |s| solana(s, |a| a.average_daily_volume = None), SOLANA),
        Case("volume unknown of a member", |s| member(s, |a| a.average_daily_volume = None), &[]),
        Case("59 days old", |s| solana(s, |a| a.first_seen = Some("2026-01-02".parse().unwrap())), SOLANA),
        Case("61 days old", |s| solana(s, |a| a.first_seen = Some("2025-12-31".parse().unwrap())), &[]),
        Case("of unknown age", |s| solana(s, |a| a.first_seen = None), SOLANA),
        Case("of unknown age, and a member", |s| member(s, |a| a.first_seen = None), &[]),
        Case(
            "of an excluded category",
            |s| {
                solana(s, |a| {
                    a.categories.insert(CategoryId::new("wrapped").unwrap());
                });
            },
            SOLANA,
        ),
        Case(
            "excluded by name",
            |s| {
                s.input.policy.eligibility.excluded_assets.insert(id("solana"));
                s.restate();
            },
            SOLANA,
        ),
        Case("grade at the minimum", |s| solana(s, |a| regrade(a, "20")), &[]),
        Case("grade below it", |s| solana(s, |a| regrade(a, "19.99")), SOLANA),
        Case("no grade, and only held", |s| solana(s, |a| a.grades.investor = None), &[]),
        Case(
            "nothing known and nothing asked",
            |s| {
                s.input.policy.eligibility = index_rebalancer::model::policy::Eligibility::default();
                s.input.policy.ranking.by = RankBy::Grade;
                s.input.policy.reference_weights.method = WeightMethod::Equal;
                solana(s, |a| {
                    (a.market_cap, a.average_daily_volume, a.first_seen) = (None, None, None);
                    a.grades.investor = None;
                });
            },
            &[],
        ),
    ]);
}

#[test]
fn ages_are_counted_in_whole_days_of_utc() {
    check(&[
        Case(
            "the last moment of day 60",
            |s| {
                s.input.as_of = "2026-03-02T23:59:59Z".parse().unwrap();
                s.restate();
            },
            &[],
        ),
        Case(
            "the last moment of day 59",
            |s| {
                s.input.as_of = "2026-03-01T23:59:59Z".parse().unwrap();
                s.restate();
            },
            &[
                "eligibility(bitcoin)",
                "eligibility(cardano)",
                "eligibility(ethereum)",
                "eligibility(polkadot)",
                "eligibility(ripple)",
                "eligibility(solana)",
            ],
        ),
    ]);
}

#[test]
fn only_the_graded_are_bought() {
    fn ungraded_cardano(s: &mut Sample, require: bool, min_grade: Option<&str>) {
        let rules = &mut s.input.policy.eligibility;
        rules.require_grade = require;
        rules.min_grade = min_grade.map(|grade| Grade::new(dec(grade)).unwrap());
        record(s, "cardano", |a| a.grades.investor = None);
    }
    fn used(s: &mut Sample, change: impl FnOnce(&mut Policy)) {
        s.input.policy.eligibility.require_grade = false;
        s.input.policy.eligibility.min_grade = None;
        change(&mut s.input.policy);
        record(s, "cardano", |a| a.grades.investor = None);
    }
    const CARDANO: &[&str] = &["eligibility(cardano)"];
    check(&[
        Case("required", |s| ungraded_cardano(s, true, None), CARDANO),
        Case("a minimum set", |s| ungraded_cardano(s, false, Some("20")), CARDANO),
        Case("neither", |s| ungraded_cardano(s, false, None), &[]),
        Case("ranked by grade", |s| used(s, |policy| policy.ranking.by = RankBy::Grade), CARDANO),
        Case("weighed by grade", |s| used(s, |policy| policy.reference_weights.method = WeightMethod::Grade), CARDANO),
        Case("a tilt", |s| used(s, |policy| policy.objective.grade_tilt = Rate::parse("0.1").unwrap()), CARDANO),
        Case(
            "the other grade does not count",
            |s| {
                let grade = s.asset("cardano").grades.investor.take();
                record(s, "cardano", |a| a.grades.trader = grade);
            },
            CARDANO,
        ),
        Case(
            "the policy names the trader grade",
            |s| {
                s.input.policy.ranking.grade = GradeKind::Trader;
                let grade = s.asset("cardano").grades.investor.take();
                s.asset("ethereum").grades.trader = grade;
                record(s, "cardano", |a| a.grades.trader = grade);
            },
            &[],
        ),
        Case(
            "of unknown size and bought",
            |s| {
                s.input.state.members = [id("cardano")].into();
                record(s, "cardano", |a| a.market_cap = None);
            },
            CARDANO,
        ),
        Case("graded too low and bought", |s| record(s, "cardano", |a| regrade(a, "19")), CARDANO),
    ]);
}

#[test]
fn stable_legs_are_not_asked() {
    check(&[Case(
        "young, small, ungraded and of an excluded category",
        |s| {
            let rules = &mut s.input.policy.eligibility;
            rules.excluded_categories.insert(CategoryId::new("stablecoin").unwrap());
            rules.excluded_assets.insert(id("usd-coin"));
            record(s, "usd-coin", |a| {
                (a.market_cap, a.first_seen, a.grades.investor) = (None, None, None);
            });
        },
        &[],
    )]);
}

#[test]
fn more_is_not_sold_than_is_free() {
    fn free_bitcoin(s: &mut Sample, free: &str, locked: &str) {
        let holding = s.holding("bitcoin");
        (holding.free, holding.locked) = (quantity(free), quantity(locked));
        s.restate();
    }
    check(&[
        Case("all that is free", |s| free_bitcoin(s, "0.1", "0.7"), &[]),
        Case("a little more", |s| free_bitcoin(s, "0.09999999", "0.70000001"), &["sell_within_holding(bitcoin)"]),
    ]);
}
