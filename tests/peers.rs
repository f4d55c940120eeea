//! Other people's rebalances, recomputed by the planner.
//!
//! * **Index Coop**, four rebalances of 2021 (`indexcoop_*.csv`): units behind each share of the index before and
//!   after, what was traded, in slices of which size, in which order.
//!   [`units::trade`] is that fund's own arithmetic and says what each trade must be; [`plan`] arrives at the same
//!   trades from weights, as a pure tracker without costs whose "market cap" is the value of the target. [`slicing`]
//!   cuts and arranges its orders as the fund does, which no venue of this crate asks for.
//! * **crypto-index-fund-bot**, two buy plans (`index_fund_bot_cases.json`): [`plan`] in the flow `deposit_only`.
//!   The bot buys the largest shortfall first, a fixed amount each, whether or not that overshoots. As a program:
//!   grade tilt alone, the shortfall as the grade, the fixed amount as participation limit.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where something is not as it must be"
)]

#[path = "common/shared.rs"]
mod shared;

#[path = "peers/index_coop.rs"]
mod index_coop;

#[path = "peers/index_fund_bot.rs"]
mod index_fund_bot;

#[path = "peers/slicing.rs"]
mod slicing;

#[path = "peers/units.rs"]
mod units;

use index_rebalancer::model::{Decimal, Policy};

/// A policy that only tracks or only tilts: no costs, no band, no collar, nothing excluded.
fn bare_policy(quote: &str, members: u32, objective: &str, rest: &str) -> Policy {
    let text = format!(
        r#"
schema = 1
name = "Peer"
index = "blue_chip"
quote_currency = "{quote}"
[ranking]
by = "market_cap"
grade = "trader"
members = {members}
enter_rank = {members}
exit_rank = {members}
[drift_band]
kind = "none"
[objective]
{objective}
cost_aversion = "1"
[costs]
fee = "0"
half_spread = "0"
[orders]
collar = "0"
valid_minutes = 60
min_turnover = "0"
max_order_notional = "1000000000"
max_run_notional = "1000000000"
max_orders = 100
[guards]
max_price_age_hours = 24
max_grade_age_hours = 24
max_snapshot_skew_hours = 24
max_missing_grades = "1"
max_signal_flips = "1"
max_price_jump = "1000"
{rest}
"#
    );
    toml::from_str(&text).expect("the policy reads")
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect(text)
}
