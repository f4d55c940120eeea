//! The rules of a policy's alerts.

use crate::model::Policy;
use crate::model::alert::{AlertChannel, AlertPolicy};
use crate::preparation::BadInput;

/// Beyond this a figure is a slip of the pen.
const MAX_MESSAGES_PER_HOUR: u32 = 10_000;

/// Everything wrong with the alerts.
pub(super) fn faults(place: &str, policy: &Policy) -> Vec<BadInput> {
    let Some(alerts) = &policy.alerts else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    let mut rule = |holds: bool, field: String, value: &str, problem: &str, remedy: &str| {
        if !holds {
            faults.push(BadInput::new(place, field, value, problem, remedy));
        }
    };
    channels(alerts, &mut rule);
    routes(alerts, &mut rule);
    let most = alerts.most_messages_per_hour;
    rule(
        (1..=MAX_MESSAGES_PER_HOUR).contains(&most),
        "alerts.most_messages_per_hour".to_owned(),
        &most.to_string(),
        "not from 1 to 10000",
        "write how many messages one channel may get in an hour",
    );
    if let Some(most) = alerts.stop_loss {
        let is_fraction = !most.is_zero() && most.get() < crate::model::Decimal::ONE;
        let remedy = "write a fraction: a fifth is \"0.2\"";
        rule(is_fraction, "alerts.stop_loss".to_owned(), &most.to_string(), "not above 0 and below 1", remedy);
    }
    for target in &alerts.price_targets {
        let field = format!("alerts.price_targets.{}", target.asset);
        let has_one = target.at_least.is_some() || target.at_most.is_some();
        rule(has_one, field.clone(), "", "there is no price", "write at_least, at_most or both");
        if let (Some(least), Some(most)) = (target.at_least, target.at_most) {
            let remedy = "write the lower price as at_most and the higher one as at_least";
            rule(most < least, field, &most.to_string(), "every price reaches one of the two", remedy);
        }
    }
    faults
}

fn channels(alerts: &AlertPolicy, rule: &mut impl FnMut(bool, String, &str, &str, &str)) {
    let is_name = |text: &str| (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    for (name, channel) in &alerts.channels {
        let field = |of: &str| format!("alerts.channels.{name}.{of}");
        match channel {
            AlertChannel::Log {} => {}
            AlertChannel::Sns { topic } => rule(
                is_name(topic) && topic.starts_with("arn:") && topic.contains(":sns:"),
                field("topic"),
                topic,
                "not the ARN of a topic",
                "write it as arn:aws:sns:REGION:ACCOUNT:NAME",
            ),
            AlertChannel::Slack { webhook_secret } => {
                secret_name(webhook_secret, field("webhook_secret"), rule);
            }
            AlertChannel::Telegram { chat, token_secret } => {
                let is_number = chat.strip_prefix('-').unwrap_or(chat).bytes().all(|byte| byte.is_ascii_digit());
                let is_chat = is_name(chat) && (chat.starts_with('@') || is_number);
                rule(is_chat, field("chat"), chat, "not a chat", "write its number, or a channel's name with @");
                secret_name(token_secret, field("token_secret"), rule);
            }
        }
    }
}

/// A policy is shown, stored and digested: an address or a token must never be in it, and is not repeated.
fn secret_name(name: &str, field: String, rule: &mut impl FnMut(bool, String, &str, &str, &str)) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-#:".contains(&byte);
    let is_name = (1..=512).contains(&name.len()) && name.bytes().all(plain) && !name.contains("//");
    let looks_secret =
        name.starts_with("http") || name.split_once(':').is_some_and(|(bot, _)| bot.parse::<u64>().is_ok());
    let problem = "not the name of a secret";
    rule(is_name && !looks_secret, field, "", problem, "write the secret's name, and put the value where secrets are");
}

fn routes(alerts: &AlertPolicy, rule: &mut impl FnMut(bool, String, &str, &str, &str)) {
    for (index, route) in alerts.routes.iter().enumerate() {
        let field = |of: &str| format!("alerts.routes[{index}].{of}");
        rule(!route.events.is_empty(), field("events"), "", "no event is routed", "name one, or remove the route");
        rule(!route.channels.is_empty(), field("channels"), "", "the route leads nowhere", "name a channel");
        for name in &route.channels {
            let is_known = alerts.channels.contains_key(name);
            let remedy = "name one under [alerts.channels]";
            rule(is_known, field("channels"), name.as_str(), "there is no such channel", remedy);
        }
    }
}
