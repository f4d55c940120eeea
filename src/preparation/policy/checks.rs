//! The rules between a policy's fields. Every check runs, so that one reading mends everything.

use crate::model::policy::{
    BandKind, CategoryLimit, Costs, DriftBand, Eligibility, Guards, Limit, Limits, Objective, OrderPolicy,
    POLICY_SCHEMA, Policy, Ranking, ReferenceWeights, RegimePolicy, Soft, SolverBackend,
};
use crate::model::{Decimal, Money, Rate, Weight};
use crate::planning::has_backend;
use crate::preparation::BadInput;

/// The most constituents, orders or minutes a policy may ask for: beyond these a figure is a slip of the pen.
const MAX_MEMBERS: u32 = 10_000;
const MAX_ORDERS: u32 = 5_000;
const MAX_VALID_MINUTES: u32 = 24 * 60;
const MAX_NODES: u32 = 1_000_000;

/// Everything wrong with the policy.
pub(super) fn faults(place: &str, policy: &Policy) -> Vec<BadInput> {
    let mut check = Checker { place, faults: Vec::new() };
    check.head(policy);
    check.eligibility(&policy.eligibility);
    check.ranking(&policy.ranking);
    check.reference_weights(&policy.reference_weights, policy.ranking.members);
    if let Some(regime) = &policy.regime {
        check.regime(regime, policy);
    }
    check.drift_band(&policy.drift_band);
    check.objective(&policy.objective);
    check.limits(&policy.limits, policy);
    check.costs(&policy.costs);
    check.orders(&policy.orders);
    check.integers(policy);
    check.collar(policy.orders.collar, policy.costs.half_spread);
    check.guards(&policy.guards);
    check.solver(policy.solver_backend());
    check.history(policy);
    check.faults
}

pub(super) struct Checker<'a> {
    place: &'a str,
    faults: Vec<BadInput>,
}

impl Checker<'_> {
    /// Records a fault unless the rule holds.
    pub(super) fn rule(&mut self, holds: bool, field: &str, value: &dyn ToString, problem: &str, remedy: &str) {
        if !holds {
            self.faults.push(BadInput::new(self.place, field, &value.to_string(), problem, remedy));
        }
    }

    /// A fraction from 0 to 1.
    fn share(&mut self, field: &str, value: Weight) {
        let holds = value >= Weight::ZERO && value <= Weight::ONE;
        self.rule(holds, field, &value, "not a fraction from 0 to 1", "write a fraction: a quarter is \"0.25\"");
    }

    /// A fraction above 0, at most 1.
    pub(super) fn positive_share(&mut self, field: &str, value: Weight) {
        let holds = value > Weight::ZERO && value <= Weight::ONE;
        self.rule(
            holds,
            field,
            &value,
            "not a fraction above 0 and at most 1",
            "write a fraction: a quarter is \"0.25\"",
        );
    }

    /// A rate from 0 to below 1.
    fn rate_below_one(&mut self, field: &str, value: Rate) {
        let holds = value.get() < Decimal::ONE;
        self.rule(holds, field, &value, "not below 1", "write a fraction: ten basis points are \"0.001\"");
    }

    fn not_negative(&mut self, field: &str, value: Option<Money>) {
        if let Some(value) = value {
            self.rule(value >= Money::ZERO, field, &value, "below 0", "write an amount from 0");
        }
    }

    fn at_least_one(&mut self, field: &str, value: u32) {
        self.rule(value >= 1, field, &value, "below 1", "write a whole number from 1");
    }

    /// Before anything is claimed: a run that could not be planned would be in nobody's interest.
    fn solver(&mut self, backend: SolverBackend) {
        let remedy =
            "leave solver.backend out, or build with the feature `highs` (`make package-full` for the function)";
        self.rule(has_backend(backend), "solver.backend", &backend.as_str(), "not in this build", remedy);
    }

    fn head(&mut self, policy: &Policy) {
        let remedy = "write schema = 1; this build reads no other version";
        self.rule(policy.schema == POLICY_SCHEMA, "schema", &policy.schema, "unknown version of the format", remedy);
        let name = &policy.name;
        let plain = !name.trim().is_empty() && name.chars().count() <= 64 && !name.chars().any(char::is_control);
        self.rule(plain, "name", name, "not a plain name", "write 1 to 64 characters without control characters");
        let quote = &policy.quote_currency;
        let plain = (1..=12).contains(&quote.len())
            && quote.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        self.rule(
            plain,
            "quote_currency",
            quote,
            "not a currency",
            "write 1 to 12 upper-case letters and digits, such as USDT",
        );
    }

    fn eligibility(&mut self, eligibility: &Eligibility) {
        let Eligibility { min_market_cap, max_market_cap, min_average_daily_volume, .. } = eligibility;
        self.not_negative("eligibility.min_market_cap", *min_market_cap);
        self.not_negative("eligibility.min_average_daily_volume", *min_average_daily_volume);
        if let Some(most) = max_market_cap {
            let least = min_market_cap.unwrap_or(Money::ZERO);
            let problem = "not above min_market_cap, so nothing is eligible";
            self.rule(*most > least, "eligibility.max_market_cap", most, problem, "raise it or lower min_market_cap");
        }
    }

    fn ranking(&mut self, ranking: &Ranking) {
        let Ranking { members, enter_rank, exit_rank, .. } = ranking;
        self.at_least_one("ranking.members", *members);
        self.rule(*members <= MAX_MEMBERS, "ranking.members", members, "above 10000", "write fewer members");
        self.at_least_one("ranking.enter_rank", *enter_rank);
        let remedy = format!("write at most members ({members})");
        self.rule(enter_rank <= members, "ranking.enter_rank", enter_rank, "above members", &remedy);
        let remedy = format!("write at least members ({members})");
        self.rule(exit_rank >= members, "ranking.exit_rank", exit_rank, "below members", &remedy);
    }

    fn reference_weights(&mut self, weights: &ReferenceWeights, members: u32) {
        let tiers = "reference_weights.cap_tiers";
        let mut before: Option<Weight> = None;
        let (mut covered, mut reachable) = (0_u32, Decimal::ZERO);
        for tier in &weights.cap_tiers {
            self.at_least_one(&format!("{tiers}.top"), tier.top);
            self.positive_share(&format!("{tiers}.max_weight"), tier.max_weight);
            if let Some(before) = before {
                let problem = "above the cap of the tier before it, which holds larger assets";
                self.rule(
                    tier.max_weight <= before,
                    &format!("{tiers}.max_weight"),
                    &tier.max_weight,
                    problem,
                    "let caps fall from tier to tier",
                );
            }
            before = Some(tier.max_weight);
            let counted = tier.top.min(members.saturating_sub(covered));
            covered = covered.saturating_add(tier.top);
            reachable += Decimal::from(counted) * tier.max_weight.get();
        }
        let rest = members.saturating_sub(covered);
        match weights.max_weight {
            Some(cap) => {
                self.positive_share("reference_weights.max_weight", cap);
                if let Some(last) = before {
                    let problem = "above the last tier's cap, which holds larger assets";
                    self.rule(
                        cap <= last,
                        "reference_weights.max_weight",
                        &cap,
                        problem,
                        "let caps fall from tier to tier",
                    );
                }
                reachable += Decimal::from(rest) * cap.get();
            }
            None if rest > 0 => reachable = Decimal::ONE,
            None => {}
        }
        let shown = weights.max_weight.map_or_else(|| "none".to_owned(), |cap| cap.to_string());
        let problem = format!("the caps of all {members} members together are {}, below 1", reachable.normalize());
        self.rule(
            reachable >= Decimal::ONE,
            "reference_weights.max_weight",
            &shown,
            &problem,
            "raise the caps or take more members",
        );
    }

    fn regime(&mut self, regime: &RegimePolicy, policy: &Policy) {
        self.share("regime.bullish_at", regime.bullish_at);
        self.share("regime.bearish_at", regime.bearish_at);
        let holds = regime.bearish_at < regime.bullish_at;
        self.rule(
            holds,
            "regime.bearish_at",
            &regime.bearish_at,
            "not below bullish_at",
            "leave a gap in which the regime stays as it is",
        );
        self.at_least_one("regime.confirmations", regime.confirmations);
        self.share("regime.bullish_stable_share", regime.bullish_stable_share);
        self.share("regime.bearish_stable_share", regime.bearish_stable_share);
        let holds = regime.bullish_stable_share <= regime.bearish_stable_share;
        let problem = "above bearish_stable_share";
        self.rule(
            holds,
            "regime.bullish_stable_share",
            &regime.bullish_stable_share,
            problem,
            "hold more stable value while bearish, not less",
        );
        let holds = !regime.max_depeg.is_zero() && regime.max_depeg.get() < Decimal::ONE;
        self.rule(
            holds,
            "regime.max_depeg",
            &regime.max_depeg,
            "not above 0 and below 1",
            "write a fraction such as \"0.02\"",
        );
        for leg in &regime.stable_legs {
            let holds = !policy.guards.unmanaged_assets.contains(leg);
            self.rule(
                holds,
                "regime.stable_legs",
                leg,
                "the leg is unmanaged too",
                "remove it from guards.unmanaged_assets",
            );
        }
    }

    fn drift_band(&mut self, band: &DriftBand) {
        match (band.kind, band.width) {
            (BandKind::Absolute | BandKind::Relative, None) => {
                self.rule(
                    false,
                    "drift_band.width",
                    &"",
                    "this kind of band needs a width",
                    "add width = \"0.05\" or choose kind = \"none\"",
                );
            }
            (_, Some(width)) => self.positive_share("drift_band.width", width),
            (_, None) => {}
        }
    }

    fn objective(&mut self, objective: &Objective) {
        let Objective { grade_tilt, tracking_aversion, cost_aversion, .. } = objective;
        let problem = "not above 0, so buying and selling the same asset at once would be free";
        self.rule(
            !cost_aversion.is_zero(),
            "objective.cost_aversion",
            cost_aversion,
            problem,
            "write a factor such as \"1\"",
        );
        let holds = !grade_tilt.is_zero() || !tracking_aversion.is_zero();
        let problem = "grade_tilt and tracking_aversion are both 0, so nothing is wanted";
        self.rule(
            holds,
            "objective.tracking_aversion",
            tracking_aversion,
            problem,
            "give one of the two a value above 0",
        );
    }

    pub(super) fn soft(&mut self, field: &str, soft: Option<&Soft>) {
        if let Some(soft) = soft {
            self.at_least_one(&format!("{field}.soft.priority"), soft.priority);
            if let Some(bound) = soft.hard_bound {
                self.share(&format!("{field}.soft.hard_bound"), bound);
            }
        }
    }

    /// A hard bound lies beyond the bound it backs: above a most, below a least.
    pub(super) fn hard_bound(&mut self, field: &str, bound: Weight, soft: Option<&Soft>, is_most: bool) {
        let Some(hard) = soft.and_then(|soft| soft.hard_bound) else { return };
        let (holds, problem, remedy) = if is_most {
            (hard >= bound, "below the bound", "write a hard_bound at or above the bound: the limit gives way upwards")
        } else {
            (
                hard <= bound,
                "above the bound",
                "write a hard_bound at or below the bound: the limit gives way downwards",
            )
        };
        self.rule(holds, &format!("{field}.soft.hard_bound"), &hard, problem, remedy);
    }

    fn limit(&mut self, field: &str, limit: Option<&Limit>, is_most: bool) {
        let Some(Limit { bound, soft }) = limit else { return };
        if is_most {
            self.positive_share(&format!("{field}.bound"), *bound);
        } else {
            self.share(&format!("{field}.bound"), *bound);
        }
        self.soft(field, soft.as_ref());
        self.hard_bound(field, *bound, soft.as_ref(), is_most);
    }

    fn limits(&mut self, limits: &Limits, policy: &Policy) {
        self.limit("limits.cash_buffer", limits.cash_buffer.as_ref(), false);
        self.limit("limits.max_weight", limits.max_weight.as_ref(), true);
        self.limit("limits.turnover", limits.turnover.as_ref(), true);
        for (asset, cap) in &limits.max_weight_of {
            self.share(&format!("limits.max_weight_of.{asset}"), *cap);
        }
        if limits.max_weight.is_none() && !limits.max_weight_of.is_empty() {
            let problem = "exceptions without max_weight, whose softness they share";
            self.rule(false, "limits.max_weight_of", &limits.max_weight_of.len(), problem, "add limits.max_weight");
        }
        self.cash_target(limits, policy.reference_weights.cash);
        self.reachable(limits, policy);
        self.category_limits(&limits.categories);
        if let Some(participation) = limits.participation {
            let holds = !participation.is_zero() && participation.get() <= Decimal::ONE;
            self.rule(
                holds,
                "limits.participation",
                &participation,
                "not above 0 and at most 1",
                "write a fraction such as \"0.05\"",
            );
        }
        if let Some(soft) = &limits.stable_share {
            self.soft("limits.stable_share", Some(soft));
            let bound =
                policy.regime.as_ref().map(|regime| regime.bullish_stable_share.max(regime.bearish_stable_share));
            self.rule(
                bound.is_some(),
                "limits.stable_share",
                &"",
                "there is no [regime] whose share could give way",
                "add [regime] or remove this",
            );
            self.hard_bound("limits.stable_share", bound.unwrap_or(Weight::ONE), Some(soft), false);
        }
    }

    fn cash_target(&mut self, limits: &Limits, cash: Option<Weight>) {
        let Some(cash) = cash else { return };
        self.share("reference_weights.cash", cash);
        let buffer = limits.cash_buffer.as_ref().map_or(Weight::ZERO, |limit| limit.bound);
        let remedy = format!("write at least the buffer ({buffer}), or leave it out");
        self.rule(cash >= buffer, "reference_weights.cash", &cash, "below limits.cash_buffer", &remedy);
    }

    /// Whole holdings, whole lots, and how far they are searched.
    fn integers(&mut self, policy: &Policy) {
        let limits = &policy.limits;
        if let Some(least) = limits.min_weight {
            self.positive_share("limits.min_weight", least);
            let caps = limits.max_weight.iter().map(|cap| cap.bound).chain(limits.max_weight_of.values().copied());
            if let Some(cap) = caps.filter(|cap| !cap.is_zero() && *cap <= least).min() {
                let problem = format!("not below the cap {cap} of limits.max_weight or max_weight_of");
                self.rule(
                    false,
                    "limits.min_weight",
                    &least,
                    &problem,
                    "lower it, raise the cap, or cap the asset at 0",
                );
            }
        }
        if let Some(most) = limits.max_holdings {
            self.at_least_one("limits.max_holdings", most);
        }
        let Some(integers) = &policy.integers else { return };
        if let Some(nodes) = integers.max_nodes {
            let holds = (1..=MAX_NODES).contains(&nodes);
            self.rule(
                holds,
                "integers.max_nodes",
                &nodes,
                "not from 1 to 1000000",
                "write how many programs may be solved",
            );
        }
        if let Some(gap) = integers.max_gap {
            self.share("integers.max_gap", gap);
        }
        if let Some(lot) = integers.whole_lots_above {
            self.share("integers.whole_lots_above", lot);
        }
    }

    /// The members' caps must hold what is neither cash buffer nor stable.
    fn reachable(&mut self, limits: &Limits, policy: &Policy) {
        let Some(cap) = &limits.max_weight else { return };
        let members = policy.ranking.members;
        let mut caps: Vec<Decimal> =
            limits.max_weight_of.values().map(|cap| cap.get()).filter(|own| *own > cap.bound.get()).collect();
        caps.sort_unstable_by(|left, right| right.cmp(left));
        caps.truncate(usize::try_from(members).unwrap_or(usize::MAX));
        let plain = members.saturating_sub(u32::try_from(caps.len()).unwrap_or(u32::MAX));
        let reachable = caps.iter().sum::<Decimal>() + Decimal::from(plain) * cap.bound.get();
        let buffer = limits.cash_buffer.as_ref().map_or(Decimal::ZERO, |limit| limit.bound.get());
        let stable = policy.regime.as_ref().map_or(Decimal::ZERO, |regime| regime.bullish_stable_share.get());
        let invested = Decimal::ONE - buffer.max(stable);
        let remedy = format!(
            "{members} members at most {} each hold {} of the {} to be invested; raise the cap or take more members",
            cap.bound,
            reachable.normalize(),
            invested.normalize()
        );
        self.rule(
            reachable >= invested,
            "limits.max_weight.bound",
            &cap.bound,
            "the caps are too tight for the index",
            &remedy,
        );
    }

    fn category_limits(&mut self, categories: &[CategoryLimit]) {
        for (index, limit) in categories.iter().enumerate() {
            let CategoryLimit { category, min_weight, max_weight, soft } = limit;
            let field = format!("limits.categories.{category}");
            let holds = min_weight.is_some() || max_weight.is_some();
            self.rule(holds, &field, &"", "neither min_weight nor max_weight", "state at least one of the two");
            for (name, bound) in [("min_weight", min_weight), ("max_weight", max_weight)] {
                if let Some(bound) = bound {
                    self.share(&format!("{field}.{name}"), *bound);
                }
            }
            self.soft(&field, soft.as_ref());
            match (min_weight, max_weight) {
                (Some(least), Some(most)) => {
                    self.rule(least <= most, &format!("{field}.min_weight"), least, "above max_weight", "swap the two");
                    let hard = soft.as_ref().and_then(|soft| soft.hard_bound);
                    let problem = "with both a least and a most it is unclear which one it backs";
                    let remedy = "write two entries for the category, one for each side";
                    self.rule(
                        hard.is_none(),
                        &format!("{field}.soft.hard_bound"),
                        &hard.unwrap_or_default(),
                        problem,
                        remedy,
                    );
                }
                (Some(least), None) => self.hard_bound(&field, *least, soft.as_ref(), false),
                (None, Some(most)) => self.hard_bound(&field, *most, soft.as_ref(), true),
                (None, None) => {}
            }
            let same_side = |other: &CategoryLimit| {
                other.category == *category
                    && (other.min_weight.is_some() && min_weight.is_some()
                        || other.max_weight.is_some() && max_weight.is_some())
            };
            let holds = !categories.iter().take(index).any(same_side);
            self.rule(holds, &field, category, "two limits on the same side of this category", "keep one of them");
        }
    }

    fn costs(&mut self, costs: &Costs) {
        self.rate_below_one("costs.fee", costs.fee);
        self.rate_below_one("costs.half_spread", costs.half_spread);
        for piece in &costs.impact {
            self.rule(
                !piece.up_to.is_zero(),
                "costs.impact.up_to",
                &piece.up_to,
                "not above 0",
                "write a share of daily volume such as \"0.01\"",
            );
            self.rate_below_one("costs.impact.cost", piece.cost);
        }
        for (before, piece) in costs.impact.iter().zip(costs.impact.iter().skip(1)) {
            let holds = piece.up_to > before.up_to;
            self.rule(
                holds,
                "costs.impact.up_to",
                &piece.up_to,
                "not above the piece before it",
                "sort the pieces by up_to, rising",
            );
            let holds = piece.cost > before.cost;
            self.rule(
                holds,
                "costs.impact.cost",
                &piece.cost,
                "not above the piece before it",
                "let impact rise with size: it must be convex",
            );
        }
    }

    fn orders(&mut self, orders: &OrderPolicy) {
        let holds = !orders.collar.is_zero() && orders.collar.get() < Decimal::ONE;
        self.rule(
            holds,
            "orders.collar",
            &orders.collar,
            "not above 0 and below 1",
            "write a fraction such as \"0.005\"",
        );
        let holds = (1..=MAX_VALID_MINUTES).contains(&orders.valid_minutes);
        self.rule(
            holds,
            "orders.valid_minutes",
            &orders.valid_minutes,
            "not from 1 to 1440",
            "write minutes, at most a day",
        );
        self.not_negative("orders.min_trade", Some(orders.min_trade));
        if let Some(turnover) = orders.min_turnover {
            self.share("orders.min_turnover", turnover);
        }
        let remedy = "write the most that one order may be worth";
        self.rule(
            orders.max_order_notional > Money::ZERO,
            "orders.max_order_notional",
            &orders.max_order_notional,
            "not above 0",
            remedy,
        );
        let holds = orders.max_run_notional >= orders.max_order_notional;
        self.rule(
            holds,
            "orders.max_run_notional",
            &orders.max_run_notional,
            "below max_order_notional",
            "write the most that all orders of a run may be worth",
        );
        if let Some(day) = orders.max_day_notional {
            self.rule(
                day >= orders.max_run_notional,
                "orders.max_day_notional",
                &day,
                "below max_run_notional",
                "write the most that all runs on the account may be worth in one UTC day, or leave it out",
            );
        }
        let holds = orders.min_trade <= orders.max_order_notional;
        self.rule(
            holds,
            "orders.min_trade",
            &orders.min_trade,
            "above max_order_notional, so no order is possible",
            "lower it",
        );
        self.at_least_one("orders.max_orders", orders.max_orders);
        self.rule(
            orders.max_orders <= MAX_ORDERS,
            "orders.max_orders",
            &orders.max_orders,
            "above 5000",
            "write fewer",
        );
    }

    /// Prices are mid prices: a buy meets the ask half a spread above, a sell the bid half a spread below.
    fn collar(&mut self, collar: Rate, half_spread: Rate) {
        let problem = format!("not above costs.half_spread ({half_spread}), so no order would fill");
        let remedy = "raise orders.collar, or lower costs.half_spread if the market is tighter";
        self.rule(collar > half_spread, "orders.collar", &collar, &problem, remedy);
    }

    fn guards(&mut self, guards: &Guards) {
        self.at_least_one("guards.max_price_age_hours", guards.max_price_age_hours);
        self.at_least_one("guards.max_grade_age_hours", guards.max_grade_age_hours);
        self.share("guards.max_missing_grades", guards.max_missing_grades);
        self.share("guards.max_signal_flips", guards.max_signal_flips);
        if let Some(flips) = guards.max_grade_flips {
            self.share("guards.max_grade_flips", flips);
        }
        let holds = guards.max_price_jump.get() > Decimal::ONE;
        let problem = "not above 1, so every price would be a jump";
        self.rule(holds, "guards.max_price_jump", &guards.max_price_jump, problem, "write a factor such as \"3\"");
    }
}
