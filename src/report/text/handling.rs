//! `recover`, `settle` and `abort`: what became of each run, and what a person must do.

use super::canvas::{Canvas, Line, Tone};
use super::{number, time};
use crate::report::handling::{HandledOutcome, HandledRun, OrderAttention};
use crate::report::run::count;

/// One paragraph for each run.
#[must_use]
pub fn handled(runs: &[HandledRun], canvas: &Canvas) -> String {
    if runs.is_empty() {
        return "Nothing to recover: every run of the store is settled.\n".to_owned();
    }
    runs.iter().map(|run| one(run, canvas)).collect::<Vec<_>>().join("\n")
}

fn one(run: &HandledRun, canvas: &Canvas) -> String {
    let short: String = run.run_id.to_string().chars().take(8).collect();
    let head = Line::plain("run ").and(Tone::Strong, short.as_str());
    let mut out =
        canvas.fill(&head.and(Tone::Plain, "  "), Tone::Faint, &format!("{} on {}", run.portfolio, run.account));
    let (tone, text) = sentence(run);
    out.push_str(&canvas.fill(&Line::plain("  "), tone, &text));
    if !run.reason.is_empty() {
        out.push_str(&canvas.fill(&Line::plain("  reason: "), Tone::Plain, &canvas.clean(&run.reason)));
    }
    if let Some(error) = &run.error {
        out.push_str(&canvas.fill(&Line::new(Tone::Bad, "  error: "), Tone::Plain, &canvas.clean(&error.message)));
    }
    if !run.attention.is_empty() {
        let text = format!("A person must look at {} at the venue:", count(run.attention.len(), "order"));
        out.push_str(&canvas.fill(&Line::plain("  "), Tone::Bad, &text));
    }
    for order in &run.attention {
        out.push_str(&attention(order, &short, canvas));
    }
    out
}

fn sentence(run: &HandledRun) -> (Tone, String) {
    let (before, now) = (run.state_before, run.state);
    match run.outcome {
        HandledOutcome::Settled => {
            (Tone::Good, format!("was {before}, is {now}: every order has its end, the account is free"))
        }
        HandledOutcome::AlreadySettled => (Tone::Plain, format!("is {now} and settled; nothing was done")),
        HandledOutcome::Unsettled if run.attention.is_empty() && run.orders_resting > 0 => {
            let verb = if run.orders_resting == 1 { "rests" } else { "rest" };
            let rest = format!("{} {verb} at the venue within validity", count(run.orders_resting, "order"));
            (Tone::Warn, format!("was {before}, is {now}: {rest}; the account stays locked meanwhile"))
        }
        HandledOutcome::Unsettled if run.attention.is_empty() => (
            Tone::Warn,
            format!("was {before}, is {now}: the account stays locked; `rebalance recover` goes on with it"),
        ),
        HandledOutcome::Unsettled => (Tone::Bad, format!("was {before}, is {now}: the account stays locked")),
        HandledOutcome::AwaitsInput => {
            (Tone::Warn, "has no plan yet and waits for its event to come again; nothing was done".to_owned())
        }
        HandledOutcome::AwaitsApproval => {
            (Tone::Warn, "is a proposal that nobody has approved yet; nothing was done".to_owned())
        }
        HandledOutcome::Failed => (Tone::Bad, format!("is {now}; nothing was done, the account stays locked")),
        HandledOutcome::InProgress => {
            let until = run.lease_until.map_or_else(String::new, |until| format!(" until {}", time(until)));
            (Tone::Warn, format!("another process works on it, or stopped while it did: its lease holds{until}"))
        }
    }
}

fn attention(order: &OrderAttention, short: &str, canvas: &Canvas) -> String {
    let OrderAttention { side, instrument, state, note, .. } = order;
    let filled = if order.filled_quantity.is_zero() {
        String::new()
    } else {
        format!(", {} filled", number::quantity(order.filled_quantity))
    };
    let note = if note.is_empty() { String::new() } else { format!("; {}", canvas.clean(note)) };
    let what = format!("{side} {} {instrument}: {state}{filled}{note}", number::quantity(order.quantity));
    let mut out = canvas.fill(&Line::new(Tone::Bad, format!("  {} ", canvas.pick("•", "*"))), Tone::Plain, &what);
    out.push_str(&canvas.fill(&Line::plain("    "), Tone::Faint, &format!("at the venue: {}", order.look_for)));
    if order.wants_answer {
        let answer = format!(
            "rebalance settle {short} --order {} --not-placed --reason \"…\", or --filled QUANTITY --price PRICE",
            order.key
        );
        let answer = if canvas.ascii { answer.replace('…', "...") } else { answer };
        out.push_str(&canvas.fill(&Line::new(Tone::Good, "    try: "), Tone::Plain, &answer));
    }
    out
}
