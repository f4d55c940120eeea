//! What can be asked about the orders of outboxes.

use clap::Args;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Operator, TakenTime, money, order_key, price, quantity, sentence};
use crate::model::{AccountId, Money, Price, Quantity};
use crate::preparation::time::parse_moment;

#[derive(Debug, Clone, Args)]
pub struct Orders {
    /// Only those without an end
    #[arg(long)]
    pub open: bool,
    /// Only this account's
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    #[command(flatten)]
    pub time: TakenTime,
}

#[derive(Debug, Clone, Args)]
pub struct Ack {
    /// The order's key
    #[arg(value_name = "KEY", value_parser = order_key)]
    pub key: Uuid,
    #[command(flatten)]
    pub operator: Operator,
    #[command(flatten)]
    pub time: TakenTime,
}

#[derive(Debug, Clone, Args)]
pub struct Fill {
    /// The order's key
    #[arg(value_name = "KEY", value_parser = order_key)]
    pub key: Uuid,
    /// What was executed
    #[arg(long, value_name = "QUANTITY", value_parser = quantity)]
    pub quantity: Quantity,
    /// At which price
    #[arg(long, value_name = "PRICE", value_parser = price)]
    pub price: Price,
    /// The fee paid, in quote currency
    #[arg(long, value_name = "AMOUNT", value_parser = money)]
    pub fee: Money,
    /// The exchange's id of this execution: the same id is the same execution. Made of order, quantity, price and fee
    /// when not given
    #[arg(long, value_name = "ID")]
    pub fill_id: Option<String>,
    /// When it was executed, RFC 3339 in UTC; now when not given
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub executed_at: Option<Timestamp>,
    #[command(flatten)]
    pub force: Force,
    #[command(flatten)]
    pub operator: Operator,
    #[command(flatten)]
    pub time: TakenTime,
}

/// `reject` and `cancel`.
#[derive(Debug, Clone, Args)]
pub struct Close {
    /// The order's key
    #[arg(value_name = "KEY", value_parser = order_key)]
    pub key: Uuid,
    /// Why, for whoever asks what became of it
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: String,
    #[command(flatten)]
    pub force: Force,
    #[command(flatten)]
    pub operator: Operator,
    #[command(flatten)]
    pub time: TakenTime,
}

#[derive(Debug, Clone, Args)]
pub struct Force {
    /// Record a fact that breaks the contract, and why: in the place of the one who acknowledged, at a price beyond the
    /// limit, or executed after the validity
    #[arg(long, value_name = "WHY", value_parser = sentence)]
    pub force: Option<String>,
}
