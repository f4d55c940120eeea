//! Limits: how close they are, and which gave way.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::{Tone, number};
use crate::model::{Decimal, Side, Weight};
use crate::report::certificate::{Check, LimitFamily, OptimalityReport, family_of};
use crate::report::margin::{InsteadReport, MarginReport, ShadowPriceReport};
use crate::report::run::{IntegerReport, RelaxationReport, RunReport, count};

/// How many limits there are and whether all hold.
#[must_use]
pub fn verdict(report: &RunReport) -> (Tone, String) {
    let certificate = &report.certificate;
    let violated: usize = certificate.families.iter().map(|family| family.violated).sum();
    let limits = count(certificate.checks.len(), "limit");
    let out_of_reach: usize = certificate.families.iter().map(|family| family.out_of_reach).sum();
    if violated > 0 {
        (Tone::Bad, format!("{violated} of {limits} VIOLATED"))
    } else if out_of_reach > 0 {
        (
            Tone::Warn,
            format!("{limits} re-checked on the rounded orders, all met as far as can be, {out_of_reach} out of reach"),
        )
    } else {
        (Tone::Good, format!("{limits} re-checked on the rounded orders, all met"))
    }
}

/// How far the plan is from the best possible, in one sentence.
#[must_use]
pub fn optimality(proved: &OptimalityReport) -> String {
    let within = if proved.limits_gave_way { "within these limits as they gave way" } else { "within these limits" };
    format!(
        "At most {} from the best possible {within}, by the policy's own objective: what lots, minimums and the room kept \
         for them cost is in it",
        number::at_most_basis_points(proved.gap_bp)
    )
}

/// Why the certificate's bound may be far away where quantities are whole.
const DIVISIBLE: &str = "the bound of the certificate takes every quantity as divisible";

/// How whole quantities were found, and how good they are by the solver's own bound, in one sentence.
#[must_use]
pub fn integers(found: &IntegerReport) -> String {
    let within = number::at_most_basis_points(found.gap_bp);
    let lots = match found.whole_lots {
        0 => String::new(),
        assets => format!(", {} in whole lots", count(assets as usize, "asset")),
    };
    let nodes = count(found.nodes as usize, "node");
    let how = if found.complete { format!("found after {nodes}") } else { format!("close enough after {nodes}") };
    format!("Whole quantities{lots}: optimal within {within} by the solver's own bound, {how}; {DIVISIBLE}")
}

/// A figure of a limit: a number of holdings, or percent.
#[must_use]
pub fn figure(limit: &str, value: Weight) -> String {
    if family_of(limit) == "max_holdings" { value.get().normalize().to_string() } else { number::percent(value) }
}

/// What a point more or less of a limit would be worth, in one sentence.
#[must_use]
pub fn shadow_price(price: &ShadowPriceReport) -> String {
    let limit = &price.limit;
    let tighter = match price.tighter_bp {
        None => "and there can be no less".to_owned(),
        Some(less) => format!("a point less would cost {}", number::marginal(less)),
    };
    format!(
        "At the margin, a point more room in {limit} would be worth {}, {tighter}",
        number::marginal(price.looser_bp)
    )
}

/// What could have given way instead of a limit, in one sentence.
#[must_use]
pub fn instead(relaxed: &RelaxationReport, other: &InsteadReport) -> String {
    let worth = other.worth_bp;
    let compared = match worth.get().cmp(&Decimal::ZERO) {
        Ordering::Greater => format!("{} better", number::marginal(worth)),
        Ordering::Less => format!("{} worse", number::marginal(worth.abs())),
        Ordering::Equal => "worth as much".to_owned(),
    };
    format!(
        "{} would have held with {} at {} instead of {}: {compared} by the policy's own objective",
        relaxed.limit,
        other.limit,
        number::percent(other.to),
        number::percent(other.from)
    )
}

/// What a little more of an asset would do, in one sentence.
#[must_use]
pub fn margin(margin: &MarginReport) -> String {
    let done = match margin.side {
        Side::Buy => "bought",
        Side::Sell => "sold",
    };
    let mut sentence = format!("A point more {done} is worth {} by itself", number::marginal(margin.gain_bp));
    let of = |takes: bool| {
        let some = margin.takes_bp.iter().filter(move |(_, it)| (it.get() > Decimal::ZERO) == takes);
        let words = some.map(|(limit, it)| format!("{} of {limit}", number::marginal(it.abs())));
        words.collect::<Vec<String>>().join(", ")
    };
    for (verb, limits) in [("takes", of(true)), ("gives", of(false))] {
        if !limits.is_empty() {
            let _ = write!(sentence, "; it {verb} {limits}");
        }
    }
    sentence
}

/// Where the orders leave a limit that gave way; absent where the plan has no such check.
#[must_use]
pub fn ends_at(report: &RunReport, relaxed: &RelaxationReport) -> Option<Weight> {
    let check = report.certificate.checks.iter().find(|check| check.limit == relaxed.limit)?;
    Some(check.left_side)
}

/// What cannot be had as the policy asks, a sentence each.
pub fn out_of_reach(checks: &[Check]) -> impl Iterator<Item = String> {
    checks.iter().filter_map(|check| {
        let stated = figure(&check.limit, check.stated?);
        let bound = figure(&check.limit, check.bound);
        Some(format!(
            "{} is {stated} by the policy and cannot be had in this run: {bound} is the nearest that can, for what is left cannot be sold",
            check.limit
        ))
    })
}

#[must_use]
pub fn is_met(check: &Check) -> bool {
    check.slack >= Weight::ZERO
}

/// How many checks of a family needed something; empty if none did.
#[must_use]
pub fn gave_way(family: &LimitFamily) -> String {
    let mut parts = Vec::new();
    if family.relaxed > 0 {
        parts.push(format!("{} relaxed", family.relaxed));
    }
    if family.out_of_reach > 0 {
        parts.push(format!("{} out of reach", family.out_of_reach));
    }
    if family.with_lot_allowance > 0 {
        parts.push(format!("{} by lots", family.with_lot_allowance));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BasisPoints, Worth};

    fn bp(text: &str) -> BasisPoints {
        BasisPoints::parse(text).expect(text)
    }

    #[test]
    fn what_is_out_of_reach_is_said_with_both_bounds() {
        let weight = |text: &str| Weight::parse(text).expect(text);
        let check = |stated: Option<&str>| Check {
            limit: "max_weight(sui)".to_owned(),
            sense: crate::report::published::Sense::AtMost,
            left_side: weight("0.3091"),
            bound: weight("0.3091"),
            stated: stated.map(weight),
            relaxation: Weight::ZERO,
            lot_allowance: Weight::ZERO,
            slack: Weight::ZERO,
        };
        let said: Vec<String> = out_of_reach(&[check(None), check(Some("0.3"))]).collect();
        assert_eq!(said.len(), 1);
        let words = "max_weight(sui) is 30.00 % by the policy and cannot be had in this run: 30.91 % is the nearest";
        assert!(said[0].starts_with(words), "{said:?}");
    }

    #[test]
    fn the_distance_from_the_best_is_rounded_up_and_says_of_which_limits() {
        let proved = |limits_gave_way| OptimalityReport {
            value: Worth::ZERO,
            bound: Worth::ZERO,
            gap_bp: bp("0.2101"),
            limits_gave_way,
            multipliers: Vec::new(),
        };
        assert!(
            optimality(&proved(false)).starts_with("At most 0.3 bp from the best possible within these limits, by")
        );
        assert!(optimality(&proved(true)).contains("within these limits as they gave way, by"));
    }

    #[test]
    fn whole_quantities_say_how_they_were_found_and_how_good_they_are() {
        let found = |nodes, complete, whole_lots| {
            let (value, bound) = (Worth::ZERO, Worth::ZERO);
            integers(&IntegerReport { nodes, complete, whole_lots, value, bound, gap_bp: bp("0.41") })
        };
        let within = "optimal within 0.5 bp by the solver's own bound";
        assert_eq!(found(3, true, 0), format!("Whole quantities: {within}, found after 3 nodes; {DIVISIBLE}"));
        assert_eq!(
            found(1, true, 2),
            format!("Whole quantities, 2 assets in whole lots: {within}, found after 1 node; {DIVISIBLE}")
        );
        assert_eq!(
            found(50, false, 1),
            format!("Whole quantities, 1 asset in whole lots: {within}, close enough after 50 nodes; {DIVISIBLE}")
        );
    }

    #[test]
    fn holdings_are_counted_and_weights_are_not() {
        let figure = |limit| figure(limit, Weight::parse("2").expect("2"));
        assert_eq!((figure("max_holdings"), figure("min_weight(solana)")), ("2".to_owned(), "200.00 %".to_owned()));
    }

    #[test]
    fn a_price_has_two_sides() {
        let price = |tighter_bp| ShadowPriceReport { limit: "turnover".to_owned(), looser_bp: bp("0.8"), tighter_bp };
        let said = "At the margin, a point more room in turnover would be worth 0.80 bp, ";
        assert_eq!(shadow_price(&price(Some(bp("1.1")))), format!("{said}a point less would cost 1.10 bp"));
        assert_eq!(shadow_price(&price(None)), format!("{said}and there can be no less"));
    }

    #[test]
    fn a_margin_names_what_it_takes_and_gives() {
        let margin_of = |takes: &[(&str, &str)]| {
            let takes_bp = takes.iter().map(|(limit, it)| ((*limit).to_owned(), bp(it))).collect();
            margin(&MarginReport { side: Side::Sell, gain_bp: bp("-0.5"), takes_bp })
        };
        assert_eq!(margin_of(&[]), "A point more sold is worth -0.50 bp by itself");
        assert_eq!(
            margin_of(&[("cash_buffer", "-3"), ("turnover", "2"), ("max_run_notional", "1")]),
            "A point more sold is worth -0.50 bp by itself; it takes 1.00 bp of max_run_notional, 2.00 bp of turnover; it \
             gives 3.00 bp of cash_buffer"
        );
    }
}
