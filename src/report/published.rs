//! Published spellings: the report's own enums for what belongs to the plan and the ports, so that their types
//! may change without changing a document. A variant added there does not compile here until it is named.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::model::schema::{Day, UtcTime, UuidText};
use crate::planning::plan;
use crate::ports;

macro_rules! published {
    ($(#[$doc:meta])* $name:ident of $real:path { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $(#[serde(rename = $text)] $variant),+ }

        impl From<$real> for $name {
            fn from(real: $real) -> Self {
                use $real as Real;
                match real { $(Real::$variant => Self::$variant),+ }
            }
        }

        impl $name {
            /// As in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            /// For people: words, not a code.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.as_str().replace('_', " "))
            }
        }
    };
}

published! {
    /// What an asset is to the portfolio.
    Role of plan::Role {
        Constituent = "constituent",
        StableLeg = "stable_leg",
        MustExit = "must_exit",
        Unmanaged = "unmanaged",
    }
}

published! {
    /// What a snapshot is of.
    SnapshotKind of ports::snapshot::SnapshotKind {
        Portfolio = "portfolio",
        Policy = "policy",
        VenueRules = "venue_rules",
        Market = "market",
        TraderGrades = "trader_grades",
        InvestorGrades = "investor_grades",
        TradingSignals = "trading_signals",
        History = "history",
    }
}

published! {
    /// Why an asset is traded (the first six) or left alone.
    ReasonCode of plan::ReasonCode {
        Enter = "enter",
        TopUp = "top_up",
        Trim = "trim",
        Exit = "exit",
        OverLimit = "over_limit",
        RaiseCash = "raise_cash",
        InBand = "in_band",
        OnTarget = "on_target",
        Halted = "halted",
        NotListed = "not_listed",
        NoBuy = "no_buy",
        LimitBinds = "limit_binds",
        CostExceedsBenefit = "cost_exceeds_benefit",
        BelowMinimum = "below_minimum",
        Stranded = "stranded",
        Unmanaged = "unmanaged",
        Locked = "locked",
    }
}

published! {
    /// `left_side` is at most, at least, or equal to the bound.
    Sense of plan::Sense { AtMost = "at_most", AtLeast = "at_least", Equal = "equal" }
}

published! {
    RunState of ports::RunState {
        Claimed = "claimed",
        Planned = "planned",
        Emitting = "emitting",
        Done = "done",
        Aborted = "aborted",
    }
}

published! {
    OrderState of ports::OrderState {
        Planned = "planned",
        Sending = "sending",
        Skipped = "skipped",
        Expired = "expired",
        Acknowledged = "acknowledged",
        PartiallyFilled = "partially_filled",
        Filled = "filled",
        Cancelled = "cancelled",
        Rejected = "rejected",
        Unknown = "unknown",
        NotPlaced = "not_placed",
    }
}

published! {
    OutboxState of ports::outbox::OutboxState {
        Open = "open",
        Acknowledged = "acknowledged",
        PartiallyFilled = "partially_filled",
        Filled = "filled",
        Cancelled = "cancelled",
        Rejected = "rejected",
        Expired = "expired",
    }
}
