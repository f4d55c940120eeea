//! The tests of the tests: each deliberate mistake must be found by the checker, under the name of the property that it
//! breaks, and the same runs must be clean without it.

use std::collections::BTreeSet;

use crate::bugs::Bug;
use crate::checker::{Property, judge_whole};
use crate::faults::{Fault, FaultPlan, Kind};
use crate::run::{Setup, simulate};
use crate::scenario::{CLASSES, Class};
use crate::table::Slip;

/// A mistake, what it must be caught as, and where to look for it.
struct Hunt {
    bug: Bug,
    caught_as: Property,
    class: Class,
    /// Faults that are tried alone at every step; none: the mistake shows without any.
    faults: &'static [Fault],
    /// Only at calls of this name, if given.
    at: Option<&'static str>,
    /// What happens at the step after.
    then: Option<Fault>,
}

const REPLAYED: Class = CLASSES[0];
const REPLAYED_UNBOUNDED: Class = CLASSES[1];
const WHILE_OPEN: Class = CLASSES[2];
const WHILE_OPEN_UNBOUNDED: Class = CLASSES[3];
const UNCHECKED: Class = CLASSES[4];
const UNCHECKED_UNBOUNDED: Class = CLASSES[5];
const ATTENDED: Class = CLASSES[7];

const FREEZES: &[Fault] = &[
    Fault::FreezeAfter { foreign_steps: 9 },
    Fault::FreezeAfter { foreign_steps: 14 },
    Fault::FreezeAfter { foreign_steps: 20 },
    Fault::FreezeBefore { foreign_steps: 9 },
    Fault::FreezeBefore { foreign_steps: 14 },
    Fault::FreezeBefore { foreign_steps: 20 },
];

const fn hunt(bug: Bug, caught_as: Property, class: Class, faults: &'static [Fault]) -> Hunt {
    Hunt { bug, caught_as, class, faults, at: None, then: None }
}

const fn at(call: &'static str, mut hunt: Hunt) -> Hunt {
    hunt.at = Some(call);
    hunt
}

const fn then(fault: Fault, mut hunt: Hunt) -> Hunt {
    hunt.then = Some(fault);
    hunt
}

/// The first history in which the mistake shows; the steps of the correct run say where faults can be put.
fn find(hunt: &Hunt) -> Option<(Setup, BTreeSet<Property>)> {
    let correct = simulate(&Setup::of(hunt.class, FaultPlan::default()));
    let fits = |call: &str| hunt.at.is_none_or(|at| at == call);
    let steps = correct.steps.iter().filter(|step| fits(step.call));
    let single = steps.flat_map(|step| {
        let then = hunt.then.map(|fault| (step.number + 1, fault));
        hunt.faults.iter().map(move |fault| FaultPlan::of([(step.number, *fault)].into_iter().chain(then)))
    });
    let kinds: BTreeSet<Kind> = correct.steps.iter().map(|step| step.kind).collect();
    for fault in hunt.faults.iter().chain(&hunt.then) {
        assert!(kinds.iter().any(|kind| kind.can_have(*fault)), "{fault:?} happens to no call");
    }
    std::iter::once(FaultPlan::default()).chain(single).find_map(|faults| {
        let setup = Setup { bug: Some(hunt.bug), ..Setup::of(hunt.class, faults) };
        let found: BTreeSet<Property> =
            judge_whole(&simulate(&setup)).violations.into_iter().map(|violation| violation.property).collect();
        found.contains(&hunt.caught_as).then_some((setup, found))
    })
}

fn assert_found(hunt: &Hunt) {
    let Some((setup, found)) = find(hunt) else {
        panic!("{:?} was not caught as {:?}", hunt.bug, hunt.caught_as);
    };
    let clean = judge_whole(&simulate(&Setup { bug: None, ..setup.clone() }));
    assert!(clean.violations.is_empty(), "{:?} without it: {:?}", hunt.bug, clean.violations);
    println!("{:?}: caught as {:?} (all: {found:?}) by {:?}", hunt.bug, hunt.caught_as, setup.faults.0);
}

macro_rules! caught {
    ($($name:ident: $hunt:expr;)*) => {
        $(
            #[test]
            fn $name() {
                assert_found(&$hunt);
            }
        )*
    };
}

caught! {
    send_before_the_order_is_journalled:
        hunt(Bug::SendBeforeJournal, Property::S4, REPLAYED, &[]);
    order_put_without_its_absence:
        at("create_order", hunt(Bug::Store(Slip::OrderPutWithoutAbsence), Property::S7, UNCHECKED, &[Fault::Repeated]));
    order_put_without_the_fence:
        at("create_order", hunt(Bug::Store(Slip::OrderPutWithoutFence), Property::S7, UNCHECKED, FREEZES));
    order_update_without_its_revision:
        at("update_order", hunt(Bug::Store(Slip::OrderUpdateWithoutRevision), Property::S7, REPLAYED, FREEZES));
    a_further_attempt_without_the_fence:
        // The request is lost, and another worker takes the run while this one looks for the order.
        then(
            Fault::RivalWorker,
            at("place", hunt(Bug::Store(Slip::AttemptWithoutFence), Property::S7, REPLAYED, &[Fault::Throttled])),
        );
    commit_without_its_condition:
        at("commit", hunt(Bug::Store(Slip::CommitWithoutCondition), Property::S2, REPLAYED, FREEZES));
    claim_without_the_lock:
        hunt(Bug::Store(Slip::ClaimWithoutLock), Property::S6, REPLAYED, &[]);
    claim_over_a_stored_run:
        at("load_run", hunt(Bug::Store(Slip::ClaimOverStoredRun), Property::S7, REPLAYED, FREEZES));
    claim_by_halves:
        hunt(Bug::Store(Slip::HalfClaim), Property::S6, REPLAYED, &[]);
    lease_instead_of_compare_and_set:
        hunt(Bug::Store(Slip::LeaseInsteadOfCompare), Property::S7, REPLAYED, &[Fault::RivalWorker]);
    finish_without_its_condition:
        at("finish", hunt(Bug::Store(Slip::FinishWithoutCondition), Property::S7, REPLAYED, FREEZES));
    a_lock_that_ends_by_itself:
        at("create_order", hunt(Bug::Store(Slip::LockWithExpiry), Property::S6, UNCHECKED_UNBOUNDED, &[Fault::CrashAfter]));
    the_lock_released_while_orders_are_open:
        hunt(Bug::Store(Slip::ReleaseBeforeSettlement), Property::S6, REPLAYED, &[]);
    an_adapter_that_sends_again_by_itself:
        at("place", hunt(Bug::AdapterRetries, Property::S1, WHILE_OPEN, &[Fault::LostAnswer]));
    resend_without_a_query:
        at("place", hunt(Bug::ResendWithoutQuery, Property::S1, UNCHECKED, &[Fault::LostAnswer]));
    a_fresh_timestamp_at_every_signing:
        hunt(Bug::FreshTimestamp, Property::S4, WHILE_OPEN, &[]);
    a_payload_that_nobody_compares:
        hunt(Bug::OtherQuantity, Property::S10, REPLAYED, &[]);
    a_payload_that_changes_when_it_is_sent_again:
        at("place", hunt(Bug::OtherQuantityAgain, Property::S3, REPLAYED, &[Fault::LateRequest { ms: 20_000 }]));
    an_adapter_that_keeps_requests_too_long:
        hunt(Bug::AdapterQueues, Property::S5, REPLAYED_UNBOUNDED, &[]);
    an_entry_that_somebody_has_forged:
        hunt(Bug::EntryForged, Property::Log, REPLAYED, &[]);
    a_timeout_taken_for_a_refusal:
        at("place", hunt(Bug::TimeoutIsRefusal, Property::S8, WHILE_OPEN, &[Fault::LostAnswer]));
    no_answer_taken_for_absence:
        then(
            Fault::VenueDown,
            at("place", hunt(Bug::UnansweredIsAbsent, Property::S8, WHILE_OPEN, &[Fault::LostAnswer])),
        );
    not_placed_before_the_deadline:
        at("place", hunt(Bug::NotPlacedTooEarly, Property::S8, UNCHECKED_UNBOUNDED, &[Fault::LateRequest { ms: 70_000 }]));
    buys_before_the_sells_are_settled:
        hunt(Bug::BuysBeforeSellsSettled, Property::S10, REPLAYED, &[]);
    an_unreadable_switch_taken_for_off:
        at("kill_switch", hunt(Bug::UnreadableSwitchIsOff, Property::S10, REPLAYED, &[Fault::Throttled]));
    a_switch_remembered_for_too_long:
        at("place", hunt(Bug::SwitchFromMemory, Property::S10, WHILE_OPEN_UNBOUNDED, &[Fault::LateRequest { ms: 5_500 }]));
    a_plan_solved_again_on_redelivery:
        at("place", hunt(Bug::PlanSolvedAgain, Property::S2, REPLAYED_UNBOUNDED, &[Fault::CrashAfter]));
    a_proposal_sent_without_a_word:
        at("commit", hunt(Bug::ApprovalUnseen, Property::S10, ATTENDED, &[Fault::LostAnswer]));
    a_dry_run_that_writes:
        hunt(Bug::DryRunWrites, Property::S9, REPLAYED, &[]);
    runs_that_nobody_recovers:
        at("place", hunt(Bug::NoRecovery, Property::Liveness, WHILE_OPEN, &[Fault::VenueDown]));
    locks_that_recovery_does_not_see:
        at("place", hunt(Bug::LocksStayUnseen, Property::Liveness, WHILE_OPEN, &[Fault::VenueDown]));
    what_stays_unknown_is_kept_from_everybody:
        at("create_order", hunt(Bug::NobodyIsTold, Property::Liveness, WHILE_OPEN_UNBOUNDED, &[Fault::CrashAfter]));
}
