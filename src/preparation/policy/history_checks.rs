//! The rules between the fields of what reads daily closes: tail risk, volatility, stops.

use super::checks::Checker;
use crate::model::policy::{InverseVolatility, Policy, RiskLimit, TrailingStop};
use crate::model::{Decimal, Rate, Weight};

/// The longest window, in days: more than ten years of closes is a slip of the pen.
const MAX_DAYS: u32 = 3_660;

/// The least daily volatility that may divide a weight.
const LEAST_FLOOR: Decimal = Decimal::from_parts(1, 0, 0, false, 4);

impl Checker<'_> {
    pub(super) fn history(&mut self, policy: &Policy) {
        let aversion = policy.objective.risk_aversion.filter(|aversion| !aversion.is_zero());
        match &policy.limits.risk {
            Some(rule) => self.risk(rule, aversion),
            None => self.rule(
                aversion.is_none(),
                "objective.risk_aversion",
                &aversion.unwrap_or_default(),
                "there is no limits.risk that says what is measured",
                "add limits.risk with beta, window_days and min_days; its bound may be left out",
            ),
        }
        if let Some(rule) = &policy.reference_weights.inverse_volatility {
            self.inverse_volatility(rule);
        }
        if let Some(rule) = &policy.eligibility.trailing_stop {
            self.trailing_stop(rule);
        }
    }

    /// A number of days from 1. Whether it is.
    fn days(&mut self, field: &str, days: u32) -> bool {
        let holds = (1..=MAX_DAYS).contains(&days);
        self.rule(holds, field, &days, "not from 1 to 3660 days", "write a number of days, at most ten years");
        holds
    }

    /// Whether the window is one.
    fn window(&mut self, field: &str, window_days: u32, min_days: u32) -> bool {
        if !self.days(&format!("{field}.window_days"), window_days) {
            return false;
        }
        let holds = (1..=window_days).contains(&min_days);
        let problem = "not from 1 to window_days";
        let remedy = format!("write the fewest closes by which an asset is judged, at most {window_days}");
        self.rule(holds, &format!("{field}.min_days"), &min_days, problem, &remedy);
        true
    }

    fn risk(&mut self, rule: &RiskLimit, aversion: Option<Rate>) {
        let RiskLimit { beta, horizon_days, window_days, min_days, bound, soft } = rule;
        let holds = *beta > Weight::ZERO && *beta < Weight::ONE;
        let remedy = "write a confidence level: the worst twentieth of the days is beta = \"0.95\"";
        self.rule(holds, "limits.risk.beta", beta, "not above 0 and below 1", remedy);
        let _ = self.days("limits.risk.horizon_days", *horizon_days);
        let problem = format!("not above horizon_days ({horizon_days}), so a coin might have no return at all");
        let remedy = "ask for more closes, or take a shorter horizon";
        self.rule(min_days > horizon_days, "limits.risk.min_days", min_days, &problem, remedy);
        if self.window("limits.risk", *window_days, *min_days) && holds {
            let tail = rule.tail() * Decimal::from(*window_days);
            let problem = format!("the worst {} of {window_days} days are less than one", rule.tail().normalize());
            let remedy = "write more days, or a lower beta";
            self.rule(tail >= Decimal::ONE, "limits.risk.window_days", window_days, &problem, remedy);
        }
        match bound {
            Some(bound) => {
                self.positive_share("limits.risk.bound", *bound);
                self.soft("limits.risk", soft.as_ref());
                self.hard_bound("limits.risk", *bound, soft.as_ref(), true);
            }
            None if soft.is_some() => {
                let problem = "there is no bound that could give way";
                self.rule(false, "limits.risk.soft", &"", problem, "add a bound or remove this");
            }
            None => {
                let problem = "neither a bound nor objective.risk_aversion, so what is measured decides nothing";
                self.rule(
                    aversion.is_some(),
                    "limits.risk.bound",
                    &"",
                    problem,
                    "add one of the two, or remove limits.risk",
                );
            }
        }
    }

    fn inverse_volatility(&mut self, rule: &InverseVolatility) {
        let InverseVolatility { window_days, min_days, floor } = rule;
        let field = "reference_weights.inverse_volatility";
        let _ = self.window(field, *window_days, *min_days);
        let problem = "below 3, and a deviation needs two returns";
        self.rule(*min_days >= 3, &format!("{field}.min_days"), min_days, problem, "write a number of days from 3");
        let holds = floor.get() >= LEAST_FLOOR && floor.get() < Decimal::ONE;
        let problem = "not from 0.0001 to below 1";
        let remedy =
            "write a daily volatility such as \"0.01\": without a floor what hardly moved would take everything";
        self.rule(holds, &format!("{field}.floor"), floor, problem, remedy);
    }

    fn trailing_stop(&mut self, rule: &TrailingStop) {
        let TrailingStop { fall, window_days, cool_down_days } = rule;
        let field = "eligibility.trailing_stop";
        let holds = !fall.is_zero() && fall.get() < Decimal::ONE;
        let remedy = "write a fraction: 30 % below the high is \"0.3\"";
        self.rule(holds, &format!("{field}.fall"), fall, "not above 0 and below 1", remedy);
        let _ = self.days(&format!("{field}.window_days"), *window_days);
        let _ = self.days(&format!("{field}.cool_down_days"), *cool_down_days);
    }
}
