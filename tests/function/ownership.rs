//! Whose cash an account holds, and when it may become another's.

use index_rebalancer::application::ownership::{other_owner, register};
use index_rebalancer::application::run::Stopped;
use index_rebalancer::model::{PortfolioId, RunIdentity, Trigger};
use jiff::{SignedDuration, Timestamp};

use crate::stage::{DAY, Stage, moment};

/// The stage's run, and the same of another portfolio.
fn runs(stage: &Stage) -> (RunIdentity, RunIdentity) {
    let account = stage.case.accounts().next().expect("an account").clone();
    let own = stage.case.run_identity(&account, Trigger::Scheduled(moment(DAY))).expect("an identity");
    let other = RunIdentity { portfolio: PortfolioId::new("second").expect("a name"), ..own.clone() };
    (own, other)
}

async fn refused(stage: &Stage, run: &RunIdentity, now: Timestamp) -> bool {
    match register(&stage.table.store(), run, now).await {
        Ok(()) => false,
        Err(Stopped::Otherwise(failure)) => {
            assert!(failure.message.contains("cash belongs to one portfolio"), "{}", failure.message);
            true
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

#[tokio::test]
async fn an_account_changes_hands_only_where_nothing_came_of_the_first() {
    let stage = Stage::blue_chip().await;
    let ((own, other), begin) = (runs(&stage), moment("2026-01-01T00:00:00Z"));
    assert_eq!(other_owner(&stage.table.store(), &other).await.expect("reads"), None);
    assert!(!refused(&stage, &own, begin).await && !refused(&stage, &own, begin).await, "again: the same");
    assert_eq!(other_owner(&stage.table.store(), &other).await.expect("reads"), Some(own.portfolio.clone()));
    // Its run may be on the way to its claim; an hour later it is not.
    assert!(refused(&stage, &other, begin + SignedDuration::from_mins(59)).await);
    assert!(!refused(&stage, &other, begin + hours(1)).await);
    assert!(refused(&stage, &own, begin + hours(1)).await, "and now it is the other's");
}

/// However old the first registration is: while a run of its begins, nobody else takes over.
#[tokio::test]
async fn a_run_that_begins_renews_its_registration() {
    let stage = Stage::blue_chip().await;
    let ((own, other), begin) = (runs(&stage), moment("2026-01-01T00:00:00Z"));
    assert!(!refused(&stage, &own, begin).await);
    assert!(!refused(&stage, &own, begin + hours(2)).await);
    assert!(refused(&stage, &other, begin + hours(2) + SignedDuration::from_mins(29)).await);
    assert!(!refused(&stage, &other, begin + hours(3)).await);
}

#[tokio::test]
async fn an_account_that_holds_money_stays_whose_it_is() {
    let later = moment("2030-01-01T00:00:00Z");
    // A run that stands in the outbox holds the account; one that is settled left what it remembers.
    for on_paper in [false, true] {
        let stage = Stage::blue_chip().await;
        let (own, other) = runs(&stage);
        let setup = stage.sandbox();
        let sandbox = if on_paper { setup.on_paper() } else { setup }.start();
        let _ = sandbox.invoke(stage.scheduled("live")).run();
        assert!(refused(&stage, &other, later).await, "on paper: {on_paper}");
        assert!(!refused(&stage, &own, later).await);
    }
}
