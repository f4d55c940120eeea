//! Pages in a bucket of AWS S3.
//!
//! One request of one operation: signed by the crate that the other clients sign with and sent as they send, without the
//! generated client of the service, which is larger than all of this function's others together.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;

use super::aws::{ATTEMPTS, AwsAccess};
use super::clock::SystemClock;
use crate::ports::Clock as _;
use crate::ports::page::{PageError, PageName, PageStore};

/// What a browser shows, and never guesses at.
const CONTENT_TYPE: &str = "text/html; charset=utf-8";

/// With every repetition: of what the function holds in reserve before its deadline.
const LONGEST: Duration = Duration::from_secs(4);

/// A bucket. It decides itself how it encrypts.
#[derive(Debug, Clone)]
pub struct S3Pages {
    put: Operation<Object, (), Refusal>,
    place: Place,
}

/// Where a bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// Whom requests are sent to.
    origin: String,
    /// What stands before a page's path in its address.
    base: String,
    /// What stands before it where a person opens it.
    console: String,
}

impl Place {
    /// Stand-ins know their buckets by path, AWS by name.
    fn of(region: &str, endpoint: Option<&str>, bucket: &str) -> Self {
        let Partition { services, console } = Partition::of(region);
        let console = format!("https://{console}/s3/object/{bucket}?region={region}&prefix=");
        if let Some(endpoint) = endpoint {
            let origin = endpoint.trim_end_matches('/').to_owned();
            return Self { base: format!("{origin}/{bucket}"), origin, console };
        }
        let origin = format!("https://{bucket}.s3.{region}.{services}");
        Self { base: origin.clone(), origin, console }
    }
}

/// What is put, and where.
#[derive(Debug)]
struct Object {
    address: String,
    html: String,
}

/// The service's no.
#[derive(Debug, thiserror::Error)]
#[error("S3 answered {status} {code}")]
struct Refusal {
    status: u16,
    code: String,
}

impl S3Pages {
    /// Sends nothing yet. What was not answered is repeated: the same page twice is one page.
    #[must_use]
    pub fn new(access: &AwsAccess, bucket: &str) -> Self {
        let place = Place::of(&access.region, access.endpoint.as_deref(), bucket);
        let signer = Signer { identity: access.credentials().into(), region: access.region.clone() };
        let put = Operation::builder()
            .service_name("s3")
            .operation_name("PutObject")
            .http_client(access.http())
            .endpoint_url(&place.origin)
            .no_auth()
            .standard_retry(&RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .timeout_config(AwsAccess::patience().to_builder().operation_timeout(LONGEST).build())
            .serializer(move |object: Object| signer.signed(object))
            .deserializer(answered)
            .build();
        Self { put, place }
    }
}

impl PageStore for S3Pages {
    async fn put_page(&self, name: &PageName, html: String) -> Result<String, PageError> {
        let path = name.path();
        let object = Object { address: format!("{}/{path}", self.place.base), html };
        // Boxed: what the clients put around a request is a large future.
        match Box::pin(self.put.invoke(object)).await {
            Ok(()) => Ok(format!("{}{path}", self.place.console)),
            Err(SdkError::ServiceError(refused)) => Err(PageError(refused.err().to_string())),
            Err(SdkError::ConstructionFailure(_)) => Err(PageError("the request could not be made".to_owned())),
            Err(_) => Err(PageError("S3 did not answer".to_owned())),
        }
    }
}

/// Names of hosts that differ where the regions are not AWS's usual ones.
struct Partition {
    services: &'static str,
    console: &'static str,
}

impl Partition {
    fn of(region: &str) -> Self {
        let of = |services, console| Self { services, console };
        match region.split('-').take(2).collect::<Vec<_>>().as_slice() {
            ["cn", ..] => of("amazonaws.com.cn", "console.amazonaws.cn"),
            ["us", "gov"] => of("amazonaws.com", "console.amazonaws-us-gov.com"),
            _ => of("amazonaws.com", "console.aws.amazon.com"),
        }
    }
}

/// Whose requests they are.
struct Signer {
    identity: Identity,
    region: String,
}

impl Signer {
    fn signed(&self, Object { address, html }: Object) -> Result<HttpRequest, BoxError> {
        let mut settings = SigningSettings::default();
        // As S3 wants it: the path as it stands, and the body's digest in a header.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::try_from(SystemClock.now())?)
            .settings(settings)
            .build()?
            .into();
        let headers = [("content-type", CONTENT_TYPE)];
        let signable =
            SignableRequest::new("PUT", &address, headers.into_iter(), SignableBody::Bytes(html.as_bytes()))?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        let request = http::Request::builder().method("PUT").uri(&address).header("content-type", CONTENT_TYPE);
        let mut request = request.body(SdkBody::from(html))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request.try_into()?)
    }
}

fn answered(response: &HttpResponse) -> Result<(), OrchestratorError<Refusal>> {
    if response.status().is_success() {
        return Ok(());
    }
    let body = response.body().bytes().unwrap_or_default();
    let refusal = Refusal { status: response.status().as_u16(), code: code(&String::from_utf8_lossy(body)) };
    Err(OrchestratorError::operation(refusal))
}

/// The service's own word for it; of an answer that is none of its, nothing.
fn code(body: &str) -> String {
    let told = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    told.map_or("without a code", |(code, _)| code)
        .chars()
        .filter(|it| *it == ' ' || it.is_ascii_graphic())
        .take(60)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_where_its_partition_is() {
        for (region, host, console) in [
            ("eu-central-1", "pages.s3.eu-central-1.amazonaws.com", "console.aws.amazon.com"),
            ("cn-north-1", "pages.s3.cn-north-1.amazonaws.com.cn", "console.amazonaws.cn"),
            ("us-gov-west-1", "pages.s3.us-gov-west-1.amazonaws.com", "console.amazonaws-us-gov.com"),
        ] {
            let place = Place::of(region, None, "pages");
            assert_eq!(
                (place.origin.as_str(), place.base.as_str()),
                (&*format!("https://{host}"), &*format!("https://{host}"))
            );
            assert_eq!(place.console, format!("https://{console}/s3/object/pages?region={region}&prefix="));
        }
        let place = Place::of("eu-central-1", Some("http://127.0.0.1:4566/"), "pages");
        assert_eq!(
            (place.origin.as_str(), place.base.as_str()),
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566/pages")
        );
    }

    #[test]
    fn a_refusal_is_told_by_its_code_and_by_nothing_else() {
        assert_eq!(code("<Error><Code>NoSuchBucket</Code><Message>\u{1b}</Message></Error>"), "NoSuchBucket");
        assert_eq!(code("<html>Bad gateway</html>"), "without a code");
        assert_eq!(code(&format!("<Code>{}\n</Code>", "x".repeat(99))), "x".repeat(60));
    }
}
