//! The model with one decision or one condition of the store swapped: each must be found, under its property's name.

use index_rebalancer::execution::attempt::{self, Answer};
use index_rebalancer::execution::claim::{self, Standing};
use index_rebalancer::execution::gate::{self, Switch, View};
use index_rebalancer::execution::settlement::{self, Finding, Verdict};
use index_rebalancer::execution::transition::order_is_terminal;
use index_rebalancer::ports::OrderState;
use index_rebalancer::ports::store::RunItem;
use index_rebalancer::ports::venue::{Duplicates, PlaceError, Promise};
use stateright::{Checker, HasDiscoveries, Model};

use crate::protocol::{Conditions, Decisions, PORT, Protocol, SHIPPED};

/// What is swapped is swapped in these. The longer history checks more than each of them without a mistake.
const BOUNDED: Protocol = Protocol {
    duplicates: Duplicates::Unchecked,
    bounded: true,
    skew: -1,
    last: 3,
    crashes: 0,
    repeats: false,
    switch: false,
    decisions: SHIPPED,
    conditions: PORT,
};
const REPLAYED: Protocol = Protocol { duplicates: Duplicates::Replayed, ..BOUNDED };
const REFUSED_WHILE_OPEN: Protocol = Protocol { duplicates: Duplicates::RefusedWhileOpen, ..BOUNDED };
const UNBOUNDED: Protocol = Protocol { bounded: false, skew: 0, ..BOUNDED };

fn assert_found(name: &str, model: Protocol, property: &'static str) {
    // Breadth first: what is found is among the shortest ways to go wrong.
    let finish = HasDiscoveries::AnyOf([property].into());
    let checker = model.checker().finish_when(finish).spawn_bfs().join();
    let path = checker.discovery(property);
    let path = path.unwrap_or_else(|| panic!("{name} was not found as {property}"));
    let steps = path.into_actions();
    println!("{name}: found as `{property}` after {} states, in {} steps", checker.unique_state_count(), steps.len());
}

const fn decide(base: Protocol, decisions: Decisions) -> Protocol {
    Protocol { decisions, ..base }
}

const fn forget(base: Protocol, conditions: Conditions) -> Protocol {
    Protocol { conditions, ..base }
}

#[test]
fn sent_before_it_is_journalled() {
    let model = decide(BOUNDED, Decisions { journal_first: false, ..SHIPPED });
    assert_found("sent before it is journalled", model, "S4 journalled before sent");
}

#[test]
fn an_order_put_without_its_absence() {
    // A put whose answer was lost is put again, over what somebody made of it in between.
    let model = forget(Protocol { repeats: true, ..UNBOUNDED }, Conditions { create_needs_absence: false, ..PORT });
    assert_found("an order put without its absence", model, "S7 moves along the table");
}

#[test]
fn an_order_put_without_the_fence() {
    let model = forget(BOUNDED, Conditions { create_needs_fence: false, ..PORT });
    assert_found("an order put without the fence", model, "S7 only the owner sends");
}

#[test]
fn an_order_written_without_its_revision() {
    let model = forget(BOUNDED, Conditions { update_needs_revision: false, ..PORT });
    assert_found("an order written without its revision", model, "S7 moves along the table");
}

#[test]
fn a_further_attempt_without_the_fence() {
    // By a clock that is ahead the lease is over while the order is still valid.
    let model = forget(Protocol { skew: 1, ..REPLAYED }, Conditions { attempt_needs_fence: false, ..PORT });
    assert_found("a further attempt without the fence", model, "S7 only the owner sends");
}

#[test]
fn a_lease_instead_of_compare_and_set() {
    let conditions = Conditions {
        run_unchanged: |stored, before, now| stored.token == before.token || stored.lease < now || before.lease >= now,
        ..PORT
    };
    assert_found("a lease instead of compare-and-set", forget(BOUNDED, conditions), "S7 moves along the table");
}

#[test]
fn a_dead_workers_run_that_nobody_takes_over() {
    let claim = |run: &RunItem, digest: &str, token, now| match claim::judge(run, digest, token, now) {
        Standing::LeaseOver => Standing::Elsewhere,
        standing => standing,
    };
    let model = decide(Protocol { crashes: 1, ..BOUNDED }, Decisions { claim, ..SHIPPED });
    assert_found("a dead worker's run that nobody takes over", model, "L terminal or alarmed");
}

#[test]
fn a_claim_without_the_lock() {
    let model = forget(BOUNDED, Conditions { claim_needs_lock: false, ..PORT });
    assert_found("a claim without the lock", model, "S6 one unsettled run");
}

#[test]
fn the_lock_released_with_an_unknown_order() {
    let terminal = |state| state == OrderState::Unknown || order_is_terminal(state);
    let model = decide(UNBOUNDED, Decisions { terminal, ..SHIPPED });
    assert_found("the lock released with an unknown order", model, "L terminal or alarmed");
}

#[test]
fn not_placed_before_the_deadline() {
    let settle = |order: &_, item: &_, finding: &_, promise, asked_at, may_resend| match finding {
        Finding::Absent => Verdict::NotPlaced("absent".to_owned()),
        _ => settlement::judge(order, item, finding, promise, asked_at, may_resend),
    };
    let model = decide(BOUNDED, Decisions { settle, ..SHIPPED });
    assert_found("not placed before the deadline", model, "S8 nothing lost");
}

#[test]
fn sent_again_where_nothing_is_replayed() {
    let settle = |order: &_, item: &_, finding: &_, promise, asked_at, may_resend| match finding {
        Finding::Absent if may_resend => Verdict::Resend,
        _ => settlement::judge(order, item, finding, promise, asked_at, may_resend),
    };
    let may_follow = |run: &_, item: &_, promise, most| {
        attempt::may_follow(run, item, Promise { duplicates: Duplicates::Replayed, ..promise }, most)
    };
    for model in [BOUNDED, REFUSED_WHILE_OPEN] {
        let model = decide(model, Decisions { settle, may_follow, ..SHIPPED });
        assert_found("sent again where nothing is replayed", model, "S1 one accepted order per key");
    }
}

#[test]
fn no_answer_taken_for_absence() {
    let settle = |order: &_, item: &_, finding: &_, promise, asked_at, may_resend| match finding {
        Finding::Unanswered(_) => settlement::judge(order, item, &Finding::Absent, promise, asked_at, may_resend),
        _ => settlement::judge(order, item, finding, promise, asked_at, may_resend),
    };
    // The request must be late and a question unanswered: that takes one tick more.
    let model = decide(Protocol { last: 4, ..BOUNDED }, Decisions { settle, ..SHIPPED });
    assert_found("no answer taken for absence", model, "S8 nothing lost");
}

#[test]
fn absence_judged_by_the_time_of_the_answer() {
    let model = decide(BOUNDED, Decisions { judges_by_the_question: false, ..SHIPPED });
    assert_found("absence judged by the time of the answer", model, "S8 nothing lost");
}

#[test]
fn a_deadline_that_nobody_checks() {
    let model = decide(BOUNDED, Decisions { checks_deadline: false, ..SHIPPED });
    assert_found("a deadline that nobody checks", model, "S5 nothing past its deadline");
}

#[test]
fn a_fresh_timestamp_at_every_signing() {
    let model = decide(BOUNDED, Decisions { signs_afresh: true, checks_deadline: false, ..SHIPPED });
    assert_found("a fresh timestamp at every signing", model, "S4 journalled before sent");
}

#[test]
fn buys_that_do_not_wait() {
    let model = decide(BOUNDED, Decisions { phase: 0, ..SHIPPED });
    assert_found(
        "buys that do not wait",
        decide(model, Decisions { cash: |_, _, _, _, _| Ok(()), ..model.decisions }),
        "S10 sells before buys",
    );
}

#[test]
fn cash_that_nobody_counts() {
    let model = decide(BOUNDED, Decisions { cash: |_, _, _, _, _| Ok(()), ..SHIPPED });
    assert_found("cash that nobody counts", model, "S10 cash pays for buys");
}

#[test]
fn a_switch_taken_for_off() {
    let gate = |view: &View<'_>| gate::judge(&View { switch: Switch::Off, ..view.clone() });
    let model = decide(Protocol { switch: true, ..BOUNDED }, Decisions { gate, ..SHIPPED });
    assert_found("a switch taken for off", model, "S10 the switch holds");
}

#[test]
fn a_plan_solved_again() {
    let model = decide(BOUNDED, Decisions { plans_again: true, ..SHIPPED });
    assert_found("a plan solved again", model, "S2 one plan per run");
}

#[test]
fn an_order_that_ended_is_looked_at_again() {
    let model = decide(REPLAYED, Decisions { looks_again: false, ..SHIPPED });
    assert_found("an order that ended is looked at again", model, "S7 moves along the table");
}

#[test]
fn a_plan_of_ones_own() {
    let model = decide(Protocol { crashes: 1, ..BOUNDED }, Decisions { loads_the_plan: false, ..SHIPPED });
    assert_found("a plan of one's own", model, "S3 one payload per key");
}

#[test]
fn a_duplicate_taken_for_a_refusal() {
    let answered = |number, answer| match answer {
        Err(PlaceError::DuplicateId(why)) => attempt::answered(number, Err(PlaceError::Refused(why))),
        answer => attempt::answered(number, answer),
    };
    let model = decide(REFUSED_WHILE_OPEN, Decisions { answered, ..SHIPPED });
    assert_found("a duplicate taken for a refusal", model, "S8 nothing lost");
}

#[test]
fn a_further_attempt_that_ends_the_order() {
    let answered = |_, answer| -> Answer { attempt::answered(1, answer) };
    // The first request is late, the second is refused, and then the first arrives.
    let model = decide(REPLAYED, Decisions { answered, ..SHIPPED });
    assert_found("a further attempt that ends the order", model, "S8 nothing lost");
}

#[test]
fn a_look_that_never_ends() {
    let model = decide(Protocol { last: 0, ..UNBOUNDED }, Decisions { waits_for_ever: true, ..SHIPPED });
    assert_found("a look that never ends", model, "L an invocation ends");
}

#[test]
fn an_order_that_is_found_and_left_to_a_person() {
    let settle = |order: &_, item: &_, finding: &_, promise, asked_at, may_resend| match finding {
        Finding::Found { .. } => Verdict::Wait("found".to_owned()),
        _ => settlement::judge(order, item, finding, promise, asked_at, may_resend),
    };
    let model = decide(UNBOUNDED, Decisions { settle, ..SHIPPED });
    assert_found("an order that is found and left to a person", model, "L terminal or alarmed");
}
