//! Emission: two phases, one conditional write and one send per order.
//!
//! ```text
//! all sells ─▶ wait until each is terminal, or the phase is over ─▶ buys by priority, as far as cash goes ─▶ wait
//!
//! one order:  switch, plan, validity, limits, cash ─▶ put item (Sending, attempt, deadline) ─▶ send ─▶ take over
//! ```
//!
//! Orders are immediate-or-cancel, so what the market does not take of one is cancelled by the venue. The remainder is
//! left to the next run, which plans from what is then held: this program emits slice 0 of every order and no slice
//! n + 1. Slices are in the key, so that a venue whose orders rest could be added without a new derivation of keys.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::attempt::{self, Answer};
use super::audit;
use super::claim;
use super::commitment;
use super::conclusion;
use super::gate::{self, DayTotal, View};
use super::proposal;
use super::request::{self, ExecutionError, Ports};
use super::settlement::{self, Finding, Verdict, other_digest};
use super::transition::{order_counts_as_sent, order_is_terminal, order_is_unclear, order_transition, run_transition};
use crate::model::{Money, Order, PlanningInput, Side};
use crate::planning::RebalancePlan;
use crate::ports::capability::client_order_id;
use crate::ports::store::{AccountKey, Attempt, ITEM_SCHEMA, OrderItem, RunItem, Written};
use crate::ports::venue::OrderRequest;
use crate::ports::{Clock, OrderState, RunState, RunStore, Venue};

/// Carries a committed run to its end, or to where an order's fate is not known. Safe to repeat from any state.
///
/// # Errors
/// When an outside system does not answer, the lease is lost or what is stored contradicts itself.
pub(super) async fn carry_out<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
) -> Result<RunItem, ExecutionError> {
    if run.state.is_terminal() {
        return Ok(run);
    }
    let (input, plan) = commitment::load(ports.store, &run).await?;
    if plan.orders.is_empty() {
        return conclusion::conclude(ports, run, &input, &plan, &BTreeMap::new()).await;
    }
    let run = if run.state == RunState::Planned { begin(ports, run, &plan).await? } else { run };
    let mut emission = Emission::of(ports, run, input, plan).await?;
    emission.phase(Side::Sell).await?;
    if emission.awaits_sells() {
        return emission.conclude_if_settled().await;
    }
    emission.phase(Side::Buy).await?;
    // A sell of unclear fate may have been left behind by its phase: one more look, now that there is nothing to do.
    emission.wait_for(None).await?;
    emission.conclude_if_settled().await
}

async fn begin<S: RunStore, V: Venue, C: Clock>(
    ports: &Ports<'_, S, V, C>,
    run: RunItem,
    plan: &RebalancePlan,
) -> Result<RunItem, ExecutionError> {
    // A stopped run may begin: it only ends its orders, and sends none.
    let consent = proposal::consent(&run, ports.clock.now());
    if !consent.allows_sending() && run.reason.is_empty() {
        return Err(ExecutionError::NotApproved { run_id: run.run_id, cause: consent.to_string() });
    }
    let order_count = u32::try_from(plan.orders.len()).unwrap_or(u32::MAX);
    let state = run_transition(run.state, RunState::Emitting, order_count)?;
    let emitting = RunItem { state, updated_at: ports.clock.now(), ..run.clone() };
    claim::write_run(ports, &run, emitting).await
}

/// The order items there are, each checked against the plan: same keys, same payloads.
async fn stored_orders<S: RunStore>(
    store: &S,
    run: &RunItem,
    plan: &RebalancePlan,
) -> Result<BTreeMap<Uuid, OrderItem>, ExecutionError> {
    let planned: BTreeMap<Uuid, &str> =
        plan.orders.iter().map(|order| (order.key, order.payload_digest.as_str())).collect();
    let halted = |cause| ExecutionError::Halted { run_id: run.run_id, cause };
    let mut orders = BTreeMap::new();
    for item in store.load_orders(run.run_id).await? {
        match planned.get(&item.key) {
            Some(digest) if *digest == item.payload_digest => {}
            Some(digest) => return Err(halted(other_digest(item.key, &item, digest))),
            None => return Err(halted(format!("order {} is stored and not in the plan", item.key))),
        }
        orders.insert(item.key, item);
    }
    Ok(orders)
}

/// One run while its orders go out. The map holds every order item there is.
pub(super) struct Emission<'a, 'p, S, V, C> {
    ports: &'a Ports<'p, S, V, C>,
    pub(super) run: RunItem,
    input: PlanningInput,
    pub(super) plan: RebalancePlan,
    pub(super) orders: BTreeMap<Uuid, OrderItem>,
    /// Orders that were sent or may have been: how many, and their worth at reference prices.
    sent: (u32, Money),
}

/// Whether a look at an order may end in sending it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resending {
    /// As far as the venue's promise, the gate and the number of attempts allow it.
    IfAllowed,
    Never,
}

/// At the reference price, recomputed.
fn worth(order: &Order) -> Money {
    order.reference_price.value_of(order.quantity)
}

/// Whether an order may leave now.
enum Leave {
    Send,
    /// It ends here, in this state and for this reason.
    End(OrderState, String),
}

impl<'a, 'p, S: RunStore, V: Venue, C: Clock> Emission<'a, 'p, S, V, C> {
    /// A run with its orders as they are stored.
    pub(super) async fn of(
        ports: &'a Ports<'p, S, V, C>,
        run: RunItem,
        input: PlanningInput,
        plan: RebalancePlan,
    ) -> Result<Self, ExecutionError> {
        let mut stored = stored_orders(ports.store, &run, &plan).await?;
        let (orders, sent) = (BTreeMap::new(), (0, Money::ZERO));
        let mut emission = Self { ports, run, input, plan, orders, sent };
        for order in emission.plan.orders.clone() {
            if let Some(item) = stored.remove(&order.key) {
                emission.remember(&order, item);
            }
        }
        Ok(emission)
    }

    /// Takes an order's item over into the books of this run.
    fn remember(&mut self, order: &Order, item: OrderItem) {
        let was_sent = self.orders.get(&order.key).is_some_and(|known| order_counts_as_sent(known.state));
        if order_counts_as_sent(item.state) && !was_sent {
            let (count, notional) = self.sent;
            self.sent = (count.saturating_add(1), notional + worth(order));
        }
        self.orders.insert(order.key, item);
    }

    /// Ends the run if every order is terminal; else leaves it to whoever looks next.
    pub(super) async fn conclude_if_settled(self) -> Result<RunItem, ExecutionError> {
        if !self.is_settled(None) {
            let is_clear = self.orders.values().all(|item| !order_is_unclear(item.state));
            return if is_clear {
                claim::give_up(self.ports, &self.run).await
            } else {
                claim::give_up_unclear(self.ports, &self.run).await
            };
        }
        let Self { ports, run, input, plan, orders, .. } = self;
        conclusion::conclude(ports, run, &input, &plan, &orders).await
    }

    /// Sends what is still Planned on one side, in the committed sequence, and waits for that side.
    async fn phase(&mut self, side: Side) -> Result<(), ExecutionError> {
        let orders: Vec<Order> = self.plan.orders.iter().filter(|order| order.side == side).cloned().collect();
        for order in &orders {
            if self.orders.contains_key(&order.key) {
                continue;
            }
            // What is not sent yet stays Planned, for whoever comes next.
            if request::is_out_of_time(self.ports) {
                return Ok(());
            }
            let item = self.emit(order).await?;
            self.remember(order, item);
        }
        self.wait_for(Some(side)).await
    }

    /// One order that is still Planned: sent, or ended.
    ///
    /// The attempt is signed before the controls are read, so what they said is never older than its deadline when the
    /// order leaves. A worker that stood still in between reads them again.
    async fn emit(&mut self, order: &Order) -> Result<OrderItem, ExecutionError> {
        loop {
            self.renew().await?;
            let attempt = self.attempt(order, None);
            match self.may_leave(order).await? {
                Leave::Send if self.is_in_time(&attempt) => return self.send_first(order, attempt).await,
                // Ends at the latest when the order is no longer valid.
                Leave::Send => {}
                Leave::End(state, note) => return self.end_unsent(order, state, note).await,
            }
        }
    }

    fn is_in_time(&self, attempt: &Attempt) -> bool {
        self.ports.clock.now() < attempt.deadline
    }

    /// Sells rest with whoever carries them out, and there is time for their proceeds to come: the buys are left to who
    /// looks next, who would otherwise find them skipped for want of cash. A stopped run waits for nothing.
    fn awaits_sells(&self) -> bool {
        self.ports.venue.orders_rest()
            && self.run.reason.is_empty()
            && self.ports.clock.now() < self.plan.valid_until
            && !self.is_settled(Some(Side::Sell))
    }

    /// Looks at every order of a side (or of both) until each is terminal or the time for it is over.
    async fn wait_for(&mut self, side: Option<Side>) -> Result<(), ExecutionError> {
        let orders: Vec<Order> = self.of_side(side).cloned().collect();
        let until = request::after(self.ports.clock.now(), self.ports.settings.phase_timeout_ms);
        loop {
            for order in &orders {
                // A pass over thousands of orders may take longer than there is time.
                if request::is_out_of_time(self.ports) {
                    return Ok(());
                }
                if self.is_open(order) {
                    self.renew().await?;
                    self.settle(order, Resending::IfAllowed).await?;
                }
            }
            if self.is_settled(side) || self.ports.clock.now() >= until || request::is_out_of_time(self.ports) {
                return Ok(());
            }
            self.ports.clock.pause(request::pause_ms(self.ports)).await;
        }
    }

    fn of_side(&self, side: Option<Side>) -> impl Iterator<Item = &Order> {
        self.plan.orders.iter().filter(move |order| side.is_none_or(|side| order.side == side))
    }

    fn is_settled(&self, side: Option<Side>) -> bool {
        self.of_side(side).all(|order| self.orders.get(&order.key).is_some_and(|item| order_is_terminal(item.state)))
    }

    /// It has an item, and that is not terminal.
    fn is_open(&self, order: &Order) -> bool {
        self.orders.get(&order.key).is_some_and(|item| !order_is_terminal(item.state))
    }

    async fn renew(&mut self) -> Result<(), ExecutionError> {
        self.run = claim::renew(self.ports, self.run.clone()).await?;
        Ok(())
    }

    /// The gate, then the cash. A stop is written into the run before anything else happens, so that nobody who
    /// takes the run over goes on sending.
    async fn may_leave(&mut self, order: &Order) -> Result<Leave, ExecutionError> {
        if !self.run.reason.is_empty() {
            return Ok(Leave::End(OrderState::Skipped, self.run.reason.clone()));
        }
        // Before anything is read: what may not be sent any more needs no controls.
        if self.ports.clock.now() >= order.valid_until {
            return Ok(Leave::End(OrderState::Expired, gate::expired(order)));
        }
        match self.gate(order).await? {
            gate::Verdict::Pass => {}
            gate::Verdict::Expired(note) => return Ok(Leave::End(OrderState::Expired, note)),
            gate::Verdict::Stop(reason) => {
                self.stop(&reason).await?;
                return Ok(Leave::End(OrderState::Skipped, reason));
            }
        }
        Ok(match self.cash(order).await? {
            Ok(()) => Leave::Send,
            Err(note) => Leave::End(OrderState::Skipped, note),
        })
    }

    /// From here on nothing more of this run is sent, whoever works on it.
    async fn stop(&mut self, reason: &str) -> Result<(), ExecutionError> {
        if self.run.reason.is_empty() {
            let stopped = RunItem { reason: reason.to_owned(), updated_at: self.ports.clock.now(), ..self.run.clone() };
            self.run = claim::write_run(self.ports, &self.run, stopped).await?;
        }
        Ok(())
    }

    async fn gate(&self, order: &Order) -> Result<gate::Verdict, ExecutionError> {
        let switch = gate::read_switch(self.ports.store, &self.run.identity).await;
        let day = self.day_total().await?;
        let (count, notional) = self.sent;
        let own = self.orders.get(&order.key).is_some_and(|item| order_counts_as_sent(item.state));
        let (sent_count, sent_notional) =
            if own { (count.saturating_sub(1), notional - worth(order)) } else { (count, notional) };
        Ok(gate::judge(&View {
            run_id: self.run.run_id,
            run: &self.run.identity,
            policy: &self.input.policy.orders,
            order,
            switch,
            consent: proposal::consent(&self.run, self.ports.clock.now()),
            promise: self.ports.venue.promise(),
            sent_count,
            sent_notional,
            day,
            now: self.ports.clock.now(),
        }))
    }

    /// Read only where a limit is set.
    async fn day_total(&self) -> Result<Option<DayTotal>, ExecutionError> {
        let limit = request::day_limit(self.ports.settings, &self.input.policy.orders);
        let Some((limit, commitment)) = limit.zip(self.run.commitment.as_ref()) else {
            return Ok(None);
        };
        let (account, day) = (AccountKey::from(&self.run.identity), request::day_of(commitment.committed_at));
        let reserved = self.ports.store.reserved_notional(&account, day).await?;
        Ok(Some(DayTotal { reserved, committed: commitment.notional, limit }))
    }

    /// Whether the cash that is there now covers a buy. Planned proceeds count for nothing.
    async fn cash(&self, order: &Order) -> Result<Result<(), String>, ExecutionError> {
        if order.side == Side::Sell {
            return Ok(Ok(()));
        }
        let account = self.ports.venue.account(&order.venue_account).await?;
        let known: Vec<_> = self.known_orders().collect();
        Ok(gate::cash_allows(order, &self.input, &self.plan, &known, &account))
    }

    fn known_orders(&self) -> impl Iterator<Item = (&Order, &OrderItem)> {
        self.plan.orders.iter().filter_map(|order| Some((order, self.orders.get(&order.key)?)))
    }

    fn purge_at_s(&self) -> i64 {
        request::purge_time_of_order(self.ports.clock.now(), self.ports.settings)
    }

    fn item(&self, order: &Order, state: OrderState, attempt: Option<Attempt>, note: String) -> OrderItem {
        OrderItem {
            schema: ITEM_SCHEMA,
            run_id: self.run.run_id,
            key: order.key,
            payload_digest: order.payload_digest.clone(),
            state,
            revision: 1,
            log_head: String::new(),
            attempt,
            venue_order_id: None,
            filled_quantity: crate::model::Quantity::ZERO,
            average_price: None,
            fee: Money::ZERO,
            note,
            refused: false,
            updated_at: self.ports.clock.now(),
            expires_at_s: order_is_terminal(state).then(|| self.purge_at_s()),
        }
    }

    /// Signed now.
    fn attempt(&self, order: &Order, last: Option<&Attempt>) -> Attempt {
        let (promise, window_ms) = (self.ports.venue.promise(), self.ports.settings.send_window_ms);
        attempt::next(&self.run, order, last, promise, window_ms, self.ports.clock.now())
    }

    /// Skipped or Expired: an order that never leaves.
    async fn end_unsent(&self, order: &Order, state: OrderState, note: String) -> Result<OrderItem, ExecutionError> {
        let item = self.item(order, order_transition(OrderState::Planned, state)?, None, note);
        let (item, entry) = audit::of_order(&self.run, None, item, None);
        match self.ports.store.create_order(&self.run, &item, &entry).await? {
            Written::Done => Ok(item),
            Written::Refused => self.stored_instead(order).await,
        }
    }

    /// Journal first, then send.
    ///
    /// The put is refused when the item exists or the run is another worker's by now. An item with this attempt's
    /// id is this worker's own put, whose answer was lost: nothing was sent under it yet, because sending comes
    /// after this line and each attempt passes here once. Anybody else's item is theirs to send and ours to settle.
    async fn send_first(&mut self, order: &Order, attempt: Attempt) -> Result<OrderItem, ExecutionError> {
        let state = order_transition(OrderState::Planned, OrderState::Sending)?;
        let item = self.item(order, state, Some(attempt), String::new());
        let (item, entry) = audit::of_order(&self.run, None, item, None);
        if self.ports.store.create_order(&self.run, &item, &entry).await? == Written::Refused {
            let stored = self.stored_instead(order).await?;
            if stored != item {
                return Ok(stored);
            }
        }
        self.send(order, item).await
    }

    async fn stored_instead(&self, order: &Order) -> Result<OrderItem, ExecutionError> {
        let run_id = self.run.run_id;
        match self.ports.store.load_order(run_id, order.key).await? {
            // No item and a refused put: the fence did it.
            None => Err(ExecutionError::LostLease { run_id }),
            Some(stored) if stored.payload_digest == order.payload_digest => Ok(stored),
            Some(stored) => {
                let cause = other_digest(order.key, &stored, &order.payload_digest);
                Err(ExecutionError::Halted { run_id, cause })
            }
        }
    }

    /// Sends one persisted attempt, once, and takes over what came of it.
    async fn send(&mut self, order: &Order, item: OrderItem) -> Result<OrderItem, ExecutionError> {
        let Some(attempt) = &item.attempt else {
            let cause = format!("order {} has no attempt to send", order.key);
            return Err(ExecutionError::Halted { run_id: self.run.run_id, cause });
        };
        let now = self.ports.clock.now();
        if now >= attempt.deadline {
            let note = format!("not sent in this attempt: at {now} its deadline {} was over", attempt.deadline);
            return self.move_to(OrderState::Unknown, &item, note).await;
        }
        let request = OrderRequest {
            client_order_id: client_order_id(&order.venue, order.key),
            venue_account: order.venue_account.clone(),
            instrument: order.instrument.clone(),
            asset: order.asset.clone(),
            side: order.side,
            quantity: order.quantity,
            limit_price: order.limit_price,
            valid_until: order.valid_until,
            payload_digest: order.payload_digest.clone(),
            signed_at: attempt.signed_at,
            deadline: attempt.deadline,
        };
        match attempt::answered(attempt.number, self.ports.venue.place(&request).await) {
            Answer::Moved(state, note) => self.move_to(state, &item, note).await,
            Answer::Taken { venue_order_id } => {
                let item = OrderItem { venue_order_id: Some(venue_order_id), ..item };
                let (promise, asked_at) = (self.ports.venue.promise(), self.ports.clock.now());
                let finding = settlement::look_up(self.ports.venue, order).await;
                match settlement::judge(order, &item, &finding, promise, asked_at, false) {
                    verdict @ (Verdict::Adopt(_) | Verdict::Halt(_)) => self.apply(&item, verdict).await,
                    // The venue said yes and shows nothing yet.
                    Verdict::Wait(_) | Verdict::Resend | Verdict::NotPlaced(_) => {
                        self.move_to(OrderState::Acknowledged, &item, String::new()).await
                    }
                }
            }
        }
    }

    async fn move_to(&self, to: OrderState, item: &OrderItem, note: String) -> Result<OrderItem, ExecutionError> {
        let moved = settlement::moved(item, to, self.ports.clock.now(), self.purge_at_s())?;
        settlement::write_order(self.ports, &self.run, item, OrderItem { note, ..moved }).await
    }

    /// A contradiction stops the run before it is told: whoever comes next must not send what is left of it.
    async fn apply(&mut self, item: &OrderItem, verdict: Verdict) -> Result<OrderItem, ExecutionError> {
        let Verdict::Halt(cause) = &verdict else {
            return settlement::apply(self.ports, &self.run, item, verdict).await;
        };
        let cause = cause.clone();
        self.stop(&format!("halted: {cause}")).await?;
        self.run = claim::give_up_unclear(self.ports, &self.run).await?;
        settlement::apply(self.ports, &self.run, item, verdict).await?;
        Err(ExecutionError::Halted { run_id: self.run.run_id, cause })
    }

    /// One look at one order, if it is not terminal.
    pub(super) async fn settle(&mut self, order: &Order, resending: Resending) -> Result<(), ExecutionError> {
        let Some(item) = self.orders.get(&order.key).filter(|item| !order_is_terminal(item.state)).cloned() else {
            return Ok(());
        };
        // Left behind by a worker that ended between its journal and the answer.
        let item = if item.state == OrderState::Sending {
            let note = "its worker ended before the venue's answer was stored".to_owned();
            self.move_to(OrderState::Unknown, &item, note).await?
        } else {
            item
        };
        // That worker was not dead: it has stored the end meanwhile, and an order that is over is left alone.
        if order_is_terminal(item.state) {
            self.remember(order, item);
            return Ok(());
        }
        let (promise, asked_at) = (self.ports.venue.promise(), self.ports.clock.now());
        let finding = settlement::look_up(self.ports.venue, order).await;
        // Signed before the controls are read, as the first one was.
        let next = self.attempt(order, item.attempt.as_ref());
        let may_resend = resending == Resending::IfAllowed
            && finding == Finding::Absent
            && !request::is_out_of_time(self.ports)
            && self.may_resend(order, &item).await?
            && self.is_in_time(&next);
        let settled = match settlement::judge(order, &item, &finding, promise, asked_at, may_resend) {
            Verdict::Resend => self.resend(order, &item, next).await?,
            verdict => self.apply(&item, verdict).await?,
        };
        self.remember(order, settled);
        Ok(())
    }

    /// A further attempt passes the same gate as the first one.
    async fn may_resend(&self, order: &Order, item: &OrderItem) -> Result<bool, ExecutionError> {
        let (promise, most) = (self.ports.venue.promise(), self.ports.settings.max_attempts);
        Ok(attempt::may_follow(&self.run, item, promise, most)
            && self.gate(order).await? == gate::Verdict::Pass
            && self.cash(order).await?.is_ok())
    }

    /// The next attempt under the same key, persisted with its own deadline before it is sent.
    async fn resend(&mut self, order: &Order, item: &OrderItem, next: Attempt) -> Result<OrderItem, ExecutionError> {
        let moved = settlement::moved(item, item.state, self.ports.clock.now(), self.purge_at_s())?;
        let note = format!("attempt {} is sent, to arrive before {}", next.number, next.deadline);
        let next = OrderItem { attempt: Some(next), note, ..moved };
        let stored = settlement::write_attempt(self.ports, &self.run, item, next.clone()).await?;
        let run_id = self.run.run_id;
        let stored = stored.ok_or(ExecutionError::LostLease { run_id })?;
        // Somebody else's version: theirs to send.
        if (stored.revision, &stored.attempt) != (next.revision, &next.attempt) {
            return Ok(stored);
        }
        self.send(order, stored).await
    }
}
