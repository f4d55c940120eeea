//! The policies of the instances.

use super::{Kind, WORTH};

/// What a kind asks for in the objective, the limits, the orders and beside them.
#[derive(Default)]
struct Asked {
    limits: String,
    objective: &'static str,
    rest: String,
    min_trade: u32,
}

fn asked(members: u32, kind: Kind) -> Asked {
    let slack = r#"turnover = { bound = "0.9" }"#;
    let categories = |meme: &str, layer_1: &str| {
        format!(
            r#"
categories = [{{ category = "meme", max_weight = "{meme}" }}, {{ category = "layer-1", min_weight = "{layer_1}" }}]"#
        )
    };
    let loose = categories("0.9", "0.01");
    let per_member = |worth: u32| format!("0.{:06}", worth / members);
    let limited = |limits: &str| Asked { limits: format!("{limits}{loose}"), ..Asked::default() };
    let whole = |limits: String| Asked {
        limits: format!("{slack}\n{limits}{loose}"),
        rest: "[integers]\nwhole_lots_above = \"0.0001\"".to_owned(),
        ..Asked::default()
    };
    match kind {
        Kind::Slack => limited(slack),
        Kind::Binds | Kind::Ties => limited(r#"turnover = { bound = "0.1" }"#),
        Kind::Bands => limited(r#"turnover = { bound = "0.2" }"#),
        Kind::Categories => Asked {
            limits: format!("{}{}", r#"turnover = { bound = "0.4" }"#, categories("0.15", "0.4")),
            ..Asked::default()
        },
        Kind::Tail(days) => Asked {
            objective: r#"risk_aversion = "0.05""#,
            limits: format!(
                r#"turnover = {{ bound = "0.3" }}
risk = {{ beta = "0.95", window_days = {days}, min_days = {days}, bound = "0.09", soft = {{ priority = 1 }} }}{loose}"#
            ),
            ..Asked::default()
        },
        Kind::LeastOrders => Asked { min_trade: WORTH / 5 / members, ..whole(String::new()) },
        Kind::FewHoldings => whole(format!("max_holdings = {}", members - members / 5)),
        Kind::LeastWeight => whole(format!("min_weight = \"{}\"", per_member(500_000))),
        Kind::WholeLots | Kind::EqualLots => whole(String::new()),
    }
}

pub(super) fn text(members: u32, kind: Kind) -> String {
    let Asked { limits, objective, rest, min_trade } = asked(members, kind);
    let most_orders = members.min(5_000);
    let on_breach = if kind == Kind::Bands { "to_band_edge" } else { "to_target" };
    format!(
        r#"
schema = 1
name = "Bench"
index = "blue_chip"
quote_currency = "USDT"
[eligibility]
[ranking]
by = "market_cap"
grade = "investor"
members = {members}
enter_rank = {members}
exit_rank = {members}
[reference_weights]
method = "market_cap"
[drift_band]
kind = "five_twenty_five"
on_breach = "{on_breach}"
[objective]
grade_tilt = "0.1"
tracking_aversion = "1"
cost_aversion = "1"
{objective}
[limits]
cash_buffer = {{ bound = "0.01" }}
max_weight = {{ bound = "0.5" }}
{limits}
[costs]
fee = "0.001"
half_spread = "0.0005"
impact = [{{ up_to = "0.001", cost = "0.0002" }}, {{ up_to = "0.01", cost = "0.001" }}, {{ up_to = "0.1", cost = "0.003" }}]
[orders]
collar = "0.01"
valid_minutes = 15
min_trade = "{min_trade}"
max_order_notional = "10000000"
max_run_notional = "100000000"
max_orders = {most_orders}
[guards]
max_price_age_hours = 24
max_grade_age_hours = 48
max_snapshot_skew_hours = 24
max_missing_grades = "0.2"
max_signal_flips = "0.5"
max_price_jump = "3"
{rest}
"#
    )
}
