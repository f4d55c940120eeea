//! Primary keys, in one place.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use jiff::civil::Date;
use uuid::Uuid;

use super::{Item, text};
use crate::model::{AccountId, Environment, PortfolioId, VenueId};
use crate::ports::counter::Counter;
use crate::ports::outbox::OutboxAddress;
use crate::ports::snapshot::{SnapshotKey, SnapshotKind};
use crate::ports::store::{
    AccountKey, BlobOwner, Change, ChunkAddress, LogEntry, MIN_RUN_PREFIX, PortfolioKey, StoreError, SwitchEntry,
    SwitchScope,
};

/// By which a writer knows its own put again.
pub(super) const PUT_TOKEN: &str = "put_token";

/// Attributes that exist for the store's own use: keys, indexes, and who put an item.
pub(super) const OWN_ATTRIBUTES: [&str; 5] = ["pk", "sk", "portfolio_key", "created_at_ms", PUT_TOKEN];

/// Partition of all locks.
pub(super) const LOCKS: &str = "lock";
/// Partition of all accounts of outboxes.
pub(super) const OUTBOX: &str = "outbox";
/// Partition of all kill switches, and of their log.
pub(super) const SWITCHES: &str = "switch";
pub(super) const SWITCH_LOG: &str = "switch_log";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pk: String,
    sk: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {} / {}", self.pk, self.sk)
    }
}

impl Key {
    pub(super) fn attributes(&self) -> Item {
        Item::from([("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))])
    }

    /// The key of an item that was read.
    pub(super) fn of(item: &Item) -> Self {
        let read = |name| item.get(name).and_then(|value: &AttributeValue| value.as_s().ok()).cloned();
        Self { pk: read("pk").unwrap_or_default(), sk: read("sk").unwrap_or_default() }
    }
}

pub(super) fn run(run_id: Uuid) -> Key {
    let sk = run_id.simple().to_string();
    let shard: String = sk.chars().take(MIN_RUN_PREFIX).collect();
    Key { pk: format!("run#{shard}"), sk }
}

/// Partition and beginning of the sort key of all runs with this prefix.
pub(super) fn run_prefix(prefix: &str) -> Result<(String, String), StoreError> {
    let digits = prefix.replace('-', "").to_ascii_lowercase();
    let valid = (MIN_RUN_PREFIX..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !valid {
        let expected = "4 to 32 hex digits of a run id";
        return Err(StoreError::Invalid { field: "run", value: prefix.to_owned(), expected });
    }
    let shard: String = digits.chars().take(MIN_RUN_PREFIX).collect();
    Ok((format!("run#{shard}"), digits))
}

pub(super) fn chunk(address: &ChunkAddress<'_>) -> Key {
    let pk = match address.owner {
        BlobOwner::Run(run_id) => format!("blob#run#{}", run_id.simple()),
        BlobOwner::Portfolio(key) => format!("blob#{}", portfolio(key).pk),
        BlobOwner::Snapshot(key) => {
            let Key { pk, sk } = snapshot(key);
            format!("blob#{pk}#{sk}")
        }
    };
    Key { pk, sk: format!("{}#{:05}", address.digest, address.chunk) }
}

pub(super) fn orders(run_id: Uuid) -> String {
    format!("orders#{}", run_id.simple())
}

pub(super) fn order(run_id: Uuid, key: Uuid) -> Key {
    Key { pk: orders(run_id), sk: key.simple().to_string() }
}

pub(super) fn log(run_id: Uuid) -> String {
    format!("log#{}", run_id.simple())
}

/// Numbers are padded, so that they sort as they count.
pub(super) fn log_entry(entry: &LogEntry) -> Key {
    let chain = match &entry.change {
        Change::Run { .. } => "run".to_owned(),
        Change::Order { key, .. } => format!("order#{}", key.simple()),
    };
    Key { pk: log(entry.run_id), sk: format!("{chain}#{:010}", entry.sequence) }
}

fn account(key: &AccountKey) -> String {
    format!("{}#{}#{}", key.environment, key.venue, key.account)
}

pub(super) fn lock(key: &AccountKey) -> Key {
    Key { pk: LOCKS.to_owned(), sk: account(key) }
}

pub(super) fn day(key: &AccountKey, day: Date) -> Key {
    Key { pk: format!("account#{}", account(key)), sk: format!("day#{day}") }
}

pub(super) fn owner(key: &AccountKey) -> Key {
    Key { pk: format!("account#{}", account(key)), sk: "owner".to_owned() }
}

pub(super) fn portfolio(key: &PortfolioKey) -> Key {
    let AccountKey { environment, venue, account } = &key.account;
    let pk = format!("portfolio#{environment}#{venue}#{account}#{}", key.portfolio);
    Key { pk, sk: "state".to_owned() }
}

/// Partition of the index of a portfolio's runs, on all its accounts.
pub(super) fn portfolio_runs(environment: Environment, portfolio: &PortfolioId) -> String {
    format!("{environment}#{portfolio}")
}

fn switch_name(scope: &SwitchScope) -> String {
    match scope {
        SwitchScope::Everything => "everything".to_owned(),
        SwitchScope::Portfolio(environment, portfolio) => format!("portfolio#{environment}#{portfolio}"),
    }
}

pub(super) fn switch(scope: &SwitchScope) -> Key {
    Key { pk: SWITCHES.to_owned(), sk: switch_name(scope) }
}

pub(super) fn switch_entry(entry: &SwitchEntry) -> Key {
    Key { pk: SWITCH_LOG.to_owned(), sk: format!("{}#{:010}", switch_name(&entry.scope), entry.sequence) }
}

pub(super) fn alert(run_id: Uuid, key: Uuid) -> Key {
    Key { pk: format!("alerts#{}", run_id.simple()), sk: key.simple().to_string() }
}

pub(super) fn counter(counter: &Counter) -> Key {
    Key { pk: format!("counter#{}", counter.name), sk: counter.period.clone() }
}

/// Partition of all snapshots of a portfolio.
pub(super) fn snapshots(portfolio: &PortfolioId) -> String {
    format!("snapshots#{portfolio}")
}

/// Beginning of the sort keys of one kind.
pub(super) fn snapshots_of(kind: SnapshotKind) -> String {
    format!("{kind}#")
}

/// Beginning of the sort keys of one kind and time. All have one length, so that they sort as times do.
pub(super) fn snapshots_at(kind: SnapshotKind, at: Timestamp) -> String {
    format!("{kind}#{}#", at.strftime("%Y-%m-%dT%H:%M:%S.%9fZ"))
}

pub(super) fn snapshot(key: &SnapshotKey) -> Key {
    let sk = format!("{}{:06}", snapshots_at(key.kind, key.at), key.revision);
    Key { pk: snapshots(&key.portfolio), sk }
}

fn paper(venue: &VenueId, account: &AccountId) -> String {
    format!("paper#{venue}#{account}")
}

pub(super) fn paper_account(venue: &VenueId, account: &AccountId) -> Key {
    Key { pk: paper(venue, account), sk: "account".to_owned() }
}

pub(super) fn paper_order(venue: &VenueId, account: &AccountId, client_order_id: &str) -> Key {
    Key { pk: paper(venue, account), sk: format!("order#{client_order_id}") }
}

pub(super) fn outbox_account(venue: &VenueId, account: &AccountId) -> Key {
    Key { pk: OUTBOX.to_owned(), sk: format!("{venue}#{account}") }
}

/// Partition of an account's orders. Executors filter the table's stream by its beginning.
pub(super) fn outbox(venue: &VenueId, account: &AccountId) -> String {
    format!("{OUTBOX}#{venue}#{account}")
}

pub(super) fn outbox_order(address: &OutboxAddress) -> Key {
    Key { pk: outbox(&address.venue, &address.account), sk: format!("order#{}", address.client_order_id) }
}
