//! AWS SNS: one message for every subscriber of a topic, with a short text for SMS.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::json;

use super::text;
use crate::model::alert::{AlertChannel, ChannelName};
use crate::ports::alert::{AlertMessage, Notifier, NotifyError};

/// SNS takes 256 KB; nobody reads more than this.
const LONGEST: usize = 8_000;
/// One SMS.
const SMS_LONGEST: usize = 140;
/// Of the subject of an e-mail.
const SUBJECT_LONGEST: usize = 99;

/// Topics of one region.
#[derive(Debug, Clone)]
pub struct Sns {
    client: Client,
}

impl Sns {
    /// The client must repeat nothing: see [`AwsAccess::sns`](crate::adapters::aws::AwsAccess::sns).
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    async fn publish(&self, topic: &str, message: &AlertMessage) -> Result<(), NotifyError> {
        let full = text::full(message, LONGEST);
        let sms = text::cut(&text::headline(message), SMS_LONGEST);
        let body = json!({ "default": full, "email": full, "sms": sms }).to_string();
        let mut request = self
            .client
            .publish()
            .topic_arn(topic)
            .subject(subject(message))
            .message_structure("json")
            .message(body)
            .message_attributes("event", attribute(message.event.as_str())?)
            .message_attributes("severity", attribute(message.severity.as_str())?);
        // A first-in-first-out topic drops a key that it has seen.
        if topic.rsplit_once('.').is_some_and(|(_, kind)| kind == "fifo") {
            let key = message.key.to_string();
            request = request.message_deduplication_id(key).message_group_id(message.run_id.to_string());
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refusal)) => {
                let code = refusal.err().code().unwrap_or("an error without a code");
                let told = refusal.err().message().unwrap_or("no message");
                let cause = format!("SNS answered {code}: {told}");
                let is_theirs = refusal.raw().status().is_server_error();
                Err(if is_theirs { NotifyError::Unclear(cause) } else { NotifyError::Refused(cause) })
            }
            Err(SdkError::ConstructionFailure(_)) => {
                Err(NotifyError::Refused("the request could not be made".to_owned()))
            }
            Err(_) => Err(NotifyError::Unclear("SNS did not answer".to_owned())),
        }
    }
}

impl Notifier for Sns {
    async fn notify(
        &self,
        name: &ChannelName,
        channel: &AlertChannel,
        message: &AlertMessage,
    ) -> Result<(), NotifyError> {
        match channel {
            AlertChannel::Sns { topic } => self.publish(topic, message).await,
            _ => Err(super::absent(name.as_str())),
        }
    }
}

/// Subjects are ASCII without control characters, and begin with a letter, digit or punctuation.
fn subject(message: &AlertMessage) -> String {
    let ascii = text::headline(message).chars().filter(|character| (' '..='~').contains(character)).collect::<String>();
    text::cut(&ascii, SUBJECT_LONGEST)
}

fn attribute(value: &str) -> Result<MessageAttributeValue, NotifyError> {
    let built = MessageAttributeValue::builder().data_type("String").string_value(value).build();
    built.map_err(|error| NotifyError::Refused(format!("an attribute of the message: {error}")))
}
