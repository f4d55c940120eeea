//! `kill-switch`: stop all sending, or one portfolio's.

use crate::adapters::clock::SystemClock;
use crate::cli::args::{KillSwitch as Asked, SwitchAction};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::store::StorePath;
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
        SwitchAction::On => set(path, &scope, true, &asked.note).await?,
        SwitchAction::Off => set(path, &scope, false, &asked.note).await?,
    };
    let report = KillSwitchReport {
        on: switch.on,
        changed,
        portfolio: asked.portfolio.as_ref().map(ToString::to_string),
        note: switch.note,
        updated_at: switch.updated_at,
        store: path.display(),
    };
    output.say(&Document::KillSwitch(report.clone()), |canvas| text::kill_switch(&report, canvas))?;
    Ok(0)
}

async fn look(path: &StorePath, scope: &SwitchScope) -> Result<KillSwitch, Failure> {
    match path.look().await? {
        Some(store) => Ok(store.store().kill_switch(scope).await?),
        None => Ok(KillSwitch::UNSET),
    }
}

/// The switch as it now is, and whether it was otherwise before.
async fn set(path: &StorePath, scope: &SwitchScope, on: bool, note: &str) -> Result<(KillSwitch, bool), Failure> {
    let store = path.open().await?;
    let before = store.store().kill_switch(scope).await;
    let switch = KillSwitch { on, note: note.to_owned(), updated_at: Some(SystemClock.now()) };
    store.store().set_kill_switch(scope, &switch).await?;
    store.close().await;
    // One that was unreadable counted as on.
    let was_on = before.map_or(true, |before| before.on);
    Ok((switch, was_on != on))
}
