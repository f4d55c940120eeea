//! What can be asked of `rebalance`. The texts here are its help.

mod approving;
mod backtest;
mod batch;
mod inputs;
mod outbox;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::{AccountId, Flow, Money, PortfolioId, Price, Quantity, Rate};
use crate::preparation::time::parse_moment;

pub use approving::Approve;
pub use backtest::{Backtest, Basis, Every, FillOn, Variation};
pub use batch::Batch;
pub use inputs::{ApiVersion, FetchCommand, FetchGrades, GradeSet, Load};
pub use outbox::{Ack, Close, Fill, Orders};

const EXIT_CODES: &str = "\
Exit codes:
  0  it is done, or there was nothing to do
  1  an unexpected failure: of the store, the file system or this program
  2  the command was not understood
  3  an input was refused: a file, a field, a value; the message names it and the remedy
  4  infeasible: the hard limits conflict, or nothing is eligible; the message names the conflict
  5  halted, aborted, or a person must look: kill switch, an order of unknown fate, an altered log
  6  a replay made another plan than the stored one
  7  busy: another run holds the account, another process the run, or a source does not answer; try again later
  Of several runs the most urgent code counts: 5 before 1, 4, 3, 7.

Environment:
  REBALANCE_STORE        the store when --store is not given
  TOKEN_METRICS_API_KEY  the key for `fetch grades` when --key-file is not given
  AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                         who signs requests to a table; AWS_ENDPOINT_URL_DYNAMODB names another endpoint
  REBALANCE_SECRET_NAME  with --send-alerts, the secret that a policy calls name
  SSL_CERT_FILE          the certificate authorities to believe, in place of the machine's
  NO_COLOR               no colours, whatever the terminal";

/// Rebalances crypto index portfolios: plans, proves, and places every order once.
#[derive(Debug, Parser)]
#[command(name = "rebalance", version, after_help = EXIT_CODES, max_term_width = 100, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// Folder of the local store, or its file if it ends in .db; .rebalance when not given. dynamodb:TABLE, or
    /// dynamodb:TABLE@REGION, is a table of DynamoDB
    #[arg(long, global = true, value_name = "PATH")]
    pub store: Option<PathBuf>,
    /// Trade with the store and the simulated venue that this JSON names
    #[cfg(feature = "rehearsal")]
    #[arg(long, global = true, hide = true, value_name = "JSON", value_parser = super::rehearsal::Rehearsal::parse)]
    pub rehearsal: Option<super::rehearsal::Rehearsal>,
    #[command(flatten)]
    pub look: Look,
}

/// How the answer looks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct Look {
    /// For people or for programs; JSON documents name their schema, see `rebalance schema`
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Columns to lay out for; the terminal's when not given, 80 without a terminal
    #[arg(long, global = true, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(20..=1000))]
    pub width: Option<u16>,
    /// Colours: on a terminal only, always or never
    #[arg(long, global = true, value_enum, default_value_t = When::Auto)]
    pub color: When,
    /// Only ASCII characters; the default where the locale is not UTF-8
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Cut no list and show every check of the certificate
    #[arg(long, global = true)]
    pub full: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Dry run: the plan, its orders with their live keys and its certificate; writes nothing
    Plan(PlanCases),
    /// Claim, plan, commit, emit and settle on the paper venue; again: tell what was done
    Run(RunCases),
    /// Claim, plan and commit, and send nothing before `approve`: the account is held until then, or until it lapses
    Propose(RunCases),
    /// Send exactly the plan that was proposed, limit prices and all
    Approve(Approve),
    /// List the runs of the store, newest first
    Runs(List),
    /// Show a stored run: plan, orders, fills
    Show(Show),
    /// Why each order, why no order, why not in the index; or all that is known of one asset
    Explain(Explain),
    /// Recompute a run's plan from its stored input and compare it byte by byte
    Replay(Replay),
    /// What changed between two runs: membership, weights, orders, policy
    Diff(Diff),
    /// Orders or positions of a run as CSV, or its planning input
    Export(Export),
    /// A run or a backtest as a page: one HTML file that needs nothing else
    Report(Report),
    /// Check a policy file, or print the JSON Schema of policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Print a JSON Schema
    Schema {
        /// Of the documents that --format json and `batch` print, of policies, of events that start the function, or of
        /// planning inputs
        #[arg(value_enum, default_value_t = SchemaOf::Report)]
        of: SchemaOf,
    },
    /// Finish runs whose worker is gone: settle what was sent, expire what was not sent in time, free the account
    Recover(Recover),
    /// Look again at a run's orders of unclear fate, or say what became of one that the venue cannot answer for
    Settle(Settle),
    /// Stop a run by hand: end what was not sent, only settle what was
    Abort(Abort),
    /// Recompute the log of every change, of runs and kill switches, and say whether anything was altered
    Audit(Audit),
    /// Stop all sending, allow it again, or tell which
    KillSwitch(KillSwitch),
    /// List the orders of outboxes, oldest first
    Orders(Orders),
    /// Take an order of an outbox: from now on it is yours to execute, and nobody else's
    Ack(Ack),
    /// Record what was executed of an order of an outbox
    Fill(Fill),
    /// Say that an order of an outbox is not taken, and that nothing of it was executed
    Reject(Close),
    /// End an order of an outbox: what is left of it will not be executed
    Cancel(Close),
    /// Plan many portfolios at once: planning inputs to plans, a line of JSON each, in their order; writes nothing
    Batch(Batch),
    /// Try a policy on the past: the same planner over dated prices, memberships and grades
    Backtest(Box<Backtest>),
    /// Store the files of cases as dated snapshots, from which the function plans; or list what is stored
    Load(Load),
    /// Fetch inputs of a case from their source
    #[command(subcommand)]
    Fetch(FetchCommand),
    /// Print completions for a shell
    Completions { shell: Shell },
}

/// Cases, and the occasion.
#[derive(Debug, Clone, Args)]
pub struct Cases {
    /// Folders with a case.toml
    #[arg(required = true, value_name = "CASE")]
    pub cases: Vec<PathBuf>,
    /// Plan as of this scheduled time, RFC 3339 in UTC; the case's first day when not given
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub at: Option<Timestamp>,
    /// The same, by the number of the case's day: 1 is the first
    #[arg(long, value_name = "N", conflicts_with = "at", value_parser = clap::value_parser!(u32).range(1..))]
    pub day: Option<u32>,
    /// Only this account; every account of the case when not given, one run each
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    /// A run by hand, apart from the schedule's: the same label is the same run
    #[arg(long, value_parser = label)]
    pub label: Option<PortfolioId>,
    /// full, deposit-only or withdraw=AMOUNT; as the case says when not given
    #[arg(long, value_parser = flow)]
    pub flow: Option<Flow>,
    /// Only the head of each report
    #[arg(long)]
    pub brief: bool,
}

/// Cases, and where they are.
#[derive(Debug, Clone, Args)]
pub struct PlanCases {
    #[command(flatten)]
    pub cases: Cases,
    /// Plan from what `rebalance load` stored: CASE is the id of a portfolio, and the newest market counts when no time
    /// is given
    #[arg(long, conflicts_with = "day")]
    pub from_store: bool,
    /// Print the planning inputs instead, a line of JSON each, as `batch` reads them
    #[arg(long, conflicts_with = "brief")]
    pub input: bool,
}

/// Cases, the occasion, and the paper venue.
#[derive(Debug, Clone, Args)]
pub struct RunCases {
    #[command(flatten)]
    pub cases: Cases,
    /// Share of an asset's daily volume that one order finds at the paper venue; any quantity when not given
    #[arg(long, value_name = "FRACTION", value_parser = rate)]
    pub paper_depth: Option<Rate>,
    #[command(flatten)]
    pub alerts: Alerts,
}

/// Where alerts go.
#[derive(Debug, Clone, Copy, Args)]
pub struct Alerts {
    /// Send the alerts that the policy routes; without it they are only told here, on standard error
    #[arg(long)]
    pub send_alerts: bool,
}

#[derive(Debug, Clone, Args)]
pub struct List {
    /// Only this portfolio
    #[arg(long, value_name = "ID")]
    pub portfolio: Option<PortfolioId>,
    /// Most lines
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

/// Characters of a reason or a name.
const MOST_WORDS: usize = 500;

const RUN_HELP: &str = "A run's id, at least four digits of its beginning, or `last`";

#[derive(Debug, Clone, Args)]
pub struct Show {
    #[arg(value_name = "RUN", help = RUN_HELP)]
    pub run: String,
}

#[derive(Debug, Clone, Args)]
pub struct Explain {
    #[arg(value_name = "RUN", help = RUN_HELP)]
    pub run: String,
    /// An asset's id or symbol
    pub asset: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Replay {
    #[arg(value_name = "RUN", help = RUN_HELP)]
    pub run: String,
}

#[derive(Debug, Clone, Args)]
pub struct Diff {
    #[arg(value_name = "RUN", help = RUN_HELP)]
    pub before: String,
    #[arg(value_name = "RUN", help = "The run to compare it with")]
    pub after: String,
}

#[derive(Debug, Clone, Args)]
pub struct Export {
    #[arg(value_name = "RUN", help = RUN_HELP)]
    pub run: String,
    /// As CSV: the format when none is named
    #[arg(long)]
    pub csv: bool,
    /// Positions instead of orders
    #[arg(long)]
    pub positions: bool,
    /// The input that the run was planned from instead, a line of JSON, as `batch` reads it
    #[arg(long, conflicts_with_all = ["csv", "positions"])]
    pub input: bool,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct Report {
    /// A run's id, at least four digits of its beginning, or `last`; or the JSON document of a backtest
    #[arg(value_name = "RUN|BACKTEST")]
    pub subject: String,
    /// As one HTML file, which is the only format so far
    #[arg(long, required = true)]
    pub html: bool,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum PolicyCommand {
    /// Read a policy as a run would, and name what is wrong
    Check { file: PathBuf },
    /// Print the JSON Schema of policies
    Schema,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    Report,
    Policy,
    Event,
    Input,
}

#[derive(Debug, Clone, Args)]
pub struct Recover {
    /// Only this run; every run that is not settled when not given
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    #[command(flatten)]
    pub time: TakenTime,
    /// As for `run`: what is still valid is sent by the same book
    #[arg(long, value_name = "FRACTION", value_parser = rate)]
    pub paper_depth: Option<Rate>,
    #[command(flatten)]
    pub alerts: Alerts,
}

/// The time of a case of the past.
#[derive(Debug, Clone, Args)]
pub struct TakenTime {
    /// The time that it is taken to be, RFC 3339 in UTC, for cases of the past; when not given, the run's own, and for
    /// orders of an outbox the real one
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub at: Option<Timestamp>,
}

#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("answer").args(["not_placed", "filled"]).requires("order").requires("reason"))]
pub struct Settle {
    #[arg(value_name = "RUN", help = RUN_HELP)]
    pub run: String,
    /// The order that the answer is about: its key
    #[arg(long, value_name = "KEY", requires = "answer", value_parser = order_key)]
    pub order: Option<Uuid>,
    /// The venue never took it and will not
    #[arg(long)]
    pub not_placed: bool,
    /// So much of it was filled, and the rest is cancelled
    #[arg(long, value_name = "QUANTITY", value_parser = quantity)]
    pub filled: Option<Quantity>,
    /// The average price of what was filled
    #[arg(long, value_name = "PRICE", value_parser = price, requires = "filled")]
    pub price: Option<Price>,
    /// The fee paid, in quote currency; 0 when not given
    #[arg(long, value_name = "AMOUNT", value_parser = money, requires = "filled")]
    pub fee: Option<Money>,
    /// How that is known
    #[arg(long, value_name = "TEXT", requires = "answer", value_parser = sentence)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub operator: Operator,
    #[command(flatten)]
    pub time: TakenTime,
    #[command(flatten)]
    pub alerts: Alerts,
}

/// Who does it.
#[derive(Debug, Clone, Args)]
pub struct Operator {
    /// Who says so, for the log; the name of the user when not given
    #[arg(long, value_name = "NAME", value_parser = sentence)]
    pub by: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct Abort {
    #[arg(value_name = "RUN", help = RUN_HELP)]
    pub run: String,
    /// Why, for the log and for whoever finds the run
    #[arg(long, value_name = "TEXT", value_parser = sentence)]
    pub reason: String,
    #[command(flatten)]
    pub operator: Operator,
    #[command(flatten)]
    pub time: TakenTime,
    #[command(flatten)]
    pub alerts: Alerts,
}

#[derive(Debug, Clone, Args)]
pub struct Audit {
    /// Only this run, with its entries; every kill switch and the verdict on every run when not given
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct KillSwitch {
    #[arg(value_enum)]
    pub action: SwitchAction,
    /// Why, for the log and for the one who finds it on
    #[arg(long, default_value = "set at the command line", value_parser = sentence)]
    pub note: String,
    #[command(flatten)]
    pub operator: Operator,
    /// Only this portfolio's runs, live and on paper; all runs when not given
    #[arg(long, value_name = "ID")]
    pub portfolio: Option<PortfolioId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SwitchAction {
    On,
    Off,
    Status,
}

fn label(text: &str) -> Result<PortfolioId, String> {
    PortfolioId::new(text).map_err(|error| format!("{}; use {}", error.fault, error.expected))
}

fn order_key(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|_| "not a key; `rebalance show RUN` prints the key of each order in full".to_owned())
}

fn quantity(text: &str) -> Result<Quantity, String> {
    Quantity::parse(text).map_err(|error| error.to_string())
}

fn price(text: &str) -> Result<Price, String> {
    Price::parse(text).map_err(|error| error.to_string())
}

fn money(text: &str) -> Result<Money, String> {
    match Money::parse(text) {
        Ok(amount) if amount >= Money::ZERO => Ok(amount),
        Ok(_) => Err("a fee is not below 0".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// What goes into the log: something, and not a book.
fn sentence(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = (1..=MOST_WORDS).contains(&text.chars().count());
    if fits { Ok(text.to_owned()) } else { Err(format!("write 1 to {MOST_WORDS} characters")) }
}

fn rate(text: &str) -> Result<Rate, String> {
    Rate::parse(text).map_err(|error| error.to_string())
}

fn flow(text: &str) -> Result<Flow, String> {
    match text {
        "full" => Ok(Flow::Full),
        "deposit-only" | "deposit_only" => Ok(Flow::DepositOnly),
        _ => {
            let amount = text
                .strip_prefix("withdraw=")
                .ok_or_else(|| "write full, deposit-only or withdraw=AMOUNT".to_owned())?;
            match Money::parse(amount) {
                Ok(amount) if amount > Money::ZERO => Ok(Flow::Withdraw(amount)),
                Ok(_) => Err("there is nothing to withdraw; write an amount above 0".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        }
    }
}
