//! The outbox: orders that stand in a table until an executor carries them out, and the accounts that they change.
//!
//! Shapes and the ledger behind them. What may happen to an order is in `adapters::outbox`; how an executor in
//! another language takes part is in README.md, "Executors".

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::{StoreError, Written};
use crate::model::{AccountId, AccountSnapshot, AssetId, Holding, InstrumentId, Money, Price, Quantity, Side, VenueId};

/// Days after its end at which an order may be purged: as long as a run is kept when nothing else is set.
pub const RETENTION_DAYS: u32 = 400;

/// Most fills that one order takes: its item stays far below the 400 kB that DynamoDB allows.
pub const MOST_FILLS: usize = 500;

/// Orders and accounts of outboxes. Each method is one atomic step.
#[expect(async_fn_in_trait, reason = "callers are generic over the ledger, and auto traits of the future follow it")]
pub trait OutboxLedger {
    async fn load_outbox_account(
        &self,
        venue: &VenueId,
        account: &AccountId,
    ) -> Result<Option<OutboxAccount>, StoreError>;

    async fn load_outbox_order(&self, address: &OutboxAddress) -> Result<Option<OutboxOrder>, StoreError>;

    /// One transaction: each of the two that is given replaces the revision before its own; one of revision 1 is put
    /// where nothing is. [`Written::Refused`]: neither was written.
    async fn record_outbox(
        &self,
        account: Option<&OutboxAccount>,
        order: Option<&OutboxOrder>,
    ) -> Result<Written, StoreError>;
}

/// Where an order of an outbox is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutboxAddress {
    pub venue: VenueId,
    pub account: AccountId,
    pub client_order_id: String,
}

/// An account: the balance that was stated, with every fill since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboxAccount {
    pub schema: u32,
    pub venue: VenueId,
    pub account: AccountId,
    /// Raised by every write, from 1: what the next write expects.
    pub revision: u64,
    /// Of the statement. Fills do not make it newer: they tell nothing of deposits and withdrawals.
    pub observed_at: Timestamp,
    /// SHA-256 of the statement, as [`AccountSnapshot`].
    pub statement_digest: String,
    pub cash_free: Money,
    /// What the statement says, and what open buys may cost at their limit prices.
    pub cash_locked: Money,
    /// Locked is what the statement says, and what open sells may sell.
    pub holdings: BTreeMap<AssetId, Holding>,
    /// The latest execution among the fills since the statement.
    pub last_execution_at: Option<Timestamp>,
    /// Client order ids of the orders without an end.
    pub open_orders: BTreeSet<String>,
    /// No order is taken whose request had to arrive before this: somebody looked for one then and found none.
    pub closed_before: Option<Timestamp>,
}

impl OutboxAccount {
    /// Cash and holdings, as of the statement's time.
    #[must_use]
    pub fn balance(&self) -> AccountSnapshot {
        AccountSnapshot {
            observed_at: self.observed_at,
            cash_free: self.cash_free,
            cash_locked: self.cash_locked,
            holdings: self.holdings.clone(),
        }
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboxOrder {
    pub schema: u32,
    pub venue: VenueId,
    pub account: AccountId,
    /// The order's key as the venue has it.
    pub client_order_id: String,
    /// Raised by every write, from 1: what the next write expects.
    pub revision: u64,
    pub state: OutboxState,
    pub instrument: InstrumentId,
    pub asset: AssetId,
    pub side: Side,
    pub quantity: Quantity,
    /// The highest price of a buy, the lowest of a sell.
    pub limit_price: Price,
    /// Nothing may be executed after this.
    pub valid_until: Timestamp,
    /// SHA-256 of the whole order as it was committed.
    pub payload_digest: String,
    pub placed_at: Timestamp,
    pub acknowledged: Option<Acknowledgement>,
    pub filled_quantity: Quantity,
    /// In the sequence in which they were recorded; their quantities add up to `filled_quantity`.
    pub fills: Vec<OutboxFill>,
    /// How it ended, where it was not filled.
    pub closing: Option<Closing>,
    /// Unix seconds at which the item may be purged; only on orders that have ended.
    pub expires_at_s: Option<i64>,
}

impl OutboxOrder {
    #[must_use]
    pub fn address(&self) -> OutboxAddress {
        OutboxAddress {
            venue: self.venue.clone(),
            account: self.account.clone(),
            client_order_id: self.client_order_id.clone(),
        }
    }

    /// What may still be executed.
    #[must_use]
    pub fn remaining(&self) -> Quantity {
        if self.state.is_terminal() { Quantity::ZERO } else { self.quantity - self.filled_quantity }
    }
}

/// Who carries an order out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    pub by: String,
    pub at: Timestamp,
}

/// One execution, as an executor reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboxFill {
    /// Of the executor or its exchange: the same id is the same execution.
    pub fill_id: String,
    pub quantity: Quantity,
    pub price: Price,
    /// In quote currency.
    pub fee: Money,
    pub executed_at: Timestamp,
    pub recorded_at: Timestamp,
    pub by: String,
    /// Why it was recorded against the rules; absent where it keeps to them.
    pub forced: Option<String>,
}

/// How an order ended that was not filled, or not in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// Absent where nobody did it: its time was over.
    pub by: Option<String>,
    pub at: Timestamp,
    pub why: String,
}

/// States of an order; the legal moves are in `adapters::outbox::contract`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxState {
    /// Nobody has taken it.
    Open,
    /// An executor has it, and nobody else may execute it.
    Acknowledged,
    PartiallyFilled,
    Filled,
    /// Ended before it was full; part of it may be filled.
    Cancelled,
    /// Its executor or exchange did not take it. Nothing of it was executed.
    Rejected,
    /// Nobody took it in time.
    Expired,
}

impl OutboxState {
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Acknowledged,
        Self::PartiallyFilled,
        Self::Filled,
        Self::Cancelled,
        Self::Rejected,
        Self::Expired,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::PartiallyFilled => "partially_filled",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Nothing more can happen to the order.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired)
    }
}

/// What became of a statement of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Stated {
    /// The account's first statement.
    Opened,
    /// It counts from now on, in place of the one before.
    Replaced,
    /// This very statement is the stored one already; fills since then stand.
    Unchanged,
    /// Refused: the balance is newer, by its own statement or by an execution.
    Older { stored: Timestamp },
    /// Refused: the stored statement is of the same time and says something else.
    Contradicts { stored: Timestamp },
    /// Refused: these orders may still change the account.
    OrdersOpen { orders: BTreeSet<String> },
}

impl Stated {
    /// Why it was refused, and what to do; `None` when it stands.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::Opened | Self::Replaced | Self::Unchanged => None,
            Self::Older { stored } => Some(format!(
                "the stored balance is of {stored}, which is later: state what the account held after that"
            )),
            Self::Contradicts { stored } => Some(format!(
                "another statement of {stored} is stored: if that one is wrong, observe the account again and state that"
            )),
            Self::OrdersOpen { orders } => {
                let names: Vec<&str> = orders.iter().map(String::as_str).collect();
                Some(format!(
                    "orders of the account are open ({}): wait for their end, or `rebalance cancel` them",
                    names.join(", ")
                ))
            }
        }
    }
}
