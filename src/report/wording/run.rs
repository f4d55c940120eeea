//! Sentences about a run: the head of its report and the sentence it ends on.

use super::{Tone, number, time};
use crate::model::policy::GradeKind;
use crate::model::{Flow, Money};
use crate::report::published::RunState;
use crate::report::run::{ExecutionReport, Loaded, Mode, Occasion, RunReport, count};

/// When it was due, and until when its orders may be sent.
#[must_use]
pub fn when(report: &RunReport) -> String {
    let as_of = time(report.as_of);
    let occasion = match &report.occasion {
        Occasion::Scheduled(at) if *at == report.as_of => format!("scheduled for {as_of}"),
        Occasion::Scheduled(at) => format!("scheduled for {}, planned as of {as_of}", time(*at)),
        Occasion::Manual(label) => format!("by hand, labelled {label}, planned as of {as_of}"),
    };
    if report.orders.is_empty() {
        return occasion;
    }
    let until = time(report.valid_until);
    // The day is said once.
    let day = as_of.get(..11).unwrap_or_default();
    format!("{occasion}; orders valid until {}", until.strip_prefix(day).unwrap_or(&until))
}

/// What the portfolio was worth before trading.
#[must_use]
pub fn value(report: &RunReport) -> String {
    let quote = &report.quote_currency;
    let holdings = report.net_asset_value - report.cash.before;
    format!(
        "{} {quote}: holdings {}, cash {} ({})",
        number::money(report.net_asset_value),
        number::money(holdings),
        number::money(report.cash.before),
        number::percent(report.cash.weight_before)
    )
}

/// What went into the plan.
#[must_use]
pub fn loaded(loaded: &Loaded, report: &RunReport) -> String {
    let grade = match loaded.grade {
        GradeKind::Trader => "Trader Grade",
        GradeKind::Investor => "Investor Grade",
    };
    let notices =
        if report.notices.is_empty() { String::new() } else { format!("; {}", count(report.notices.len(), "notice")) };
    format!(
        "{}: {} listed, {} with {grade}, {} with signal; {} held{notices}",
        count(loaded.assets, "asset"),
        loaded.listed,
        loaded.graded,
        loaded.with_signal,
        loaded.held,
    )
}

/// What kind of rebalance it is.
#[must_use]
pub fn flow(report: &RunReport) -> String {
    match &report.flow {
        Flow::Full => "full".to_owned(),
        Flow::DepositOnly => "deposit only: buys what came in, sells nothing".to_owned(),
        Flow::Withdraw(amount) => format!("withdraw: raises {} {}", number::money(*amount), report.quote_currency),
    }
}

/// Bullish or bearish, and why.
#[must_use]
pub fn regime(report: &RunReport) -> String {
    let name = if report.regime.bearish { "bearish" } else { "bullish" };
    let changed = if report.regime.changed { " (changed)" } else { "" };
    let why = report.regime.why.trim();
    if why.is_empty() { format!("{name}{changed}") } else { format!("{name}{changed}: {why}") }
}

/// What trading was expected to cost.
#[must_use]
pub fn cost(report: &RunReport) -> String {
    format!(
        "{} {} expected ({} of value) on a turnover of {}",
        number::money(report.estimated_cost),
        report.quote_currency,
        number::basis_points(report.estimated_cost, report.net_asset_value),
        number::percent(report.turnover)
    )
}

/// How well it ended.
#[must_use]
pub fn result_tone(execution: &ExecutionReport) -> Tone {
    match execution.state {
        _ if execution.needs_attention > 0 => Tone::Bad,
        RunState::Aborted => Tone::Bad,
        RunState::Done => Tone::Good,
        _ => Tone::Warn,
    }
}

/// How the run ended, order by order.
#[must_use]
pub fn result(execution: &ExecutionReport) -> String {
    let states: Vec<String> = execution
        .orders_by_state
        .iter()
        .map(|(state, number)| format!("{number} {}", state.replace('_', " ")))
        .collect();
    let states = if states.is_empty() { "no orders".to_owned() } else { states.join(", ") };
    let reason = if execution.reason.is_empty() { String::new() } else { format!("; {}", execution.reason) };
    let attention = match execution.needs_attention {
        0 => String::new(),
        number => format!("; look at {} at the venue", count(number, "order")),
    };
    format!("{}: {states}{reason}{attention}", execution.state)
}

/// What was traded and paid, and what is left.
#[must_use]
pub fn settled(execution: &ExecutionReport, report: &RunReport) -> String {
    let traded = execution.bought + execution.sold;
    let mut parts = vec![
        format!("bought {}, sold {}", number::money(execution.bought), number::money(execution.sold)),
        format!("fees {}", number::money(execution.fees)),
        format!(
            "slippage {} ({})",
            number::money(execution.slippage),
            number::basis_points(execution.slippage, traded)
        ),
    ];
    if let Some(cash) = execution.cash_after {
        parts.push(format!("cash now {}", number::money(cash)));
    }
    if let Some(value) = execution.net_asset_value_after {
        parts.push(format!("value now {} {}", number::money(value), report.quote_currency));
    }
    parts.join(", ")
}

/// What the reader is looking at.
#[must_use]
pub const fn badge(mode: Mode) -> (Tone, &'static str) {
    match mode {
        Mode::DryRun => (Tone::Warn, "dry run"),
        Mode::Executed => (Tone::Good, "run"),
        Mode::Proposed => (Tone::Warn, "proposal"),
        Mode::AlreadyDone => (Tone::Warn, "already done"),
        Mode::Stored => (Tone::Faint, "stored run"),
    }
}

/// The sentence a reader is left with; nothing for a run that is only shown.
#[must_use]
pub fn closing(report: &RunReport) -> Option<(Tone, String)> {
    let short = short_id(report);
    Some(match report.mode {
        Mode::DryRun if report.orders.is_empty() => {
            (Tone::Warn, "Dry run: nothing was written. A run would send nothing.".to_owned())
        }
        Mode::DryRun => (
            Tone::Warn,
            "Dry run: nothing was written or sent. `rebalance run` sends these orders under these keys.".to_owned(),
        ),
        Mode::AlreadyDone => (
            Tone::Warn,
            format!("Already done: this is the stored result; 0 new orders. `rebalance show {short}` shows all of it."),
        ),
        Mode::Executed => executed(report, &short),
        Mode::Proposed => (Tone::Warn, proposed(report, &short)),
        Mode::Stored => return None,
    })
}

fn proposed(report: &RunReport, short: &str) -> String {
    let execution = report.execution.as_ref();
    let digest = execution.and_then(|execution| execution.plan_digest.as_deref()).unwrap_or_default();
    let until = execution.and_then(|execution| execution.approval.as_ref()).map(|approval| time(approval.until));
    format!(
        "A proposal: nothing was sent, and the account is held until {}. `rebalance approve {short} --plan {digest}` sends exactly this.",
        until.unwrap_or_default()
    )
}

/// Enough of a run's id for a command.
#[must_use]
pub fn short_id(report: &RunReport) -> String {
    report.run_id.to_string().chars().take(8).collect()
}

fn executed(report: &RunReport, short: &str) -> (Tone, String) {
    let Some(execution) = &report.execution else { return (Tone::Plain, String::new()) };
    let more = format!("`rebalance explain {short}` tells why.");
    if execution.needs_attention > 0 && !matches!(execution.state, RunState::Done | RunState::Aborted) {
        let orders = count(execution.needs_attention, "order");
        let text = format!(
            "A person must look at {orders} at the venue; until their fate is known the account stays locked. `rebalance settle {short}` looks again and takes an answer."
        );
        return (Tone::Bad, text);
    }
    if execution.needs_attention > 0 {
        return (
            Tone::Bad,
            format!("A person must look at {} at the venue. {more}", count(execution.needs_attention, "order")),
        );
    }
    match execution.state {
        RunState::Done if report.orders.is_empty() => (Tone::Good, format!("Done: 0 new orders. {more}")),
        RunState::Done => {
            let traded = execution.bought + execution.sold;
            let quote = &report.quote_currency;
            let text = format!(
                "Done: {}, {} {quote} traded. {more}",
                count(execution.sent, "new order"),
                number::money(traded)
            );
            (if traded > Money::ZERO { Tone::Good } else { Tone::Warn }, text)
        }
        RunState::Aborted => (Tone::Bad, format!("Aborted: {}", execution.reason)),
        state => (
            Tone::Warn,
            format!(
                "Not finished: the run is {state}. `rebalance run` again, or `rebalance recover`, takes it up where it stopped."
            ),
        ),
    }
}
