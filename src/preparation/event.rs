//! What may start a run, and the refusal of everything else before anything is claimed.
//!
//! Four payloads are accepted:
//!
//! * **Ours**, which a person sends by hand, EventBridge Scheduler sends as the schedule's input, and an EventBridge
//!   rule sends through an input transformer:
//!   ```json
//!   {"schema": 1, "portfolio": "blue-chip", "mode": "live",
//!    "scheduled_time": "<aws.scheduler.scheduled-time>", "schedule_arn": "<aws.scheduler.schedule-arn>"}
//!   ```
//!   `mode` is `live`, `dry-run` or `propose`, which commits a plan and sends nothing of it until `live` comes for the
//!   same occasion with `approved_plan`, the plan's digest, and `approved_by`, who says so. Optional: `venue_account`, `flow` (`"full"`, `"deposit_only"`,
//!   `{"withdraw": "1000"}`), `schedule_arn`, and `execution_id` and `attempt_number`, which change with every attempt
//!   and are therefore looked at by nobody. A person may give a `label` of their own instead of `scheduled_time`.
//! * **The same in a rule's own envelope**: a `Scheduled Event` of `aws.events` whose `detail` holds `schema`,
//!   `portfolio`, `mode` and the optional fields; the time is the envelope's. A rule without an input transformer sends
//!   an empty `detail`, which names no portfolio and is refused.
//! * **Recovery**: `{"schema": 1, "mode": "recover"}`.
//! * **A person's word on a run that is stuck**:
//!   `{"schema": 1, "mode": "abort", "run": "…", "by": "alice", "reason": "…"}`, with the run's whole id; and `settle`,
//!   which says besides what became of one order, by its key: `"order": "…"` with `"not_placed": true` or with
//!   `"filled": {"quantity": "0.5", "price": "1790.2", "fee": "0.9"}`.
//!
//! The [JSON Schema](super::event_schema) of all of them is printed by `rebalance schema event`.
//!
//! Times are normalised to UTC; that nominal time is the run's identity, and redeliveries repeat it.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::BadInput;
use super::json::{self, Json, Node};
use super::time::parse_moment;
use crate::model::{AccountId, Environment, Flow, InvalidNumber, Money, PortfolioId, Price, Quantity, Trigger};
use crate::planning::idempotency::{digest_of, is_digest};

/// The version of the payload that this build reads.
pub const EVENT_SCHEMA: &str = "1";

/// The largest payload, in bytes.
pub const MAX_EVENT_SIZE: usize = 64 * 1024;

/// How far a nominal time may be ahead of the clock: clocks differ a little, runs are never early.
pub const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

const RUN_FIELDS: &[&str] = &[
    "schema",
    "portfolio",
    "venue_account",
    "mode",
    "approved_plan",
    "approved_by",
    "scheduled_time",
    "label",
    "flow",
    "schedule_arn",
    "execution_id",
    "attempt_number",
];
const RECOVERY_FIELDS: &[&str] =
    &["schema", "mode", "scheduled_time", "schedule_arn", "execution_id", "attempt_number"];
/// A person's word on a run.
const WORD_FIELDS: &[&str] = &["run", "by", "reason"];
/// What became of one of its orders.
const FATE_FIELDS: &[&str] = &["order", "not_placed", "filled"];
const DETAIL_FIELDS: &[&str] =
    &["schema", "portfolio", "venue_account", "mode", "approved_plan", "approved_by", "flow"];
const ENVELOPE_FIELDS: &[&str] =
    &["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"];

/// A payload that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Run(RunEvent),
    /// Settle what earlier runs left, plan nothing.
    Recover,
    Word(WordEvent),
}

/// A person's word on a stored run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordEvent {
    pub run: Uuid,
    /// Who says so; stands in the log.
    pub by: PortfolioId,
    /// Stands in the log as well: 1 to [`MAX_REASON`] characters, none of them a control character.
    pub reason: String,
    pub word: Word,
}

/// What is to be done with the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It ends: what was not sent never is.
    Abort,
    /// One of its orders came to this, by the order's key.
    Settle { order: Uuid, fate: Fate },
}

/// What became of an order whose fate the venue does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The venue never took it, and will not.
    NotPlaced,
    /// So much of it was filled, in units of the instrument, and the rest will not be. No price where that is nothing;
    /// price and fee in quote currency.
    Filled { quantity: Quantity, price: Option<Price>, fee: Money },
}

/// Characters of a person's reason.
pub const MAX_REASON: usize = 500;

/// One run of one portfolio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvent {
    pub portfolio: PortfolioId,
    /// Absent: the portfolio's only account.
    pub venue_account: Option<AccountId>,
    pub trigger: Trigger,
    pub mode: Mode,
    /// Which stored proposal is to be sent; only with [`Mode::Live`].
    pub approval: Option<PlanApproval>,
    /// Absent: as configured.
    pub flow: Option<Flow>,
}

/// A person's word on a stored proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanApproval {
    /// SHA-256 of the plan's bytes, 64 lower-case hex digits.
    pub plan_digest: String,
    /// Who gives it; absent where the event does not say.
    pub by: Option<PortfolioId>,
}

/// What a run may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Commits a plan and emits its orders, to whatever the environment is.
    Live,
    /// Commits a plan, sends nothing, and waits for a person's word.
    Propose,
    /// Changes nothing at all.
    DryRun,
}

/// Where events must come from. What is absent here is not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub aws_account: Option<String>,
    pub region: Option<String>,
}

impl RunEvent {
    /// SHA-256, in hex, of what the event asks for; nothing in it changes between attempts. Mode and approval are left
    /// out, as they are out of the run id.
    #[must_use]
    pub fn digest(&self, environment: Environment) -> String {
        #[derive(Serialize)]
        struct Asked<'a> {
            schema: &'a str,
            environment: Environment,
            portfolio: &'a PortfolioId,
            venue_account: Option<&'a AccountId>,
            trigger: &'a Trigger,
            flow: Option<&'a Flow>,
        }
        let Self { portfolio, venue_account, trigger, flow, .. } = self;
        let venue_account = venue_account.as_ref();
        let flow = flow.as_ref();
        digest_of(&Asked { schema: EVENT_SCHEMA, environment, portfolio, venue_account, trigger, flow })
    }
}

/// Reads a payload.
///
/// # Errors
/// When it is none of these, is for another account or region, or lies in the future of `now`.
pub fn parse(bytes: &[u8], origin: &Origin, now: Timestamp) -> Result<Event, BadInput> {
    let json = json::parse("event", bytes, MAX_EVENT_SIZE)?;
    let root = Node::root("event", &json);
    let is_envelope = root.entries()?.iter().any(|(key, _)| key == "detail-type");
    let event = if is_envelope { from_envelope(&root, origin)? } else { from_ours(&root, origin)? };
    if let Event::Run(RunEvent { trigger: Trigger::Scheduled(at), .. }) = &event {
        refuse_future(*at, now)?;
    }
    Ok(event)
}

/// For an event whose run does not exist: is it still in time? An existing run is resumed or answered, however late.
///
/// # Errors
/// When the nominal time is longer ago than the window.
pub fn check_window(scheduled: Timestamp, now: Timestamp, window: SignedDuration) -> Result<(), BadInput> {
    if now.duration_since(scheduled) <= window {
        return Ok(());
    }
    let problem = format!("past the window of {} minutes at {now}, and no run exists", window.as_mins());
    let remedy = "let the next schedule run; to catch up by hand, send a payload with a label";
    Err(BadInput::new("event", "scheduled_time", &scheduled.to_string(), problem, remedy))
}

fn refuse_future(scheduled: Timestamp, now: Timestamp) -> Result<(), BadInput> {
    if scheduled.duration_since(now) <= MAX_CLOCK_SKEW {
        return Ok(());
    }
    let problem = format!("in the future; it is {now} here");
    let remedy = "send the time at which the schedule was due, and check the clock";
    Err(BadInput::new("event", "scheduled_time", &scheduled.to_string(), problem, remedy))
}

/// What a payload asks for, by its `mode`.
enum Asked {
    Run(Mode),
    Recover,
    Abort,
    Settle,
}

fn asked(node: &Node<'_>) -> Result<Asked, BadInput> {
    let mode = node.required("mode")?;
    Ok(match mode.text()? {
        "live" => Asked::Run(Mode::Live),
        "propose" => Asked::Run(Mode::Propose),
        "dry-run" => Asked::Run(Mode::DryRun),
        "recover" => Asked::Recover,
        "abort" => Asked::Abort,
        "settle" => Asked::Settle,
        _ => return Err(mode.bad("unknown mode", MODE_REMEDY)),
    })
}

const MODE_REMEDY: &str = "send \"live\", \"dry-run\", \"propose\", \"recover\", \"settle\" or \"abort\"";

fn from_ours(root: &Node<'_>, origin: &Origin) -> Result<Event, BadInput> {
    root.only(&[RUN_FIELDS, WORD_FIELDS, FATE_FIELDS].concat())?;
    check_schema(root)?;
    if let Some(arn) = root.optional("schedule_arn")? {
        check_arn(&arn, origin)?;
    }
    match asked(root)? {
        Asked::Run(mode) => {
            root.only(RUN_FIELDS)?;
            run(root, mode, trigger(root)?)
        }
        Asked::Recover => {
            root.only(RECOVERY_FIELDS)?;
            Ok(Event::Recover)
        }
        Asked::Abort => {
            root.only(&[&["schema", "mode"], WORD_FIELDS].concat())?;
            word(root, Word::Abort)
        }
        Asked::Settle => {
            root.only(&[&["schema", "mode"], WORD_FIELDS, FATE_FIELDS].concat())?;
            let order = uuid(&root.required("order")?, "the key of an order", "`rebalance orders`")?;
            word(root, Word::Settle { order, fate: fate(root)? })
        }
    }
}

fn trigger(root: &Node<'_>) -> Result<Trigger, BadInput> {
    match (root.optional("scheduled_time")?, root.optional("label")?) {
        (Some(time), None) => Ok(Trigger::Scheduled(moment(&time)?)),
        (None, Some(label)) => Ok(Trigger::Manual(label.id()?)),
        (Some(_), Some(label)) => {
            Err(label.bad("scheduled_time and label both name the occasion", "send one of the two"))
        }
        (None, None) => {
            let remedy =
                "send the schedule's nominal time (\"<aws.scheduler.scheduled-time>\"), or a label of your own";
            Err(BadInput::new("event", "scheduled_time", "", "the field is missing or null", remedy))
        }
    }
}

fn word(root: &Node<'_>, word: Word) -> Result<Event, BadInput> {
    let reason = root.required("reason")?;
    let text = reason.text()?;
    if text.trim().is_empty() || text.chars().count() > MAX_REASON || text.chars().any(char::is_control) {
        let problem = format!("not 1 to {MAX_REASON} printable characters");
        return Err(reason.bad(problem, "say in one line why, or how it is known"));
    }
    let run = uuid(&root.required("run")?, "the id of a run", "`rebalance show RUN`")?;
    Ok(Event::Word(WordEvent { run, by: root.required("by")?.id()?, reason: text.to_owned(), word }))
}

fn uuid(node: &Node<'_>, what: &str, where_from: &str) -> Result<Uuid, BadInput> {
    let id = node.text()?;
    let is_written_out = id.len() == HYPHENATED && id.bytes().all(|byte| !byte.is_ascii_uppercase());
    let parsed = Uuid::parse_str(id).ok().filter(|_| is_written_out);
    parsed.ok_or_else(|| node.bad(format!("not {what}"), format!("send the whole id, as {where_from} prints it")))
}

fn fate(root: &Node<'_>) -> Result<Fate, BadInput> {
    match (root.optional("not_placed")?, root.optional("filled")?) {
        (Some(not_placed), None) if *not_placed.json() == Json::Bool(true) => Ok(Fate::NotPlaced),
        (Some(not_placed), None) => Err(not_placed.bad("not true", "send true, or what was filled")),
        (None, Some(filled)) => filled_of(&filled),
        (Some(_), Some(filled)) => Err(filled.bad("an order that was not placed has no fill", "send one of the two")),
        (None, None) => {
            let remedy = "send \"not_placed\": true or \"filled\": {\"quantity\": …, \"price\": …, \"fee\": …}";
            Err(BadInput::new("event", "filled", "", "the field is missing or null", remedy))
        }
    }
}

fn filled_of(filled: &Node<'_>) -> Result<Fate, BadInput> {
    filled.only(&["quantity", "price", "fee"])?;
    let quantity = number(&filled.required("quantity")?, Quantity::parse)?;
    let price = filled.optional("price")?.map(|node| number(&node, Price::parse)).transpose()?;
    let fee = filled.optional("fee")?;
    let fee = fee.map(|node| fee_of(&node)).transpose()?;
    Ok(Fate::Filled { quantity, price, fee: fee.unwrap_or(Money::ZERO) })
}

fn fee_of(node: &Node<'_>) -> Result<Money, BadInput> {
    let fee = number(node, Money::parse)?;
    if fee < Money::ZERO { Err(node.bad("a fee is not below 0", "send what was paid, 0 if nothing")) } else { Ok(fee) }
}

fn number<T>(node: &Node<'_>, parse: impl FnOnce(&str) -> Result<T, InvalidNumber>) -> Result<T, BadInput> {
    parse(node.text()?).map_err(|error| BadInput::number("event", node.path(), &error))
}

/// Characters of an id with its hyphens.
const HYPHENATED: usize = 36;

fn from_envelope(root: &Node<'_>, origin: &Origin) -> Result<Event, BadInput> {
    let (kind, source) = (root.required("detail-type")?, root.required("source")?);
    if kind.text()? != "Scheduled Event" || source.text()? != "aws.events" {
        let remedy = "let only a schedule invoke this function: remove the other rule's target";
        return Err(kind.bad(format!("an event of {} does not start a run", source.text()?), remedy));
    }
    root.only(ENVELOPE_FIELDS)?;
    check_origin(&root.required("account")?, origin.aws_account.as_deref(), "account")?;
    check_origin(&root.required("region")?, origin.region.as_deref(), "region")?;
    let detail = root.required("detail")?;
    if detail.entries()?.is_empty() {
        let remedy = "give the rule's target an input transformer that sends {\"schema\": 1, \"portfolio\": …, \"mode\": …, \
                      \"scheduled_time\": <time>}, or use EventBridge Scheduler";
        return Err(BadInput::new("event", "detail.portfolio", "", "the schedule names no portfolio", remedy));
    }
    detail.only(DETAIL_FIELDS)?;
    check_schema(&detail)?;
    match asked(&detail)? {
        Asked::Run(mode) => run(&detail, mode, Trigger::Scheduled(moment(&root.required("time")?)?)),
        Asked::Recover => {
            detail.only(&["schema", "mode"])?;
            Ok(Event::Recover)
        }
        Asked::Abort | Asked::Settle => {
            let remedy = "send it by hand, without the envelope";
            Err(detail.required("mode")?.bad("a schedule says nothing of a stored run", remedy))
        }
    }
}

fn run(node: &Node<'_>, mode: Mode, trigger: Trigger) -> Result<Event, BadInput> {
    let approval = approval(node, mode)?;
    Ok(Event::Run(RunEvent {
        portfolio: node.required("portfolio")?.id()?,
        venue_account: node.optional("venue_account")?.map(|account| account.id()).transpose()?,
        trigger,
        mode,
        approval,
        flow: node.optional("flow")?.map(|node| flow(&node)).transpose()?,
    }))
}

fn approval(node: &Node<'_>, mode: Mode) -> Result<Option<PlanApproval>, BadInput> {
    let (plan, by) = (node.optional("approved_plan")?, node.optional("approved_by")?);
    if let Some(field) = plan.as_ref().or(by.as_ref()).filter(|_| mode != Mode::Live) {
        return Err(field.bad("only \"live\" sends what was approved", "send \"mode\": \"live\", or leave it out"));
    }
    let Some(plan) = plan else {
        let Some(by) = by else { return Ok(None) };
        return Err(by.bad("it approves nothing", "send approved_plan, the digest of the plan, with it"));
    };
    let digest = plan.text()?;
    if !is_digest(digest) {
        let remedy = "send plan_digest as the proposal's answer has it: 64 hex digits in lower case";
        return Err(plan.bad("not the digest of a plan", remedy));
    }
    let by = by.map(|by| by.id()).transpose()?;
    Ok(Some(PlanApproval { plan_digest: digest.to_owned(), by }))
}

fn check_schema(node: &Node<'_>) -> Result<(), BadInput> {
    let schema = node.required("schema")?;
    if *schema.json() == Json::Number(EVENT_SCHEMA.to_owned()) {
        return Ok(());
    }
    Err(schema.bad("unknown version of the payload", "send \"schema\": 1; this build reads no other version"))
}

fn moment(node: &Node<'_>) -> Result<Timestamp, BadInput> {
    parse_moment(node.text()?).map_err(|problem| node.bad(problem, "send the schedule's nominal time"))
}

fn flow(node: &Node<'_>) -> Result<Flow, BadInput> {
    match node.json() {
        Json::Text(text) if text == "full" => Ok(Flow::Full),
        Json::Text(text) if text == "deposit_only" => Ok(Flow::DepositOnly),
        Json::Table(_) => {
            node.only(&["withdraw"])?;
            let field = node.required("withdraw")?;
            let amount = number(&field, Money::parse)?;
            if amount <= Money::ZERO {
                return Err(field.bad("nothing to withdraw", "send an amount above 0"));
            }
            Ok(Flow::Withdraw(amount))
        }
        _ => Err(node.bad("unknown flow", "send \"full\", \"deposit_only\" or {\"withdraw\": \"1000\"}")),
    }
}

/// `arn:aws:scheduler:<region>:<account>:schedule/<group>/<name>`
fn check_arn(arn: &Node<'_>, origin: &Origin) -> Result<(), BadInput> {
    let mut parts = arn.text()?.splitn(6, ':');
    let (Some("arn"), Some(_), Some("scheduler"), Some(region), Some(account), Some(_)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(arn.bad("not the ARN of a schedule", "send \"<aws.scheduler.schedule-arn>\", or leave it out"));
    };
    for (found, expected, what) in
        [(account, origin.aws_account.as_deref(), "account"), (region, origin.region.as_deref(), "region")]
    {
        if expected.is_some_and(|expected| expected != found) {
            return Err(wrong_origin(arn, expected, what));
        }
    }
    Ok(())
}

fn check_origin(node: &Node<'_>, expected: Option<&str>, what: &str) -> Result<(), BadInput> {
    let found = node.text()?;
    if expected.is_some_and(|expected| expected != found) { Err(wrong_origin(node, expected, what)) } else { Ok(()) }
}

fn wrong_origin(node: &Node<'_>, expected: Option<&str>, what: &str) -> BadInput {
    let problem =
        format!("the event is of another AWS {what}; this function takes those of {}", expected.unwrap_or(""));
    node.bad(problem, format!("point the schedule at the function of its own {what}"))
}
