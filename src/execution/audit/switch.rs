//! The chains of the kill switches: one for each scope. Pure.
//!
//! A switch is not part of any run, so nothing seals its chain: whoever can write to the table can remove a switch with
//! its whole chain. Anything less shows.

use jiff::Timestamp;

use super::chain::{Head, Link};
use super::{Fault, Finding};
use crate::planning::idempotency::digest_of;
use crate::ports::store::{ITEM_SCHEMA, KillSwitch, SwitchEntry, SwitchScope};

/// What a person does to a kill switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switching {
    pub on: bool,
    /// Who does it.
    pub operator: String,
    /// Why, for whoever finds it.
    pub note: String,
    pub at: Timestamp,
}

/// Where a switch's chain goes on: number and hash of its last entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SwitchHead {
    /// 0 before the first.
    pub sequence: u64,
    pub hash: String,
}

impl From<&KillSwitch> for SwitchHead {
    fn from(switch: &KillSwitch) -> Self {
        Self { sequence: switch.revision, hash: switch.log_head.clone() }
    }
}

impl From<&SwitchEntry> for SwitchHead {
    fn from(entry: &SwitchEntry) -> Self {
        Self { sequence: entry.sequence, hash: entry.hash.clone() }
    }
}

/// A switch after a change, with the entry that tells of it.
#[must_use]
pub fn of_switch(scope: &SwitchScope, head: &SwitchHead, change: &Switching) -> (KillSwitch, SwitchEntry) {
    let sequence = head.sequence.saturating_add(1);
    let mut switch = KillSwitch {
        schema: ITEM_SCHEMA,
        scope: scope.clone(),
        on: change.on,
        note: change.note.clone(),
        operator: change.operator.clone(),
        revision: sequence,
        log_head: String::new(),
        updated_at: change.at,
    };
    let mut entry = SwitchEntry {
        schema: ITEM_SCHEMA,
        scope: scope.clone(),
        sequence,
        on: change.on,
        at: change.at,
        operator: change.operator.clone(),
        why: change.note.clone(),
        item_digest: digest_of(&switch),
        previous: head.hash.clone(),
        hash: String::new(),
    };
    entry.hash = switch_hash_of(&entry);
    switch.log_head.clone_from(&entry.hash);
    (switch, entry)
}

/// The hash that an entry must have.
#[must_use]
pub fn switch_hash_of(entry: &SwitchEntry) -> String {
    digest_of(&SwitchEntry { hash: String::new(), ..entry.clone() })
}

impl Link for SwitchEntry {
    type Owner = SwitchScope;

    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn previous(&self) -> &str {
        &self.previous
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn recomputed(&self) -> String {
        switch_hash_of(self)
    }

    fn item_digest(&self) -> &str {
        &self.item_digest
    }

    fn owner(&self) -> &SwitchScope {
        &self.scope
    }

    /// On and off may follow each other and themselves.
    fn illegal_after(&self, _: Option<&Self>) -> Option<String> {
        None
    }
}

/// Recomputes the chain of one switch, whose entries are `log` as they are filed. No finding: the log is whole, and it
/// is what the switch says.
#[must_use]
pub fn verify_switch(scope: &SwitchScope, switch: Option<&KillSwitch>, log: &[SwitchEntry]) -> Vec<Finding> {
    let chain: Vec<&SwitchEntry> = log.iter().collect();
    if let Some(switch) = switch {
        let digest = digest_of(&KillSwitch { log_head: String::new(), ..switch.clone() });
        let (revision, hash) = (switch.revision, switch.log_head.as_str());
        return Head { owner: scope, order: None, revision, digest: &digest, hash }.check(&chain, str::is_empty);
    }
    let Some(last) = log.iter().max_by_key(|entry| entry.sequence) else {
        return Vec::new();
    };
    // Without it the switch counts as off.
    let state = if last.on { "on" } else { "off" };
    let what = format!("the switch is gone, and its last entry turned it {state}");
    let head = Head { owner: scope, order: None, revision: last.sequence, digest: &last.item_digest, hash: &last.hash };
    let mut findings = vec![head.finding(Some(last.sequence), Fault::Missing, what)];
    findings.extend(head.check(&chain, str::is_empty));
    findings
}
