//! Slack's and Telegram's formats.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use index_rebalancer::adapters::alerts::webhooks::{LIMITS, Webhooks};
use index_rebalancer::adapters::https::{HttpsClient, HttpsLimits, Trust};
use index_rebalancer::adapters::secrets::local::LocalSecret;
use index_rebalancer::model::alert::AlertChannel;
use index_rebalancer::ports::alert::{AlertMessage, Notifier as _, NotifyError};
use index_rebalancer::ports::secret::{Secret, SecretError, SecretReader, Stage};
use serde_json::{Value, json};

use super::{channel, message, name};
use crate::scripted_server::{Reply, ScriptedServer};
use crate::token_metrics::block_on;

const TOKEN: &str = "123456:canary-token";

fn slack() -> AlertChannel {
    channel("kind = \"slack\"\nwebhook_secret = \"slack-ops\"")
}

fn telegram() -> AlertChannel {
    channel("kind = \"telegram\"\nchat = \"-100200\"\ntoken_secret = \"bot\"")
}

/// Sends a message to a server that gives this answer. Slack's webhook is `/services/canary` there.
fn send(channel: &AlertChannel, message: &AlertMessage, answer: Reply) -> (Result<(), NotifyError>, ScriptedServer) {
    let server = ScriptedServer::with_tls(move |_| answer.clone());
    let limits = HttpsLimits { time_ms: 500, ..LIMITS };
    let trust = Trust::Only(vec![server.authority()]);
    let https = HttpsClient::new([server.host()], limits, trust);
    let webhook = format!("{}/services/canary", server.origin());
    let secrets = move |name: &str| {
        let value = if name == "slack-ops" { webhook.as_str() } else { TOKEN };
        LocalSecret::given(name, value).expect("a secret")
    };
    let webhooks = Webhooks::through(https, &server.origin(), secrets);
    let sent = block_on(webhooks.notify(&name(), channel, message));
    if let Err(error) = &sent {
        assert!(!format!("{error}{error:?}").contains("canary"), "{error:?}");
    }
    (sent, server)
}

fn ok(text: &str) -> Reply {
    Reply::json(200, text)
}

const TEXT: &str = "[critical] blue-chip (paper, binance/main): 1 order of <unknown> fate
- buy 0 BTC & more[31m
run aaaaaaaa-bbbb-5ccc-8ddd-eeeeeeeeeeee
order_unknown 11111111-2222-5333-8444-555555555555";

#[test]
fn slack_gets_its_text_without_markup() {
    let (sent, server) = send(&slack(), &message(1), ok("ok"));
    sent.expect("taken");
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].method.as_str(), asked[0].target.as_str()), (1, "POST", "/services/canary"));
    assert_eq!(asked[0].headers["content-type"], "application/json");
    let text = TEXT.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    assert_eq!(serde_json::from_str::<Value>(&asked[0].body).expect("JSON"), json!({ "text": text }));
}

#[test]
fn telegram_gets_plain_text_for_a_chat() {
    let (sent, server) = send(&telegram(), &message(1), ok("{\"ok\":true,\"result\":{}}"));
    sent.expect("taken");
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].method.as_str()), (1, "POST"));
    assert_eq!(asked[0].target, format!("/bot{TOKEN}/sendMessage"));
    let expected = json!({ "chat_id": "-100200", "text": TEXT, "link_preview_options": { "is_disabled": true } });
    assert_eq!(serde_json::from_str::<Value>(&asked[0].body).expect("JSON"), expected);
}

#[test]
fn a_long_message_is_cut_to_what_the_channel_takes_and_says_so() {
    for (channel, answer, most, field) in [(slack(), "ok", 4_000, "text"), (telegram(), "{\"ok\":true}", 4_096, "text")]
    {
        let page = "https://console.example/reports/2025/04/10/page.html";
        let long = AlertMessage { page: Some(page.to_owned()), ..message(5_000) };
        let (sent, server) = send(&channel, &long, ok(answer));
        sent.expect("taken");
        let body: Value = serde_json::from_str(&server.asked()[0].body).expect("JSON");
        let text =
            body[field].as_str().expect("a text").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
        let length = text.encode_utf16().count();
        assert!(length <= most && length > most - 200, "{length} of {most}");
        assert!(text.contains("\n- and 4") && text.ends_with("555555555555"), "{text}");
        assert!(text.contains(&format!("\npage: {page}\nrun ")), "the link is always there: {text}");
    }
}

/// A secret that is rotated; counts how often it is read.
#[derive(Debug, Clone)]
struct Rotated {
    values: Arc<Mutex<Vec<String>>>,
    reads: Arc<AtomicUsize>,
}

impl SecretReader for Rotated {
    async fn read(&self, _: Stage) -> Result<Option<Secret>, SecretError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut values = self.values.lock().expect("not poisoned");
        // The last one stays in force.
        let value = if values.len() > 1 { values.remove(0) } else { values[0].clone() };
        Ok(Some(Secret::new(&value).expect("a secret")))
    }
}

/// Sends so many messages one after the other, where only the webhook `/services/new` and the token `new` are taken.
fn send_with(
    channel: &AlertChannel,
    secrets: &[&str],
    messages: usize,
) -> (Vec<Result<(), NotifyError>>, usize, usize) {
    let server = ScriptedServer::with_tls(|asked| match asked.target.as_str() {
        "/services/new" => ok("ok"),
        "/botnew/sendMessage" => ok("{\"ok\":true}"),
        _ => Reply::json(404, "no_service"),
    });
    let https = HttpsClient::new([server.host()], LIMITS, Trust::Only(vec![server.authority()]));
    let full = |value: &&str| match channel {
        AlertChannel::Slack { .. } => format!("{}/services/{value}", server.origin()),
        _ => (*value).to_owned(),
    };
    let values = Arc::new(Mutex::new(secrets.iter().map(full).collect()));
    let secret = Rotated { values, reads: Arc::default() };
    let handed = secret.clone();
    let webhooks = Webhooks::through(https, &server.origin(), move |_: &str| handed.clone());
    let sent = (0..messages).map(|_| block_on(webhooks.notify(&name(), channel, &message(1)))).collect();
    (sent, secret.reads.load(Ordering::Relaxed), server.asked().len())
}

#[test]
fn a_secret_is_read_once_and_once_more_where_a_message_is_refused_with_it() {
    for channel in [slack(), telegram()] {
        let (sent, reads, asked) = send_with(&channel, &["new"], 3);
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
        assert_eq!((reads, asked), (1, 3));
        // Rotated after the first message: refused with the old one, taken with the new one, which is kept.
        let (sent, reads, asked) = send_with(&channel, &["old", "new"], 2);
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
        assert_eq!((reads, asked), (2, 3));
        // The same value is not sent to again.
        let (sent, reads, asked) = send_with(&channel, &["old"], 1);
        assert!(matches!(&sent[0], Err(NotifyError::Refused(why)) if why.contains("404")), "{sent:?}");
        assert_eq!((reads, asked), (2, 1));
    }
}

#[test]
fn what_was_not_taken_is_told_from_what_may_have_been() {
    let refused = [
        (slack(), Reply::json(404, "no_service")),
        (slack(), Reply::json(403, "invalid_token")),
        (slack(), Reply::with(429, "retry-after", "30")),
        (slack(), Reply::with(302, "location", "https://elsewhere.example/")),
        (telegram(), Reply::json(401, "{\"ok\":false,\"description\":\"Unauthorized\"}")),
        (telegram(), Reply::json(400, "{\"ok\":false,\"description\":\"chat not found\"}")),
    ];
    for (channel, answer) in refused {
        let (sent, _) = send(&channel, &message(1), answer.clone());
        assert!(matches!(sent, Err(NotifyError::Refused(_))), "{answer:?}: {sent:?}");
    }
    let unclear = [
        (slack(), Reply::Lost),
        (slack(), Reply::Broken),
        (slack(), Reply::Silent(std::time::Duration::from_millis(900))),
        (slack(), Reply::json(500, "oh")),
        (slack(), Reply::json(200, "<html>canary</html>")),
        (telegram(), Reply::json(200, "{\"ok\":false}")),
        (telegram(), Reply::json(200, "nonsense")),
    ];
    for (channel, answer) in unclear {
        let (sent, server) = send(&channel, &message(1), answer.clone());
        assert!(matches!(sent, Err(NotifyError::Unclear(_))), "{answer:?}: {sent:?}");
        assert_eq!(server.asked().len(), 1, "sent once: {answer:?}");
    }
}

/// Nothing was sent where there is no connection, or no secret for now.
#[test]
fn what_cannot_be_reached_for_now_is_told_from_what_is_refused() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let https = HttpsClient::new([free.to_string()], LIMITS, Trust::Only(Vec::new()));
    let webhook = format!("https://{free}/services/canary");
    let webhooks =
        Webhooks::through(https.clone(), "", move |name: &str| LocalSecret::given(name, &webhook).expect("one"));
    let error = block_on(webhooks.notify(&name(), &slack(), &message(1))).expect_err("nobody listens there");
    assert!(matches!(&error, NotifyError::Unreachable(why) if !why.contains("canary")), "{error:?}");

    for (fails, is_transient) in [
        (SecretError::Unavailable { name: "slack-ops".to_owned(), cause: "no answer".to_owned() }, true),
        (SecretError::Missing { name: "slack-ops".to_owned(), cause: "no such secret".to_owned() }, false),
    ] {
        let webhooks = Webhooks::through(https.clone(), "", move |_: &str| Failing(fails.clone()));
        let error = block_on(webhooks.notify(&name(), &slack(), &message(1))).expect_err("no secret");
        assert_eq!(matches!(error, NotifyError::Unreachable(_)), is_transient, "{error:?}");
        assert_eq!(matches!(error, NotifyError::Refused(_)), !is_transient, "{error:?}");
    }
}

struct Failing(SecretError);

impl SecretReader for Failing {
    async fn read(&self, _: Stage) -> Result<Option<Secret>, SecretError> {
        Err(self.0.clone())
    }
}

#[test]
fn a_webhook_elsewhere_is_not_called() {
    let server = ScriptedServer::with_tls(|_| Reply::json(200, "ok"));
    let trust = Trust::Only(vec![server.authority()]);
    let https = HttpsClient::new(["hooks.slack.com"], LIMITS, trust);
    let webhook = format!("{}/services/canary", server.origin());
    let webhooks = Webhooks::through(https, "https://api.telegram.org", move |name: &str| {
        LocalSecret::given(name, &webhook).expect("one")
    });
    let error = block_on(webhooks.notify(&name(), &slack(), &message(1))).expect_err("not on the list");
    assert!(
        matches!(&error, NotifyError::Refused(why) if why.contains("hooks.slack.com") && !why.contains("canary")),
        "{error}"
    );
    assert!(server.asked().is_empty());
}
