//! Faults as data: what goes wrong at which step. A plan of faults is JSON, so a failure can be replayed as printed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What goes wrong at one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// The worker dies before its call leaves.
    CrashBefore,
    /// The call takes effect and the worker dies.
    CrashAfter,
    /// The call takes effect and its answer never arrives.
    LostAnswer,
    /// No effect: the store is throttled, or the venue is not reached.
    Throttled,
    /// No effect: another transaction touched the same items.
    TransactionConflict,
    /// The call takes effect, its answer is lost, and the client of the store repeats it by itself.
    Repeated,
    /// The worker stands still before its call leaves, past its lease, until others have made so many more steps.
    FreezeBefore { foreign_steps: u32 },
    /// The same between the effect and the answer.
    FreezeAfter { foreign_steps: u32 },
    /// From here on the worker's clock of the market is this far off.
    ClockSkew { ms: i64 },
    /// From here on the worker's clock of leases is this far off.
    LeaseSkew { ms: i64 },
    /// The worker's own time is over: it begins nothing more.
    OutOfTime,
    /// The event is delivered once more, to another worker.
    DuplicateDelivery,
    /// The same, and the other worker's clock says that the lease is long over: both work at once.
    RivalWorker,
    /// The answer is of the past: as far back as the port allows.
    StaleAnswer,
    /// The request reaches the venue this much later; the worker has given up waiting for an answer by then.
    LateRequest { ms: i64 },
    /// The venue fills only a part of the order.
    PartialFill,
    /// The venue says no to this request, for a reason of the moment.
    Refused,
    /// The venue answers nobody for an hour.
    VenueDown,
    /// A person sets the kill switch.
    KillSwitch,
    /// A person stops the first run, whoever is at it.
    Abort,
    /// A person looks again at the first run's orders.
    Settle,
}

/// Faults by step number, from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FaultPlan(pub(crate) BTreeMap<u32, Fault>);

impl FaultPlan {
    pub(crate) fn of(faults: impl IntoIterator<Item = (u32, Fault)>) -> Self {
        Self(faults.into_iter().collect())
    }
}

/// What kind of call a step is: which faults can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Kind {
    /// A strongly consistent read of the store.
    Read,
    /// A write of one item.
    Write,
    /// A write of several items at once.
    Transaction,
    /// An order on its way to the venue.
    Place,
    /// A question to the venue about an order, whose answer may lag.
    Question,
    /// A question to the venue about the account, whose answer may lag.
    Balance,
}

impl Kind {
    const fn is_write(self) -> bool {
        matches!(self, Self::Write | Self::Transaction)
    }

    const fn is_venue(self) -> bool {
        matches!(self, Self::Place | Self::Question | Self::Balance)
    }

    /// Whether that can happen to such a call.
    pub(crate) fn can_have(self, fault: Fault) -> bool {
        use Fault as F;
        match fault {
            F::Repeated => self.is_write(),
            F::TransactionConflict => self == Self::Transaction,
            F::StaleAnswer => matches!(self, Self::Question | Self::Balance),
            F::LateRequest { .. } | F::PartialFill | F::Refused => self == Self::Place,
            _ => true,
        }
    }

    /// Every fault that can happen to such a call, each strength of it.
    pub(crate) fn all_faults(self) -> Vec<Fault> {
        use Fault as F;
        let freezes = [1, 9, 14, 20, 40]
            .into_iter()
            .flat_map(|foreign_steps| [F::FreezeBefore { foreign_steps }, F::FreezeAfter { foreign_steps }]);
        let late = [2_000, 5_500, 20_000, 70_000, 400_000].map(|ms| F::LateRequest { ms });
        let skews = [900, -900].map(|ms| F::ClockSkew { ms }).into_iter();
        let lease_skews = [300_000, -300_000].map(|ms| F::LeaseSkew { ms });
        let others = [
            F::CrashBefore,
            F::CrashAfter,
            F::LostAnswer,
            F::Throttled,
            F::OutOfTime,
            F::DuplicateDelivery,
            F::RivalWorker,
            F::VenueDown,
            F::KillSwitch,
            F::Abort,
            F::Settle,
            F::Repeated,
            F::TransactionConflict,
            F::StaleAnswer,
            F::PartialFill,
            F::Refused,
        ];
        let all = skews.chain(lease_skews).chain(others).chain(freezes).chain(late);
        all.filter(|fault| self.can_have(*fault)).collect()
    }

    /// The faults that pairs are made of: one of each cause that the protocol can tell apart, and what people and clocks do
    /// around what is written together and what is sent.
    pub(crate) fn pair_faults(self) -> Vec<Fault> {
        use Fault as F;
        let mut faults = vec![
            F::CrashAfter,
            F::LostAnswer,
            F::Throttled,
            F::OutOfTime,
            F::FreezeAfter { foreign_steps: 14 },
            if self.is_venue() { F::VenueDown } else { F::RivalWorker },
            F::Repeated,
            F::TransactionConflict,
            F::StaleAnswer,
            F::LateRequest { ms: 5_500 },
            F::LateRequest { ms: 70_000 },
            F::PartialFill,
            F::Refused,
        ];
        faults.retain(|fault| self.can_have(*fault));
        match self {
            Self::Transaction => {
                faults.extend([F::FreezeBefore { foreign_steps: 9 }, F::DuplicateDelivery, F::Abort]);
            }
            Self::Place => faults.extend([
                F::CrashBefore,
                F::ClockSkew { ms: 900 },
                F::ClockSkew { ms: -900 },
                F::LeaseSkew { ms: 300_000 },
                F::DuplicateDelivery,
                F::KillSwitch,
                F::Abort,
                F::Settle,
            ]),
            _ => {}
        }
        faults
    }
}
