//! What `backtest` can be asked.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::civil::Date;

use super::{money, rate};
use crate::model::{AssetId, Money, Rate};
use crate::preparation::time::parse_day;

/// A policy, a period, and how it is traded.
#[derive(Debug, Clone, Args)]
pub struct Backtest {
    /// The policy file
    pub policy: PathBuf,
    /// The first day, such as 2020-01-01
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    pub from: Date,
    /// The last day
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    pub to: Date,
    /// Files, or folders of them: daily closes, snapshots, grades, signals, recognised by their header. ASSET=PATH for
    /// one that does not say which asset it is about. Where two have the same close, the first named counts
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub data: Vec<String>,
    /// When the planner runs
    #[arg(long, value_enum, default_value_t = Every::Month)]
    pub every: Every,
    /// No run on the last day: what it trades costs, and can earn nothing any more
    #[arg(long)]
    pub rest_on_last_day: bool,
    /// The money to begin with, in the policy's quote currency
    #[arg(long, value_name = "AMOUNT", default_value = "1000000", value_parser = opening)]
    pub cash: Money,
    /// At the close of the next day, or at the one that was planned from
    #[arg(long, value_enum, default_value_t = FillOn::NextClose)]
    pub fill: FillOn,
    /// Whether costs are paid beside an order's notional, or are part of it
    #[arg(long, value_enum, default_value_t = Basis::OnTop)]
    pub fee_basis: Basis,
    /// Fee that fills are charged, as a fraction of notional; the policy's when not given
    #[arg(long, value_name = "FRACTION", value_parser = charge)]
    pub fee: Option<Rate>,
    /// The same for half the spread
    #[arg(long, value_name = "FRACTION", value_parser = charge)]
    pub half_spread: Option<Rate>,
    /// Charge no market impact
    #[arg(long)]
    pub no_impact: bool,
    /// TOML file of migrations, written as in case.toml
    #[arg(long, value_name = "FILE")]
    pub migrations: Option<PathBuf>,
    /// Of what a coin is still worth when it leaves every source, the part that comes back
    #[arg(long, value_name = "FRACTION", default_value = "0.5", value_parser = recovery)]
    pub recovery: Rate,
    /// The asset to compare with; bitcoin when not given
    #[arg(long, value_name = "ID")]
    pub benchmark: Option<AssetId>,
    /// Split the period into so many windows and run each from the opening cash
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub windows: Option<u32>,
    /// Run every combination of these values of a policy's field, such as ranking.members=20,30; may be repeated.
    /// With --windows, the best on each window is tried on the next
    #[arg(long, value_name = "FIELD=A,B", value_parser = variation)]
    pub vary: Vec<Variation>,
    /// Write the JSON document to this file besides
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write days, months, orders and weights as CSV files into this folder besides; of windows and combinations their
    /// results
    #[arg(long, value_name = "FOLDER")]
    pub csv: Option<PathBuf>,
}

/// A field of the policy and the values that it takes in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variation {
    pub path: String,
    pub values: Vec<String>,
}

fn variation(text: &str) -> Result<Variation, String> {
    let (path, values) = text.split_once('=').ok_or("write FIELD=A,B, such as ranking.members=20,30")?;
    let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
    if path.is_empty() || values.iter().any(String::is_empty) {
        return Err("write FIELD=A,B, such as ranking.members=20,30".to_owned());
    }
    Ok(Variation { path: path.to_owned(), values })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Every {
    Day,
    Week,
    Month,
    Quarter,
    Once,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FillOn {
    NextClose,
    SameClose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Basis {
    OnTop,
    Included,
}

fn opening(text: &str) -> Result<Money, String> {
    match money(text) {
        Ok(amount) if amount > Money::ZERO => Ok(amount),
        Ok(_) => Err("there must be something to begin with".to_owned()),
        Err(_) => Err("write an amount of money above 0".to_owned()),
    }
}

/// Of a notional: with both of them, nobody ever pays more than it is worth.
fn charge(text: &str) -> Result<Rate, String> {
    let half = crate::model::Decimal::new(5, 1);
    let too_much = || "at most 0.5; 10 basis points are 0.001".to_owned();
    rate(text).and_then(|part| if part.get() <= half { Ok(part) } else { Err(too_much()) })
}

fn recovery(text: &str) -> Result<Rate, String> {
    let one = crate::model::Decimal::ONE;
    rate(text).and_then(|part| if part.get() <= one { Ok(part) } else { Err("at most 1: all of it".to_owned()) })
}
