//! Answers as Secrets Manager gives them, and as it does not.

use index_rebalancer::adapters::secrets::CachedSecret;
use index_rebalancer::adapters::secrets::aws::AwsSecret;
use index_rebalancer::ports::secret::{Secret, SecretError, SecretFault, SecretReader as _, Stage};
use serde_json::{Value, json};

use super::access;
use crate::scripted_server::{Reply, ScriptedServer};
use crate::token_metrics::block_on;

const CANARY: &str = "canary-in-the-store";

fn value(text: &str) -> Reply {
    Reply::json(200, json!({ "Name": "tm", "VersionId": "v1", "SecretString": text }).to_string())
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply::json(status, json!({ "__type": code, "Message": "as it says" }).to_string())
}

/// Reads a secret from a server that gives these answers, the last one for ever.
fn read(reference: &str, stage: Stage, answers: Vec<Reply>) -> (Result<Option<Secret>, SecretError>, Vec<Value>) {
    let mut rest = answers.into_iter();
    let mut last = Reply::Lost;
    let server = ScriptedServer::in_the_clear(move |_| {
        last = rest.next().unwrap_or_else(|| last.clone());
        last.clone()
    });
    let secret = AwsSecret::new(access(&server.origin()).secrets_manager(), reference);
    let read = block_on(secret.read(stage));
    assert!(!format!("{secret:?}").contains("canary"), "{secret:?}");
    let asked = server.asked();
    assert!(asked.iter().all(|request| request.headers["x-amz-target"] == "secretsmanager.GetSecretValue"));
    (read, asked.iter().map(|request| serde_json::from_str(&request.body).expect("JSON")).collect())
}

fn exposed(read: Result<Option<Secret>, SecretError>) -> Option<String> {
    read.expect("an answer").map(|secret| secret.expose().to_owned())
}

#[test]
fn the_stage_in_force_is_asked_for_by_name() {
    let (read, asked) = read("prod/tm", Stage::Current, vec![value(CANARY)]);
    assert_eq!(exposed(read).as_deref(), Some(CANARY));
    assert_eq!(asked, [json!({ "SecretId": "prod/tm", "VersionStage": "AWSCURRENT" })]);
}

#[test]
fn a_value_before_may_be_absent() {
    let (found, asked) = read("tm", Stage::Previous, vec![value(CANARY)]);
    assert_eq!(exposed(found).as_deref(), Some(CANARY));
    assert_eq!(asked, [json!({ "SecretId": "tm", "VersionStage": "AWSPREVIOUS" })]);
    let (found, _) = read("tm", Stage::Previous, vec![refusal(400, "ResourceNotFoundException")]);
    assert_eq!(exposed(found), None);
}

#[test]
fn a_field_of_an_object_may_be_the_secret() {
    let object = json!({ "api_key": CANARY, "other": 1 }).to_string();
    let (found, asked) = read("tm#api_key", Stage::Current, vec![value(&object)]);
    assert_eq!(exposed(found).as_deref(), Some(CANARY));
    assert_eq!(asked[0]["SecretId"], "tm");
    for (reference, text) in [("tm#missing", object.as_str()), ("tm#other", &object), ("tm#api_key", CANARY)] {
        let (refused, _) = read(reference, Stage::Current, vec![value(text)]);
        let error = refused.expect_err("no such field");
        assert!(matches!(error, SecretError::Malformed { fault: SecretFault::NoSuchField, .. }), "{error}");
        assert!(!format!("{error}{error:?}").contains("canary"), "{error}");
    }
}

#[test]
fn refusals_say_whether_trying_again_helps() {
    for (status, code, transient, told) in [
        (400, "DecryptionFailure", false, "may not be read: DecryptionFailure: as it says"),
        (400, "AccessDeniedException", false, "may not be read"),
        (400, "ResourceNotFoundException", false, "does not exist"),
        (400, "InvalidRequestException", false, "does not exist"),
        (400, "ThrottlingException", true, "try again"),
        (500, "InternalServiceError", true, "try again"),
    ] {
        let (refused, asked) = read("tm", Stage::Current, vec![refusal(status, code)]);
        let error = refused.expect_err(code);
        assert_eq!(error.is_transient(), transient, "{error}");
        assert!(error.to_string().contains(told), "{error}");
        // What may pass is tried three times, what may not is tried once.
        assert_eq!(asked.len(), if transient { 3 } else { 1 }, "{code}");
    }
}

#[test]
fn throttling_and_lost_answers_pass() {
    for trouble in [refusal(400, "ThrottlingException"), Reply::Lost, Reply::with(503, "x", "y")] {
        let (found, asked) = read("tm", Stage::Current, vec![trouble.clone(), value(CANARY)]);
        assert_eq!(exposed(found).as_deref(), Some(CANARY), "{trouble:?}");
        assert_eq!(asked.len(), 2, "{trouble:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_used_is_not_shown() {
    let broken = format!("{{\"SecretString\": \"{CANARY}\"");
    for answer in [
        value(&format!("{CANARY} and more")),
        value(""),
        Reply::json(200, json!({ "Name": "tm", "SecretBinary": "Y2FuYXJ5" }).to_string()),
        Reply::json(200, broken.clone()),
        Reply::json(500, broken),
        Reply::json(200, format!("<html>{CANARY}</html>")),
    ] {
        let (refused, _) = read("tm", Stage::Current, vec![answer.clone()]);
        let error = refused.expect_err("unusable");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}

#[test]
fn many_runs_of_a_process_read_once_and_a_refusal_reads_once_more() {
    let mut values = ["old", "new"].into_iter();
    let server = ScriptedServer::in_the_clear(move |_| value(values.next().unwrap_or("newest")));
    let reader = AwsSecret::new(access(&server.origin()).secrets_manager(), "tm");
    let secret = CachedSecret::new("tm", reader);
    block_on(async {
        let old = secret.current().await.expect("read");
        assert_eq!((old.expose(), secret.current().await.expect("known").expose()), ("old", "old"));
        assert_eq!(server.asked().len(), 1);
        let new = secret.renewed(&old).await.expect("read").expect("another value");
        assert_eq!((new.expose(), server.asked().len()), ("new", 2));
        // Another client of the same process, refused with the old value too, costs no further reading.
        let again = secret.renewed(&old).await.expect("known").expect("another value");
        assert_eq!((again.expose(), server.asked().len()), ("new", 2));
    });
}
