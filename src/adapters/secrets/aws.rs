//! AWS Secrets Manager.
//!
//! Read are the stages `AWSCURRENT` and `AWSPREVIOUS`, never `AWSPENDING`. What goes into an error is the service's own
//! code and message: the SDK's errors carry the whole answer along, and in that is the secret.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput};
use secrecy::zeroize::Zeroizing;

use crate::ports::secret::{Secret, SecretError, SecretFault, SecretReader, Stage};

/// One secret.
#[derive(Debug, Clone)]
pub struct AwsSecret {
    client: Client,
    /// Name or ARN.
    id: String,
    /// Of a JSON object; absent: the secret is the value itself.
    field: Option<String>,
}

impl AwsSecret {
    /// A secret by `NAME`, `ARN` or, for a field of a JSON object, `NAME#field`.
    #[must_use]
    pub fn new(client: Client, reference: &str) -> Self {
        let (id, field) = match reference.split_once('#') {
            Some((id, field)) => (id, Some(field.to_owned())),
            None => (reference, None),
        };
        Self { client, id: id.to_owned(), field }
    }

    fn value(&self, answer: GetSecretValueOutput) -> Result<Secret, SecretError> {
        let malformed = |fault| SecretError::Malformed { name: self.id.clone(), fault };
        let text = answer.secret_string.map(Zeroizing::new).ok_or_else(|| malformed(SecretFault::Binary))?;
        let Some(field) = &self.field else {
            return Secret::new(&text).map_err(malformed);
        };
        let object: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&text);
        let value = object.ok().and_then(|mut object| object.remove(field));
        match value {
            Some(serde_json::Value::String(value)) => Secret::new(&Zeroizing::new(value)).map_err(malformed),
            _ => Err(malformed(SecretFault::NoSuchField)),
        }
    }
}

impl SecretReader for AwsSecret {
    async fn read(&self, stage: Stage) -> Result<Option<Secret>, SecretError> {
        let label = match stage {
            Stage::Current => "AWSCURRENT",
            Stage::Previous => "AWSPREVIOUS",
        };
        let answer = self.client.get_secret_value().secret_id(&self.id).version_stage(label).send().await;
        match answer {
            Ok(answer) => self.value(answer).map(Some),
            Err(error) => match failure(&self.id, &error) {
                // A secret that was never rotated has no value before the current one.
                SecretError::Missing { .. } if stage == Stage::Previous => Ok(None),
                error => Err(error),
            },
        }
    }
}

fn failure(id: &str, error: &SdkError<GetSecretValueError, HttpResponse>) -> SecretError {
    let name = id.to_owned();
    let Some(service) = error.as_service_error() else {
        return SecretError::Unavailable { name, cause: without_answer(error) };
    };
    let code = service.code().unwrap_or("an error without a code").to_owned();
    let cause = service.message().map_or_else(|| code.clone(), |message| format!("{code}: {message}"));
    match code.as_str() {
        "ResourceNotFoundException" | "InvalidRequestException" | "InvalidParameterException" => {
            SecretError::Missing { name, cause }
        }
        // The value is there, and the key that protects it is not to be used, is disabled or gone.
        "DecryptionFailure"
        | "AccessDeniedException"
        | "UnrecognizedClientException"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException" => SecretError::Denied { name, cause },
        _ => SecretError::Unavailable { name, cause },
    }
}

fn without_answer(error: &SdkError<GetSecretValueError, HttpResponse>) -> String {
    match error {
        SdkError::TimeoutError(_) => "Secrets Manager did not answer in time",
        SdkError::DispatchFailure(_) => "Secrets Manager cannot be reached, or the connection was lost",
        SdkError::ResponseError(_) => "the answer of Secrets Manager cannot be read",
        _ => "the request could not be made",
    }
    .to_owned()
}
