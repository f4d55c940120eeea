//! Which alerts a portfolio's owner wants, and where they go. A part of the policy that decides nothing about trades.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::GradeKind;
use super::{AssetId, Grade, PortfolioId, Price, Rate};

/// Names of channels follow the rules of portfolios' ids.
pub type ChannelName = PortfolioId;

/// What is told, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertPolicy {
    /// Where alerts can go, by name.
    pub channels: BTreeMap<ChannelName, AlertChannel>,
    /// Which events go where. An event on several routes goes to every channel of theirs, once.
    pub routes: Vec<AlertRoute>,
    /// Most messages that one channel gets in an hour (UTC), of all portfolios that share its name.
    #[serde(default = "AlertPolicy::usual_messages")]
    pub most_messages_per_hour: u32,
    /// `stop_loss`: a holding's price fell by at least this fraction since the run before.
    #[serde(default)]
    pub stop_loss: Option<Rate>,
    /// `grade_crossed`: a holding's grade crossed one of these since the run before.
    #[serde(default)]
    pub grade_thresholds: Vec<GradeThreshold>,
    /// `price_target`: a price reached one of these, and had not at the run before.
    #[serde(default)]
    pub price_targets: Vec<PriceTarget>,
}

impl AlertPolicy {
    const fn usual_messages() -> u32 {
        30
    }

    /// The channels that an event goes to.
    #[must_use]
    pub fn channels_of(&self, event: AlertEvent) -> BTreeSet<&ChannelName> {
        let routes = self.routes.iter().filter(|route| route.events.contains(&event));
        routes.flat_map(|route| route.channels.iter()).collect()
    }
}

/// Where an alert goes. What opens a channel is a secret: the policy holds its name, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AlertChannel {
    /// A line of the log, or of standard error on a terminal.
    Log {},
    /// A topic of AWS SNS: whoever is subscribed to it, by e-mail or SMS.
    Sns {
        /// The topic's ARN.
        topic: String,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Name of the secret that is the webhook's address.
        webhook_secret: String,
    },
    /// A bot of Telegram.
    Telegram {
        /// The chat's number, or the name of a channel with `@`.
        chat: String,
        /// Name of the secret that is the bot's token.
        token_secret: String,
    },
}

/// Events, and the channels that they go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRoute {
    pub events: BTreeSet<AlertEvent>,
    pub channels: BTreeSet<ChannelName>,
}

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertEvent {
    /// A plan with orders stands and none of them is sent yet.
    PlanReady,
    /// Orders were sent.
    OrdersSent,
    /// A venue or an executor refused an order, at once or after it had taken it; or the venue never got it.
    OrderRejected,
    /// Nobody knows yet whether an order was placed; a person may have to look.
    OrderUnknown,
    /// The run ended without doing what it was for.
    RunAborted,
    /// What is stored or found contradicts the plan; a person must look.
    RunHalted,
    /// A run that did not end by itself was taken over and ended.
    RunRecovered,
    /// A soft limit gave way.
    LimitRelaxed,
    /// A holding fell by more than the policy's `stop_loss`, or its trailing stop took one out of the index.
    StopLoss,
    /// Bullish became bearish, or the other way round.
    RegimeChanged,
    /// A holding's grade crossed a threshold.
    GradeCrossed,
    /// A holding's trading signal turned.
    SignalTurned,
    /// A price reached a target.
    PriceTarget,
    /// Prices, grades or signals are too old, and the run ended or went on without them.
    StaleData,
}

impl AlertEvent {
    pub const ALL: [Self; 14] = [
        Self::PlanReady,
        Self::OrdersSent,
        Self::OrderRejected,
        Self::OrderUnknown,
        Self::RunAborted,
        Self::RunHalted,
        Self::RunRecovered,
        Self::LimitRelaxed,
        Self::StopLoss,
        Self::RegimeChanged,
        Self::GradeCrossed,
        Self::SignalTurned,
        Self::PriceTarget,
        Self::StaleData,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlanReady => "plan_ready",
            Self::OrdersSent => "orders_sent",
            Self::OrderRejected => "order_rejected",
            Self::OrderUnknown => "order_unknown",
            Self::RunAborted => "run_aborted",
            Self::RunHalted => "run_halted",
            Self::RunRecovered => "run_recovered",
            Self::LimitRelaxed => "limit_relaxed",
            Self::StopLoss => "stop_loss",
            Self::RegimeChanged => "regime_changed",
            Self::GradeCrossed => "grade_crossed",
            Self::SignalTurned => "signal_turned",
            Self::PriceTarget => "price_target",
            Self::StaleData => "stale_data",
        }
    }
}

impl fmt::Display for AlertEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A grade that matters when it is crossed, in either direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GradeThreshold {
    pub grade: GradeKind,
    pub at: Grade,
}

/// A price that somebody waits for: one of the two, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceTarget {
    pub asset: AssetId,
    #[serde(default)]
    pub at_least: Option<Price>,
    #[serde(default)]
    pub at_most: Option<Price>,
}
