//! Kill switches: what is set stays set, and the log says who did it and why.

use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::execution::audit::{Fault, SwitchHead, Switching, of_switch};
use index_rebalancer::execution::{SwitchTrail, load_switch_trails};
use index_rebalancer::model::Environment;
use index_rebalancer::ports::store::{KillSwitch, SwitchScope, Written};
use index_rebalancer::ports::{RunStore, StoreError};

use crate::support::*;

const EVERYTHING: SwitchScope = SwitchScope::Everything;

fn moonshot() -> SwitchScope {
    SwitchScope::Portfolio(Environment::Paper, "moonshot".parse().expect("valid"))
}

async fn trails(world: &World) -> Vec<SwitchTrail> {
    load_switch_trails(world.store()).await.expect("reads")
}

/// The only switch's faults, each with the entry that it is about.
async fn faults(world: &World) -> Vec<(Fault, Option<u64>)> {
    let trail = trails(world).await.remove(0);
    trail.findings.into_iter().map(|finding| (finding.fault, finding.sequence)).collect()
}

/// On, off and on again.
async fn thrown_three_times() -> World {
    let world = World::new().await;
    for (on, note) in [(true, "a drill"), (false, "the drill is over"), (true, "in earnest")] {
        world.throw(&EVERYTHING, on, note).await;
        world.later(seconds(60));
    }
    world
}

#[tokio::test]
async fn switches_are_off_until_they_are_set_and_each_has_a_log_of_its_own() {
    let world = World::new().await;
    assert_eq!(world.store().kill_switch(&EVERYTHING).await, Ok(None));
    assert_eq!(trails(&world).await, []);

    let (on, changed) = world.throw(&EVERYTHING, true, "a drill").await;
    assert!(changed && on.on && on.revision == 1);
    assert_eq!(world.store().kill_switch(&EVERYTHING).await, Ok(Some(on)));
    let (again, changed) = world.throw(&EVERYTHING, true, "still").await;
    assert!(!changed && again.revision == 2, "told all the same: the note is another");
    let (other, changed) = world.throw(&moonshot(), false, "was off").await;
    assert!(!changed && other.revision == 1);

    let trails = trails(&world).await;
    let scopes: Vec<&SwitchScope> = trails.iter().map(|trail| &trail.scope).collect();
    assert_eq!(scopes, [&EVERYTHING, &moonshot()]);
    assert!(trails.iter().all(|trail| trail.findings.is_empty()), "{trails:?}");
    let told: Vec<_> = trails[0].entries.iter().map(|entry| (entry.sequence, entry.on, entry.why.as_str())).collect();
    assert_eq!(told, [(1, true, "a drill"), (2, true, "still")]);
    assert!(trails[0].entries.iter().all(|entry| entry.operator == "alice" && entry.at == monday()));
}

/// Of two people at once one comes second, and both are told of.
#[tokio::test]
async fn a_switch_that_somebody_else_set_meanwhile_is_set_after_them() {
    let world = World::new().await;
    world.throw(&EVERYTHING, true, "first").await;
    let change = Switching { on: false, operator: "bob".to_owned(), note: "late".to_owned(), at: monday() };
    let (stale, entry) = of_switch(&EVERYTHING, &SwitchHead::default(), &change);
    assert_eq!(world.store().set_kill_switch(&stale, &entry).await, Ok(Written::Refused));
    assert!(world.store().kill_switch(&EVERYTHING).await.expect("reads").expect("is set").on, "nothing changed");

    let both = tokio::join!(world.throw(&EVERYTHING, false, "one"), world.throw(&EVERYTHING, true, "other"));
    let mut revisions = [both.0.0.revision, both.1.0.revision];
    revisions.sort_unstable();
    assert_eq!(revisions, [2, 3]);
    assert_eq!(faults(&world).await, []);
}

#[tokio::test]
async fn every_altered_field_of_an_entry_is_found() {
    let altered = [
        ("on", AttributeValue::Bool(true)),
        ("operator", AttributeValue::S("mallory".to_owned())),
        ("why", AttributeValue::S("nothing happened".to_owned())),
        ("at", AttributeValue::S("2025-04-14T00:00:01Z".to_owned())),
        ("item_digest", AttributeValue::S("0".to_owned())),
        ("previous", AttributeValue::S("0".to_owned())),
        ("hash", AttributeValue::S("0".to_owned())),
    ];
    for (attribute, value) in altered {
        let world = thrown_three_times().await;
        assert_eq!(faults(&world).await, []);
        world.tamper("switch_log", "everything#0000000002", attribute, value).await;
        assert!(faults(&world).await.contains(&(Fault::Altered, Some(2))), "{attribute}");
    }
}

#[tokio::test]
async fn an_entry_that_is_gone_is_missed_and_so_is_a_switch() {
    for (gone, about) in [(1, Some(2)), (2, Some(3)), (3, None)] {
        let world = thrown_three_times().await;
        world.remove("switch_log", &format!("everything#{gone:010}")).await;
        assert!(faults(&world).await.contains(&(Fault::Missing, about)), "entry {gone}");
    }
    // Without it nothing is stopped any more, and the log says that it was on.
    let world = thrown_three_times().await;
    world.remove("switch", "everything").await;
    let trail = trails(&world).await.remove(0);
    assert_eq!((trail.switch, trail.findings.len()), (None, 1));
    let finding = &trail.findings[0];
    assert_eq!((finding.fault, finding.sequence), (Fault::Missing, Some(3)));
    assert!(finding.what.contains("turned it on"), "{}", finding.what);
}

#[tokio::test]
async fn a_switch_that_was_turned_past_the_log_is_found() {
    let world = thrown_three_times().await;
    world.tamper("switch", "everything", "on", AttributeValue::Bool(false)).await;
    assert_eq!(faults(&world).await, [(Fault::Altered, Some(3))]);
    // Set back to how it was one change earlier, with everything that belongs to it.
    let world = World::new().await;
    let (earlier, _) = world.throw(&EVERYTHING, false, "off").await;
    world.throw(&EVERYTHING, true, "on").await;
    let KillSwitch { revision, log_head, note, .. } = earlier;
    for (attribute, value) in [
        ("on", AttributeValue::Bool(false)),
        ("note", AttributeValue::S(note)),
        ("revision", AttributeValue::N(revision.to_string())),
        ("log_head", AttributeValue::S(log_head)),
    ] {
        world.tamper("switch", "everything", attribute, value).await;
    }
    assert_eq!(faults(&world).await, [(Fault::Altered, Some(2))]);
    // Whoever sets it next goes on after the entry that the switch denies.
    let (next, _) = world.throw(&EVERYTHING, true, "again").await;
    assert_eq!((next.revision, faults(&world).await), (3, vec![]));
}

/// What cannot be read counts as on, can be set, and its log goes on.
#[tokio::test]
async fn an_unreadable_switch_can_be_set() {
    let world = thrown_three_times().await;
    world.tamper("switch", "everything", "on", AttributeValue::S("perhaps".to_owned())).await;
    let (off, changed) = world.throw(&EVERYTHING, false, "looked into").await;
    assert!(changed && off.revision == 4);
    assert_eq!(faults(&world).await, []);
}

#[tokio::test]
async fn an_entry_in_the_place_of_the_next_one_is_told() {
    let world = thrown_three_times().await;
    let change = Switching { on: false, operator: "mallory".to_owned(), note: String::new(), at: monday() };
    let head = SwitchHead { sequence: 3, hash: String::new() };
    let (switch, entry) = of_switch(&moonshot(), &head, &change);
    assert_eq!(world.store().set_kill_switch(&switch, &entry).await, Ok(Written::Done));
    // Filed under the other switch, whose number it takes.
    world.copy("switch_log", "portfolio#paper#moonshot#0000000004", "everything#0000000004").await;
    let change = Switching { on: false, operator: "alice".to_owned(), note: "over".to_owned(), at: monday() };
    let answer = index_rebalancer::execution::set_kill_switch(world.store(), &EVERYTHING, &change).await;
    let Err(StoreError::Corrupt { item, cause }) = answer else { panic!("{answer:?}") };
    assert!(item.contains("everything") && cause.contains("entry 4"), "{item}: {cause}");
}
