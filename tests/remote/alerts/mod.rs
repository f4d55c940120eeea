//! Channels of alerts: exactly what goes on the wire, and what becomes of each kind of answer.

#[cfg(feature = "sns")]
mod sns;
#[cfg(feature = "webhooks")]
mod webhooks;

use index_rebalancer::model::alert::{AlertChannel, AlertEvent, ChannelName};
use index_rebalancer::ports::alert::{AlertMessage, Severity};

pub(crate) fn message(lines: usize) -> AlertMessage {
    AlertMessage {
        page: None,
        key: uuid::uuid!("11111111-2222-5333-8444-555555555555"),
        run_id: uuid::uuid!("aaaaaaaa-bbbb-5ccc-8ddd-eeeeeeeeeeee"),
        event: AlertEvent::OrderUnknown,
        severity: Severity::Critical,
        title: "1 order of <unknown> fate".to_owned(),
        about: "blue-chip (paper, binance/main)".to_owned(),
        lines: (0..lines).map(|number| format!("buy {number} \u{202e}BTC & more\u{1b}[31m")).collect(),
    }
}

pub(crate) fn name() -> ChannelName {
    ChannelName::new("ops").expect("a name")
}

pub(crate) fn channel(toml: &str) -> AlertChannel {
    toml::from_str(toml).expect("a channel")
}
