//! What every chain of hashed entries must keep to, whatever its entries tell of. Pure.

use uuid::Uuid;

use super::{Fault, Finding};

/// One entry of a chain.
pub(super) trait Link {
    /// Whose chain it belongs to.
    type Owner: PartialEq;

    /// From 1, without a gap.
    fn sequence(&self) -> u64;
    /// Hash of the entry before.
    fn previous(&self) -> &str;
    fn hash(&self) -> &str;
    /// The hash that what it says has.
    fn recomputed(&self) -> String;
    /// Of the item after the change.
    fn item_digest(&self) -> &str;
    fn owner(&self) -> &Self::Owner;
    /// What is not legal about the change, after the entry before.
    fn illegal_after(&self, before: Option<&Self>) -> Option<String>;
}

/// The item that a chain tells of, which says where the chain must end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a, O> {
    pub(super) owner: &'a O,
    /// In a finding: the run's own chain, or the order's.
    pub(super) order: Option<Uuid>,
    pub(super) revision: u64,
    /// Of the item as it is stored, its `log_head` left empty.
    pub(super) digest: &'a str,
    /// Of its last entry, as the item has it.
    pub(super) hash: &'a str,
}

impl<O: PartialEq> Head<'_, O> {
    pub(super) fn finding(&self, sequence: Option<u64>, fault: Fault, what: impl Into<String>) -> Finding {
        Finding { order: self.order, sequence, fault, what: what.into() }
    }

    /// Everything that is wrong with a chain, and with its item. `is_root`: what a first entry may name before it.
    pub(super) fn check<L: Link<Owner = O>>(&self, chain: &[&L], is_root: impl Fn(&str) -> bool) -> Vec<Finding> {
        let mut findings = self.check_entries(chain, is_root);
        findings.extend(self.check_item(chain));
        findings
    }

    /// Numbers without a gap, each entry's own hash, each entry's link, each move along the tables.
    fn check_entries<L: Link<Owner = O>>(&self, chain: &[&L], is_root: impl Fn(&str) -> bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut expected = 1;
        let mut before: Option<&L> = None;
        for entry in chain.iter().copied() {
            let (sequence, at) = (entry.sequence(), Some(entry.sequence()));
            if sequence > expected && chain.iter().any(|other| other.sequence() == expected) {
                let what = format!("it is filed where entry {expected} belongs");
                findings.push(self.finding(at, Fault::OutOfOrder, what));
            } else if sequence > expected {
                let what = format!("{} before it", entries_between(expected, sequence));
                findings.push(self.finding(at, Fault::Missing, what));
            } else if sequence < expected {
                let what = format!("it is filed after entry {}", before.map_or(0, Link::sequence));
                findings.push(self.finding(at, Fault::OutOfOrder, what));
            }
            if entry.recomputed() != entry.hash() || entry.owner() != self.owner {
                findings.push(self.finding(at, Fault::Altered, "its hash is not that of what it says"));
            }
            if sequence == expected {
                if !before.map_or_else(|| is_root(entry.previous()), |before| before.hash() == entry.previous()) {
                    findings.push(self.finding(at, Fault::Altered, "it does not follow from the entry before it"));
                }
                findings.extend(entry.illegal_after(before).map(|what| self.finding(at, Fault::Illegal, what)));
            }
            expected = sequence.saturating_add(1).max(expected);
            before = Some(entry);
        }
        let last = chain.iter().map(|entry| entry.sequence()).max().unwrap_or(0);
        if last < self.revision {
            let missing = entries_between(last.saturating_add(1), self.revision.saturating_add(1));
            findings.push(self.finding(None, Fault::Missing, format!("{missing} at the end")));
        }
        findings
    }

    /// The item is the one that the chain's last entry tells of.
    fn check_item<L: Link<Owner = O>>(&self, chain: &[&L]) -> Vec<Finding> {
        let beyond = chain.iter().map(|entry| entry.sequence()).filter(|sequence| *sequence > self.revision).max();
        let set_back = beyond.map(|sequence| {
            let what = format!("the stored item is of revision {}, and the log goes on to {sequence}", self.revision);
            self.finding(Some(sequence), Fault::Altered, what)
        });
        let mut findings = Vec::from_iter(set_back);
        // A missing entry is a finding of the chain.
        let last = chain.iter().find(|entry| entry.sequence() == self.revision);
        if last.is_some_and(|entry| entry.item_digest() != self.digest || entry.hash() != self.hash) {
            let what = "the stored item is not the one that this entry tells of";
            findings.push(self.finding(Some(self.revision), Fault::Altered, what));
        }
        findings
    }
}

/// From the first that is missing to the one after the last.
fn entries_between(first: u64, after: u64) -> String {
    let last = after.saturating_sub(1);
    if first == last { format!("entry {first} is missing") } else { format!("entries {first} to {last} are missing") }
}
