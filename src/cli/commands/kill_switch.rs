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
use crate::ports::store::{KillSwitch, RunStore, SwitchScope};
use crate::report::document::{Document, KillSwitchReport};
use crate::report::text;

pub(in crate::cli) async fn kill_switch(asked: &Asked, path: &StorePath, output: &Output) -> Result<u8, Failure> {
    let scope = match &asked.portfolio {
        None => SwitchScope::Everything,
        Some(portfolio) => SwitchScope::Portfolio(Environment::Paper, portfolio.clone()),
    };
    let (switch, changed) = match asked.action {
        SwitchAction::Status => (look(path, &scope).await?, false),
        // What stops everything does not wait for a name.
        SwitchAction::On => {
            let by = operator(&asked.operator).unwrap_or_else(|_| "somebody unnamed".to_owned());
            set(path, &scope, true, &asked.note, by).await?
        }
        SwitchAction::Off => set(path, &scope, false, &asked.note, operator(&asked.operator)?).await?,
    };
    let report = KillSwitchReport {
        on: switch.as_ref().is_some_and(|switch| switch.on),
        changed,
        portfolio: asked.portfolio.as_ref().map(ToString::to_string),
        note: switch.as_ref().map(|switch| switch.note.clone()).unwrap_or_default(),
        operator: switch.as_ref().map(|switch| switch.operator.clone()),
        updated_at: switch.map(|switch| switch.updated_at),
        store: path.display(),
    };
    output.say(&Document::KillSwitch(report.clone()), |canvas| text::kill_switch(&report, canvas))?;
    Ok(0)
}

/// Absent: it was never set.
async fn look(path: &StorePath, scope: &SwitchScope) -> Result<Option<KillSwitch>, Failure> {
    match path.look().await? {
        Some(store) => Ok(store.store().kill_switch(scope).await?),
        None => Ok(None),
    }
}

/// The switch as it now is, and whether it was otherwise before.
async fn set(
    path: &StorePath,
    scope: &SwitchScope,
    on: bool,
    note: &str,
    operator: String,
) -> Result<(Option<KillSwitch>, bool), Failure> {
    let store = path.open().await?;
    let change = Switching { on, operator, note: note.to_owned(), at: SystemClock.now() };
    let answer = set_kill_switch(store.store(), scope, &change).await;
    store.close().await;
    let (switch, changed) = answer?;
    Ok((Some(switch), changed))
}
