//! Kill switches: setting one, and what was ever set.

use std::collections::BTreeMap;

use super::audit::{self, Finding, SwitchHead, Switching};
use crate::ports::store::{KillSwitch, RunStore, StoreError, SwitchEntry, SwitchScope, Written};

/// Sets a switch and tells so in its log: the switch as it now is, and whether it was otherwise before. One that cannot
/// be read counted as on, and can be set.
///
/// # Errors
/// When the store does not answer; when neither the switch nor its log can be read.
pub async fn set_kill_switch<S: RunStore>(
    store: &S,
    scope: &SwitchScope,
    change: &Switching,
) -> Result<(KillSwitch, bool), StoreError> {
    let (was_on, mut head) = match store.kill_switch(scope).await {
        Ok(before) => (
            before.as_ref().is_some_and(|switch| switch.on),
            before.as_ref().map_or_else(SwitchHead::default, Into::into),
        ),
        Err(StoreError::Corrupt { .. }) => (true, last_told(store, scope).await?),
        Err(error) => return Err(error),
    };
    // Every round ends in an answer unless somebody else set it in between.
    loop {
        let (switch, entry) = audit::of_switch(scope, &head, change);
        match store.set_kill_switch(&switch, &entry).await? {
            Written::Done => return Ok((switch, was_on != change.on)),
            Written::Refused => {
                head = last_told(store, scope).await?;
                if head.sequence < entry.sequence {
                    let item = format!("log of the kill switch of {scope}");
                    let cause = format!("entry {} is there and does not tell of this switch", entry.sequence);
                    return Err(StoreError::Corrupt { item, cause });
                }
            }
        }
    }
}

async fn last_told<S: RunStore>(store: &S, scope: &SwitchScope) -> Result<SwitchHead, StoreError> {
    let log = store.load_switch_log().await?;
    let last = log.iter().filter(|entry| entry.scope == *scope).max_by_key(|entry| entry.sequence);
    Ok(last.map_or_else(SwitchHead::default, Into::into))
}

/// One switch and its log, checked against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchTrail {
    pub scope: SwitchScope,
    /// Absent when it is gone: then it counts as off.
    pub switch: Option<KillSwitch>,
    /// As filed.
    pub entries: Vec<SwitchEntry>,
    /// Empty: the log is whole, and it is what the switch says.
    pub findings: Vec<Finding>,
}

/// Recomputes the log of every switch that was ever set.
///
/// # Errors
/// When the store does not answer, or a switch or an entry cannot be read.
pub async fn load_switch_trails<S: RunStore>(store: &S) -> Result<Vec<SwitchTrail>, StoreError> {
    // Read until nothing was written in between: a switch that is being set must not look tampered with.
    let (switches, log) = loop {
        let switches = store.kill_switches().await?;
        let log = store.load_switch_log().await?;
        if store.kill_switches().await? == switches {
            break (switches, log);
        }
    };
    let mut found: BTreeMap<SwitchScope, (Option<KillSwitch>, Vec<SwitchEntry>)> = BTreeMap::new();
    for switch in switches {
        let scope = switch.scope.clone();
        found.entry(scope).or_default().0 = Some(switch);
    }
    for entry in log {
        found.entry(entry.scope.clone()).or_default().1.push(entry);
    }
    let trail = |(scope, (switch, entries)): (SwitchScope, (Option<KillSwitch>, Vec<SwitchEntry>))| {
        let findings = audit::verify_switch(&scope, switch.as_ref(), &entries);
        SwitchTrail { scope, switch, entries, findings }
    };
    Ok(found.into_iter().map(trail).collect())
}
