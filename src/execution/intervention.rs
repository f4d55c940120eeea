//! What a person does by hand. Each act names who did it and why, in the item and in its log entry.
//!
//! * [`settle`]: looks again at every order of unclear fate, and takes an answer for one that the venue cannot answer.
//!   It sends nothing.
//! * [`abort`]: ends what was not sent. What is in flight is only settled, and the account stays locked until the fate
//!   of every order is known.

use uuid::Uuid;

use super::audit;
use super::claim;
use super::commitment;
use super::conclusion;
use super::emission::{self, Emission, Resending};
use super::request::{self, ExecutionError, Ports};
use super::settlement::{self, Finding, Verdict};
use super::transition::{order_is_terminal, order_is_unclear};
use crate::model::{Money, Order, Price, Quantity, Side};
use crate::planning::RebalancePlan;
use crate::ports::store::{OrderItem, RunItem, Written};
use crate::ports::venue::Promise;
use crate::ports::{Clock, OrderState, RunState, RunStore, Venue};

/// What a person says of one order, because the venue does not say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub order: Uuid,
    pub answer: Answer,
    /// Who says so.
    pub operator: String,
    /// How that is known.
    pub reason: String,
}

/// What became of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The venue never took it, and will not.
    NotPlaced,
    /// So much was filled, the rest is cancelled. No price where nothing was filled; fee in quote currency.
    Filled { quantity: Quantity, price: Option<Price>, fee: Money },
}

/// How a stored run stands to a person's act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// The run as it now is.
    Run(Box<RunItem>),
    /// A worker is at it; nothing was done.
    InProgress(Box<RunItem>),
    NoSuchRun,
}

/// Looks again at the orders of a run whose fate is not known, and takes a person's answer for one of them. Nothing is
/// sent. The run ends when every order is terminal; what was never sent ends with it where it may not be sent any
/// more.
///
/// # Errors
/// [`ExecutionError::AnswerRefused`] when the answer does not fit what is known; otherwise as
/// [`execute`](super::execute).
pub async fn settle<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run_id: Uuid,
    claim_token: Uuid,
    statement: Option<&Statement>,
) -> Result<Handled, ExecutionError> {
    let Some(stored) = ports.store.load_run(run_id).await? else {
        return Ok(Handled::NoSuchRun);
    };
    let run = match claim::judge(&stored, &stored.event_digest, claim_token, ports.clock.lease_now()) {
        claim::Standing::Mine => stored,
        claim::Standing::LeaseOver => match claim::take_over(ports, &stored, claim_token).await? {
            Some(run) => run,
            None => return Ok(Handled::InProgress(Box::new(stored))),
        },
        claim::Standing::Settled => {
            refuse_of_settled(&stored, statement)?;
            return Ok(Handled::Run(Box::new(stored)));
        }
        _ => return Ok(Handled::InProgress(Box::new(stored))),
    };
    if run.state == RunState::Emitting {
        let answer = Box::pin(settle_emitting(ports, run.clone(), statement)).await;
        if let Err(ExecutionError::AnswerRefused { .. }) = answer {
            // Nothing was done: whoever speaks next need not wait.
            claim::give_up(ports, &run).await?;
        }
        return Ok(Handled::Run(Box::new(answer?)));
    }
    // Nothing was sent, so there is nothing to look at: the run is left as it was.
    let left = claim::give_up(ports, &run).await?;
    refuse_of_unsent(statement)?;
    Ok(Handled::Run(Box::new(left)))
}

async fn settle_emitting<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
    statement: Option<&Statement>,
) -> Result<RunItem, ExecutionError> {
    let (input, plan) = commitment::load(ports.store, &run).await?;
    let mut emission = Emission::of(ports, run, input, plan).await?;
    if let Some(statement) = statement {
        state(ports, &mut emission, statement).await?;
    }
    for order in emission.plan.orders.clone() {
        emission.settle(&order, Resending::Never).await?;
    }
    let over = ports.clock.now() >= emission.plan.valid_until || !emission.run.reason.is_empty();
    if over {
        // What was not sent may not be sent any more: this ends it and sends nothing.
        return emission::carry_out(ports, emission.run).await;
    }
    emission.conclude_if_settled().await
}

/// Writes a person's answer, if it fits what is known.
async fn state<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    emission: &mut Emission<'_, '_, S, V, C>,
    statement: &Statement,
) -> Result<(), ExecutionError> {
    let refused = |cause: String| ExecutionError::AnswerRefused { order: statement.order, cause };
    let order = planned(&emission.plan, statement.order).ok_or_else(|| refused("the plan has no such order".into()))?;
    let unsent = || refused("it was never sent; `recover` or `abort` ends it".to_owned());
    let item = emission.orders.get(&order.key).cloned().ok_or_else(unsent)?;
    let (promise, asked_at) = (ports.venue.promise(), ports.clock.now());
    let finding = settlement::look_up(ports.venue, &order).await;
    let known = Known { order: &order, item: &item, finding: &finding, promise, asked_at };
    let answered = answered(&known, statement).map_err(refused)?;
    let purge_at_s = request::purge_time_of_order(asked_at, ports.settings);
    let item = unclear(ports, emission, &item).await?;
    if order_is_terminal(item.state) {
        // Its worker was not dead and has stored its end meanwhile.
        return Err(refused(format!("it is {} already", item.state.as_str())));
    }
    let moved = settlement::moved(&item, answered.state, ports.clock.now(), purge_at_s)?;
    let after = OrderItem {
        filled_quantity: answered.filled_quantity,
        average_price: answered.average_price,
        fee: answered.fee,
        note: answered.note,
        ..moved
    };
    let operator = Some(statement.operator.as_str());
    let (state, note) = (after.state, after.note.clone());
    let written = settlement::write_order_by(ports, &emission.run, &item, after, operator).await?;
    if (written.state, &written.note) != (state, &note) {
        // Its worker was not dead, and has written in between: what the person said has not been heard.
        return Err(refused(format!("its worker has written meanwhile: it is {} now", written.state.as_str())));
    }
    emission.orders.insert(order.key, written);
    Ok(())
}

/// An order still Sending, whose worker is gone, is of unknown fate first.
async fn unclear<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    emission: &Emission<'_, '_, S, V, C>,
    item: &OrderItem,
) -> Result<OrderItem, ExecutionError> {
    if item.state != OrderState::Sending {
        return Ok(item.clone());
    }
    let purge_at_s = request::purge_time_of_order(ports.clock.now(), ports.settings);
    let unknown = settlement::moved(item, OrderState::Unknown, ports.clock.now(), purge_at_s)?;
    settlement::write_order(ports, &emission.run, item, unknown).await
}

fn planned(plan: &RebalancePlan, key: Uuid) -> Option<Order> {
    plan.orders.iter().find(|order| order.key == key).cloned()
}

fn refuse_of_settled(run: &RunItem, statement: Option<&Statement>) -> Result<(), ExecutionError> {
    statement.map_or(Ok(()), |statement| {
        let cause = format!("run {} is {} and settled", run.run_id, run.state.as_str());
        Err(ExecutionError::AnswerRefused { order: statement.order, cause })
    })
}

fn refuse_of_unsent(statement: Option<&Statement>) -> Result<(), ExecutionError> {
    statement.map_or(Ok(()), |statement| {
        let cause = "the run has sent nothing; `recover` or `abort` ends it".to_owned();
        Err(ExecutionError::AnswerRefused { order: statement.order, cause })
    })
}

/// What is known of an order when a person speaks.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub order: &'a Order,
    pub item: &'a OrderItem,
    pub finding: &'a Finding,
    pub promise: Promise,
    pub asked_at: jiff::Timestamp,
}

/// An answer in the terms of an order's item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub state: OrderState,
    pub filled_quantity: Quantity,
    pub average_price: Option<Price>,
    pub fee: Money,
    pub note: String,
}

/// Judges a person's answer. Pure. The venue's own word goes before a person's, and so does the time in which a
/// request may still arrive.
///
/// # Errors
/// A sentence that says why the answer is not taken.
pub fn answered(known: &Known<'_>, statement: &Statement) -> Result<Answered, String> {
    let Known { order, item, finding, promise, asked_at } = *known;
    if order_is_terminal(item.state) {
        return Err(format!("it is {} already", item.state.as_str()));
    }
    let verdict = settlement::judge(order, item, finding, promise, asked_at, false);
    let contradicts = matches!(verdict, Verdict::Halt(_));
    let venue_says = match (finding, verdict) {
        (_, Verdict::Adopt(adoption)) => {
            return Err(format!("the venue itself answers: it is {}", adoption.state.as_str()));
        }
        (_, Verdict::Halt(cause)) => cause,
        (Finding::Absent, _) => "the venue knows nothing of it".to_owned(),
        (_, Verdict::Wait(cause) | Verdict::NotPlaced(cause)) => cause,
        (_, Verdict::Resend) => String::new(),
    };
    let late_until = settlement::certain_after(item, promise).or(item.attempt.as_ref().map(|attempt| attempt.deadline));
    if let Some(until) = late_until.filter(|until| asked_at <= *until) {
        return Err(format!("a request may still arrive until {until}; say it again after that"));
    }
    let is_found = matches!(finding, Finding::Found { .. });
    let (state, filled_quantity, average_price, fee) = match &statement.answer {
        Answer::NotPlaced if is_found => {
            return Err(format!("the venue has an order under this key ({venue_says}); say what was filled"));
        }
        Answer::NotPlaced if !order_is_unclear(item.state) => {
            return Err(format!("the venue took it ({}); say what was filled, 0 if nothing", item.state.as_str()));
        }
        Answer::NotPlaced => (OrderState::NotPlaced, Quantity::ZERO, None, Money::ZERO),
        Answer::Filled { quantity, price, fee } => {
            check_fill(order, item, *quantity, *price, contradicts)?;
            let state = if *quantity < order.quantity { OrderState::Cancelled } else { OrderState::Filled };
            (state, *quantity, price.filter(|_| !quantity.is_zero()), *fee)
        }
    };
    let note = format!("{} says so: {} ({venue_says})", statement.operator, statement.reason);
    Ok(Answered { state, filled_quantity, average_price, fee, note })
}

/// `contradicts`: what the venue shows is what a person has to put right, so the order's own bounds do not hold.
fn check_fill(
    order: &Order,
    item: &OrderItem,
    quantity: Quantity,
    price: Option<Price>,
    contradicts: bool,
) -> Result<(), String> {
    if quantity < item.filled_quantity {
        return Err(format!("the venue showed {} filled before, which is more than {quantity}", item.filled_quantity));
    }
    if quantity > order.quantity && !contradicts {
        return Err(format!("{quantity} is more than the order's {}", order.quantity));
    }
    let Some(price) = price else {
        return if quantity.is_zero() { Ok(()) } else { Err("a fill has a price".to_owned()) };
    };
    let worse = match order.side {
        Side::Sell => price < order.limit_price,
        Side::Buy => price > order.limit_price,
    };
    if worse && !contradicts {
        return Err(format!("{price} is worse than the order's limit price {}", order.limit_price));
    }
    Ok(())
}

/// Stops a run on a person's word, also one that a worker is at: the worker finds itself fenced out at its next write.
///
/// # Errors
/// As [`execute`](super::execute).
pub async fn abort<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run_id: Uuid,
    claim_token: Uuid,
    operator: &str,
    reason: &str,
) -> Result<Handled, ExecutionError> {
    // Every round ends in an answer unless the run's worker wrote in between; then it is read again.
    let run = loop {
        let Some(stored) = ports.store.load_run(run_id).await? else {
            return Ok(Handled::NoSuchRun);
        };
        if stored.state.is_terminal() {
            return Ok(Handled::Run(Box::new(stored)));
        }
        let (now, lease_until) = (ports.clock.now(), claim::lease_end(ports));
        let stopped = RunItem {
            reason: stop_reason(&stored, operator, reason),
            ..claim::taken_over(&stored, claim_token, now, lease_until)
        };
        let (stopped, entry) = audit::of_run(Some(&stored), stopped, Some(operator));
        if ports.store.update_run(&stored, &stopped, &entry).await? == Written::Done {
            break stopped;
        }
    };
    let run = if run.state == RunState::Claimed {
        let reason = run.reason.clone();
        conclusion::abort_unplanned_by(ports, run, reason, Some(operator)).await?
    } else {
        Box::pin(emission::carry_out(ports, run)).await?
    };
    Ok(Handled::Run(Box::new(run)))
}

/// What stopped the run first stays its reason.
fn stop_reason(run: &RunItem, operator: &str, reason: &str) -> String {
    if run.reason.is_empty() { format!("aborted by {operator}: {reason}") } else { run.reason.clone() }
}
