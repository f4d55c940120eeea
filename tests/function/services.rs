//! Stand-ins for Secrets Manager, SNS and S3, which note what was asked of them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::http::{self, Message};
use crate::permissions::{Needed, Permission};

const TAKEN: &str = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
    <MessageId>1</MessageId></PublishResult></PublishResponse>";

const DENIED: &str = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";

/// What the secret is when it is read.
#[derive(Debug, Clone)]
pub(crate) enum Reading {
    Value(String),
    /// The service's own code for why it is not to be had.
    Refused(&'static str),
}

pub(crate) struct Services {
    pub(crate) address: SocketAddr,
    needed: Needed,
    pages: Arc<Mutex<Vec<Message>>>,
}

/// What the bucket answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bucket {
    Takes,
    /// `AccessDenied`.
    Refuses,
    /// Nothing: the connection ends.
    Dead,
}

impl Services {
    /// Answers readings in this order; the last one again and again.
    pub(crate) fn start(readings: Vec<Reading>) -> Self {
        Self::with_bucket(readings, Bucket::Takes)
    }

    pub(crate) fn with_bucket(readings: Vec<Reading>, bucket: Bucket) -> Self {
        let needed = Needed::default();
        let (needs, left) = (needed.by_calls(), Arc::new(Mutex::new(readings)));
        let pages = Arc::new(Mutex::new(Vec::new()));
        let put = Arc::clone(&pages);
        let address = http::serve(move |request| {
            if !request.head.starts_with("PUT ") {
                return Some(answer(&request, &needs, &left));
            }
            needs(Permission::new("s3:PutObject", "page"));
            put.lock().expect("not poisoned").push(request);
            match bucket {
                Bucket::Takes => Some(Message::answer(200, &[], b"")),
                Bucket::Refuses => {
                    Some(Message::answer(403, &[("content-type", "application/xml")], DENIED.as_bytes()))
                }
                Bucket::Dead => None,
            }
        });
        Self { address, needed, pages }
    }

    /// Pages that were put, in their order; repetitions of a request too.
    pub(crate) fn pages(&self) -> Vec<Message> {
        self.pages.lock().expect("not poisoned").clone()
    }

    pub(crate) fn permissions(&self) -> BTreeSet<Permission> {
        self.needed.all()
    }

    /// How often the value in force was read.
    pub(crate) fn readings(&self) -> usize {
        self.needed.count("secretsmanager:GetSecretValue")
    }

    pub(crate) fn published(&self) -> usize {
        self.needed.count("sns:Publish")
    }
}

fn answer(request: &Message, needs: &impl Fn(Permission), readings: &Mutex<Vec<Reading>>) -> Message {
    let Some(target) = request.header("x-amz-target") else {
        needs(Permission::new("sns:Publish", "topic"));
        return Message::answer(200, &[("content-type", "text/xml")], TAKEN.as_bytes());
    };
    let asked: Value = serde_json::from_slice(&request.body).expect("JSON");
    if asked["VersionStage"] == "AWSPREVIOUS" {
        // It was never rotated before.
        return secrets_answer(400, &json!({ "__type": "ResourceNotFoundException", "Message": "no such stage" }));
    }
    assert_eq!(asked["VersionStage"], "AWSCURRENT", "the stage that is not in force yet is never read");
    needs(Permission::new(&target.replacen("secretsmanager.", "secretsmanager:", 1), "secret"));
    let mut readings = readings.lock().expect("not poisoned");
    let reading = if readings.len() > 1 { readings.remove(0) } else { readings[0].clone() };
    let (status, body) = match reading {
        Reading::Value(value) => {
            let secret = json!({ "ARN": asked["SecretId"], "Name": "token-metrics", "SecretString": value,
                                 "VersionId": "v", "VersionStages": ["AWSCURRENT"], "CreatedDate": 1.0 });
            (200, secret)
        }
        Reading::Refused(code) => (400, json!({ "__type": code, "Message": "the key is not to be used" })),
    };
    secrets_answer(status, &body)
}

fn secrets_answer(status: u16, body: &Value) -> Message {
    Message::answer(status, &[("content-type", "application/x-amz-json-1.1")], body.to_string().as_bytes())
}
