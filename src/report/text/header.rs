//! The top of a report: who, where, when, from what, with what result; and the sentence it ends on.

use super::canvas::{Canvas, Line, Tone};
use super::{heading, number, time};
use crate::model::policy::GradeKind;
use crate::model::{Flow, Money};
use crate::report::published::RunState;
use crate::report::run::{ExecutionReport, Loaded, Mode, Occasion, OutcomeKind, RunReport, count};

const LABEL: usize = 12;

pub(super) fn header(report: &RunReport, canvas: &Canvas) -> String {
    let mut out = title(report, canvas);
    let mut say = |label: &str, tone: Tone, text: &str| {
        let label = Line::new(Tone::Faint, format!("  {label:<width$}", width = LABEL - 2));
        out.push_str(&canvas.fill(&label, tone, text));
    };
    say("run", Tone::Plain, &report.run_id.to_string());
    say("account", Tone::Plain, &format!("{} at {}, {}", report.account, report.venue, report.environment));
    say("when", Tone::Plain, &when(report));
    say("value", Tone::Plain, &value(report));
    if let Some(loaded) = &report.loaded {
        say("loaded", Tone::Plain, &loaded_sentence(loaded, report));
    }
    if report.flow != Flow::Full {
        say("flow", Tone::Warn, &flow(report));
    }
    say("regime", if report.regime.bearish { Tone::Warn } else { Tone::Plain }, &regime(report));
    let tone = if report.outcome.kind == OutcomeKind::Rebalance { Tone::Strong } else { Tone::Good };
    say("outcome", tone, &report.outcome.sentence);
    if !report.orders.is_empty() {
        say("cost", Tone::Plain, &cost(report));
    }
    if let Some(execution) = &report.execution {
        say("result", result_tone(execution), &result(execution));
        if execution.sent > 0 {
            say("settled", Tone::Plain, &settled(execution, report));
        }
    }
    out
}

fn title(report: &RunReport, canvas: &Canvas) -> String {
    let width = canvas.columns();
    let (tone, badge) = match report.mode {
        Mode::DryRun => (Tone::Warn, "dry run"),
        Mode::Executed => (Tone::Good, "run"),
        Mode::AlreadyDone => (Tone::Warn, "already done"),
        Mode::Stored => (Tone::Faint, "stored run"),
    };
    let portfolio = report.portfolio.to_string();
    let index = canvas.clean(&report.index);
    let left = Line::new(Tone::Strong, portfolio).and(Tone::Plain, "  ").and(Tone::Plain, index);
    let gap = width.saturating_sub(left.width() + badge.len()).max(2);
    let line = left.and(Tone::Plain, " ".repeat(gap)).and(tone, badge);
    let rule = canvas.pick("━", "=").repeat(width);
    format!("{}\n{}\n", line.render(canvas), canvas.paint(Tone::Faint, &rule))
}

fn when(report: &RunReport) -> String {
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

fn value(report: &RunReport) -> String {
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

fn loaded_sentence(loaded: &Loaded, report: &RunReport) -> String {
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

fn flow(report: &RunReport) -> String {
    match &report.flow {
        Flow::Full => "full".to_owned(),
        Flow::DepositOnly => "deposit only: buys what came in, sells nothing".to_owned(),
        Flow::Withdraw(amount) => format!("withdraw: raises {} {}", number::money(*amount), report.quote_currency),
    }
}

fn regime(report: &RunReport) -> String {
    let name = if report.regime.bearish { "bearish" } else { "bullish" };
    let changed = if report.regime.changed { " (changed)" } else { "" };
    let why = report.regime.why.trim();
    if why.is_empty() { format!("{name}{changed}") } else { format!("{name}{changed}: {why}") }
}

fn cost(report: &RunReport) -> String {
    format!(
        "{} {} expected ({} of value) on a turnover of {}",
        number::money(report.estimated_cost),
        report.quote_currency,
        number::basis_points(report.estimated_cost, report.net_asset_value),
        number::percent(report.turnover)
    )
}

fn result_tone(execution: &ExecutionReport) -> Tone {
    match execution.state {
        _ if execution.needs_attention > 0 => Tone::Bad,
        RunState::Aborted => Tone::Bad,
        RunState::Done => Tone::Good,
        _ => Tone::Warn,
    }
}

fn result(execution: &ExecutionReport) -> String {
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

fn settled(execution: &ExecutionReport, report: &RunReport) -> String {
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

pub(super) fn notices(report: &RunReport, canvas: &Canvas) -> String {
    if report.notices.is_empty() {
        return String::new();
    }
    let most = if canvas.full { usize::MAX } else { 8 };
    let mut out = heading(canvas, "Notices", "");
    for notice in report.notices.iter().take(most) {
        out.push_str(&canvas.fill(
            &Line::new(Tone::Warn, format!("  {} ", canvas.pick("•", "*"))),
            Tone::Plain,
            notice,
        ));
    }
    if report.notices.len() > most {
        let more = format!("  {} and {} more; --full shows all", canvas.pick("…", "..."), report.notices.len() - most);
        out.push_str(&canvas.faint_line(&more));
    }
    out
}

/// The sentence a reader is left with.
pub(super) fn closing(report: &RunReport, canvas: &Canvas) -> String {
    let id = report.run_id.to_string();
    let short = id.get(..8).unwrap_or(&id);
    let (tone, text) = match report.mode {
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
        Mode::Executed => executed(report, short),
        Mode::Stored => return String::new(),
    };
    format!("\n{}", canvas.fill(&Line::default(), tone, &text))
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
