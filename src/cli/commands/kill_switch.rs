//! `kill-switch`: stop all sending, or one portfolio's. Every change is told in the audit log.

use crate::adapters::clock::SystemClock;
use crate::cli::args::{KillSwitch as Asked, SwitchAction};
use crate::cli::failure::Failure;
use crate::cli::handling::operator;
use crate::cli::output::Output;
use crate::cli::store::StorePath;
use crate::execution::{audit::Switching, set_kill_switch};
use crate::model::Environment;
use crate::ports::Clock;
use crate::ports::StoreError;
use crate::ports::store::{KillSwitch, RunStore, SwitchScope};
use crate::report::document::{Document, KillSwitchReport};
use crate::report::text;

pub(in crate::cli) async fn kill_switch(asked: &Asked, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let scopes = match &asked.portfolio {
        None => vec![SwitchScope::Everything],
        // Who stops a portfolio does not have to know where it trades.
        Some(portfolio) => {
            Environment::ALL.map(|environment| SwitchScope::Portfolio(environment, portfolio.clone())).to_vec()
        }
    };
    let seen = match asked.action {
        SwitchAction::Status => match path.look().await? {
            Some(store) => Seen::of(store.store(), &scopes, false).await?,
            None => Seen::default(),
        },
        // What stops everything does not wait for a name.
        SwitchAction::On => {
            let by = operator(&asked.operator).unwrap_or_else(|_| "somebody unnamed".to_owned());
            set(path, &scopes, true, &asked.note, by).await?
        }
        SwitchAction::Off => set(path, &scopes, false, &asked.note, operator(&asked.operator)?).await?,
    };
    let Seen { switch, changed, known, everything_on } = seen;
    let report = KillSwitchReport {
        on: switch.as_ref().is_some_and(|switch| switch.on),
        changed,
        portfolio: asked.portfolio.as_ref().map(ToString::to_string),
        portfolio_known: asked.portfolio.as_ref().map(|_| known),
        everything_on,
        note: switch.as_ref().map(|switch| switch.note.clone()).unwrap_or_default(),
        operator: switch.as_ref().map(|switch| switch.operator.clone()),
        updated_at: switch.map(|switch| switch.updated_at),
        store: path.display(),
    };
    output.say(&Document::KillSwitch(report.clone()), |canvas| text::kill_switch(&report, canvas))?;
    Ok(0)
}

/// A switch as it now is; that of a portfolio is one for each environment, set together.
#[derive(Debug, Default)]
struct Seen {
    /// One that is on, if there is one; else what was set last. Absent: it was never set.
    switch: Option<KillSwitch>,
    changed: bool,
    /// There are runs that it concerns.
    known: bool,
    everything_on: bool,
}

impl Seen {
    async fn of(store: &impl RunStore, scopes: &[SwitchScope], changed: bool) -> Result<Self, StoreError> {
        let (mut switch, mut known): (Option<KillSwitch>, bool) = (None, false);
        for scope in scopes {
            known |= match scope {
                SwitchScope::Everything => true,
                SwitchScope::Portfolio(environment, portfolio) => {
                    !store.list_runs(*environment, portfolio).await?.is_empty()
                }
            };
            let found = store.kill_switch(scope).await?;
            switch = switch.into_iter().chain(found).max_by_key(|switch| (switch.on, switch.updated_at));
        }
        let everything = store.kill_switch(&SwitchScope::Everything).await?;
        let everything_on = everything.is_some_and(|switch| switch.on);
        Ok(Self { switch, changed, known, everything_on })
    }
}

async fn set(
    path: &StorePath,
    scopes: &[SwitchScope],
    on: bool,
    note: &str,
    operator: String,
) -> Result<Seen, Failure> {
    let store = path.open().await?;
    let change = Switching { on, operator, note: note.to_owned(), at: SystemClock.now() };
    let answer = set_each(store.store(), scopes, &change).await.map_err(Failure::from);
    store.close().await;
    answer
}

async fn set_each(store: &impl RunStore, scopes: &[SwitchScope], change: &Switching) -> Result<Seen, StoreError> {
    let mut changed = false;
    // Where the second cannot be written, live orders are stopped.
    let order: Vec<&SwitchScope> = if change.on { scopes.iter().collect() } else { scopes.iter().rev().collect() };
    for scope in order {
        changed |= set_kill_switch(store, scope, change).await?.1;
    }
    Seen::of(store, scopes, changed).await
}
