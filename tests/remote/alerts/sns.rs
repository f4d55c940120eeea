//! What is published to a topic.

use std::collections::BTreeMap;

use index_rebalancer::adapters::alerts::sns::Sns;
use index_rebalancer::adapters::aws::{AwsAccess, Connections};
use index_rebalancer::ports::alert::{Notifier as _, NotifyError};
use index_rebalancer::ports::secret::Secret;
use serde_json::Value;

use super::{channel, message, name};
use crate::scripted_server::{Reply, ScriptedServer};
use crate::token_metrics::block_on;

const TAKEN: &str = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
    <MessageId>1</MessageId></PublishResult></PublishResponse>";

fn send(topic: &str, lines: usize, answer: Reply) -> (Result<(), NotifyError>, Vec<BTreeMap<String, String>>) {
    let server = ScriptedServer::in_the_clear(move |_| answer.clone());
    let access = AwsAccess {
        region: "eu-central-1".to_owned(),
        access_key_id: "AKIDTEST".to_owned(),
        secret_access_key: Secret::new("canary-signing-key").expect("a secret"),
        session_token: None,
        endpoint: Some(server.origin()),
        connections: Connections::default(),
    };
    assert!(!format!("{access:?}").contains("canary"));
    let sns = Sns::new(access.sns());
    let channel = channel(&format!("kind = \"sns\"\ntopic = \"{topic}\""));
    let sent = block_on(sns.notify(&name(), &channel, &message(lines)));
    let form = |body: &str| {
        body.split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect()
    };
    (sent, server.asked().iter().map(|request| form(&request.body)).collect())
}

/// `%41` and `+` of a form.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).expect("hex digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hex digits"));
                rest = after;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_topic_gets_one_text_for_each_kind_of_subscriber() {
    let topic = "arn:aws:sns:eu-central-1:123456789012:alerts";
    let (sent, asked) = send(topic, 1, Reply::Answer { status: 200, headers: Vec::new(), body: TAKEN.into() });
    sent.expect("taken");
    assert_eq!(asked.len(), 1);
    let form = &asked[0];
    assert_eq!((form["Action"].as_str(), form["TopicArn"].as_str()), ("Publish", topic));
    assert_eq!(form["MessageStructure"], "json");
    assert_eq!(form["Subject"], "[critical] blue-chip (paper, binance/main): 1 order of <unknown> fate");
    let body: Value = serde_json::from_str(&form["Message"]).expect("JSON");
    assert_eq!(body["default"], body["email"]);
    let email = body["email"].as_str().expect("a text");
    assert!(
        email.contains("\n- buy 0 BTC & more") && email.ends_with("order_unknown 11111111-2222-5333-8444-555555555555")
    );
    assert_eq!(body["sms"], "[critical] blue-chip (paper, binance/main): 1 order of <unknown> fate");
    let attributes: Vec<&String> =
        form.iter().filter(|(name, _)| name.ends_with("StringValue")).map(|(_, value)| value).collect();
    assert!(
        attributes.contains(&&"order_unknown".to_owned()) && attributes.contains(&&"critical".to_owned()),
        "{form:?}"
    );
    assert!(!form.contains_key("MessageDeduplicationId"));
}

#[test]
fn a_topic_in_order_knows_a_key_it_has_seen() {
    let topic = "arn:aws:sns:eu-central-1:123456789012:alerts.fifo";
    let (sent, asked) = send(topic, 1, Reply::Answer { status: 200, headers: Vec::new(), body: TAKEN.into() });
    sent.expect("taken");
    assert_eq!(asked[0]["MessageDeduplicationId"], "11111111-2222-5333-8444-555555555555");
    assert_eq!(asked[0]["MessageGroupId"], "aaaaaaaa-bbbb-5ccc-8ddd-eeeeeeeeeeee");
}

#[test]
fn a_refusal_is_told_from_silence_and_nothing_is_repeated() {
    let refusal = |status, code: &str| {
        Reply::Answer {
        status,
        headers: Vec::new(),
        body: format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>as it says</Message></Error></ErrorResponse>").into(),
    }
    };
    let topic = "arn:aws:sns:eu-central-1:123456789012:alerts";
    for (answer, is_refusal) in [
        (refusal(403, "AuthorizationError"), true),
        (refusal(404, "NotFound"), true),
        (refusal(429, "Throttled"), true),
        (refusal(500, "InternalError"), false),
        (Reply::Lost, false),
    ] {
        let (sent, asked) = send(topic, 1, answer.clone());
        let error = sent.expect_err("not taken");
        assert_eq!(matches!(error, NotifyError::Refused(_)), is_refusal, "{answer:?}: {error}");
        assert_eq!(asked.len(), 1, "{answer:?}");
    }
}
