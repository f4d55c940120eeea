//! HTTPS requests for adapters: to hosts on a list, within a time and a size, never redirected, never in the clear.
//!
//! Hyper and rustls with ring, which the AWS SDK brings anyway: no crate is added for it. The address of a request is a
//! secret like its headers, for some services put their key there; errors name the host alone.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::ports::secret::Secret;

/// What one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpsLimits {
    /// From the connection to the last byte of the answer.
    pub time_ms: u64,
    pub body_bytes: usize,
}

/// Whose certificates are believed.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The machine's; `SSL_CERT_FILE` names others.
    System,
    /// These authorities and nobody else.
    Only(Vec<CertificateDer<'static>>),
}

type Connections = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client. Cheap to clone: connections are shared.
#[derive(Debug, Clone)]
pub struct HttpsClient {
    /// Set up by the first request: to read a machine's certificates takes longer than everything else before it, and
    /// most clients of a process are never used.
    connections: Arc<OnceLock<Connections>>,
    trust: Trust,
    hosts: BTreeSet<String>,
    limits: HttpsLimits,
}

/// One request.
#[derive(Debug, Clone)]
pub struct HttpsRequest {
    pub method: Method,
    pub address: Secret,
    pub headers: Vec<(HeaderName, Secret)>,
    /// JSON, where there is one.
    pub body: Option<Vec<u8>>,
}

/// What came back, whatever its status but a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsAnswer {
    pub status: u16,
    /// As it stands in the header.
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpsError {
    /// Nothing was sent.
    #[error("requests over TLS cannot be made on this machine: {0}")]
    Setup(String),
    /// Refused here; nothing was sent.
    #[error("the request was not sent: {0}")]
    NotAllowed(String),
    /// The other side is not who it should be; nothing was sent.
    #[error(
        "{host} cannot prove who it is ({cause}); a proxy that inspects traffic needs its authority in the file that SSL_CERT_FILE names"
    )]
    Untrusted { host: String, cause: String },
    /// No connection; nothing was sent.
    #[error("{host} cannot be reached: {cause}")]
    Unreachable { host: String, cause: String },
    /// It may have arrived.
    #[error("{host} did not answer in full: {cause}")]
    NoAnswer { host: String, cause: String },
    #[error(
        "{host} answered with a redirect ({status}), and redirects are not followed; a network's sign-in page does so, and an address that has moved"
    )]
    Redirected { host: String, status: u16 },
    #[error("the answer of {host} is larger than {most} bytes")]
    TooLarge { host: String, most: usize },
}

impl HttpsError {
    /// Can the same request succeed later without anybody mending anything?
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NoAnswer { .. })
    }
}

impl HttpsClient {
    /// A client that speaks to these hosts only: `api.example.com`, or `localhost:8443` where the port is not 443.
    #[must_use]
    pub fn new<H: Into<String>>(hosts: impl IntoIterator<Item = H>, limits: HttpsLimits, trust: Trust) -> Self {
        Self { connections: Arc::default(), trust, hosts: hosts.into_iter().map(Into::into).collect(), limits }
    }

    fn connections(&self) -> Result<&Connections, HttpsError> {
        if let Some(made) = self.connections.get() {
            return Ok(made);
        }
        let made = connections(&self.trust)?;
        Ok(self.connections.get_or_init(|| made))
    }

    /// Sends a request once. No retry of its own: the caller knows what may be repeated.
    ///
    /// # Errors
    /// See [`HttpsError`]; any status but a redirect is an answer.
    pub async fn send(&self, request: HttpsRequest) -> Result<HttpsAnswer, HttpsError> {
        let (uri, host) = self.allowed(&request.address)?;
        let (request, connections) = (assemble(request, uri)?, self.connections()?);
        let answer = async {
            let response = connections.request(request).await.map_err(|error| failure(&host, &error))?;
            self.read(&host, response).await
        };
        let limit = Duration::from_millis(self.limits.time_ms);
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
            Err(HttpsError::NoAnswer { host: host.clone(), cause: format!("{} ms are over", self.limits.time_ms) })
        })
    }

    fn allowed(&self, address: &Secret) -> Result<(Uri, String), HttpsError> {
        let refused = |why: &str| HttpsError::NotAllowed(why.to_owned());
        let uri: Uri = address.expose().parse().map_err(|_| refused("its address is not a URL"))?;
        if uri.scheme_str() != Some("https") {
            return Err(refused("its address does not begin with https://"));
        }
        let host = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase()).unwrap_or_default();
        // With a name and password before the host, all that would be shown of it is a secret.
        if host.contains('@') || !self.hosts.contains(&host) {
            let known: Vec<&str> = self.hosts.iter().map(String::as_str).collect();
            return Err(refused(&format!("its host is not one of {}", known.join(", "))));
        }
        Ok((uri, host))
    }

    async fn read<B>(&self, host: &str, response: Response<B>) -> Result<HttpsAnswer, HttpsError>
    where
        B: BodyExt,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let status = response.status();
        if status.is_redirection() {
            return Err(HttpsError::Redirected { host: host.to_owned(), status: status.as_u16() });
        }
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let most = self.limits.body_bytes;
        let body = Limited::new(response.into_body(), most).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return HttpsError::TooLarge { host: host.to_owned(), most };
            }
            HttpsError::NoAnswer { host: host.to_owned(), cause: told(error.as_ref()) }
        })?;
        Ok(HttpsAnswer { status: status.as_u16(), retry_after, body: body.to_bytes().into() })
    }
}

fn connections(trust: &Trust) -> Result<Connections, HttpsError> {
    let connector = match trust {
        Trust::System => HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring::default_provider())
            .map_err(|error| setup(&error))?,
        Trust::Only(authorities) => {
            let mut roots = RootCertStore::empty();
            for authority in authorities {
                roots.add(authority.clone()).map_err(|error| setup(&error))?;
            }
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| setup(&error))?
                .with_root_certificates(roots)
                .with_no_client_auth();
            HttpsConnectorBuilder::new().with_tls_config(config)
        }
    };
    Ok(Client::builder(TokioExecutor::new()).build(connector.https_only().enable_http1().build()))
}

fn setup(error: &(dyn Error + 'static)) -> HttpsError {
    HttpsError::Setup(told(error))
}

fn assemble(request: HttpsRequest, uri: Uri) -> Result<Request<Full<Bytes>>, HttpsError> {
    let unfit = || HttpsError::NotAllowed("a header of it is not text".to_owned());
    let mut built = Request::builder().method(request.method).uri(uri);
    for (name, value) in request.headers {
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| unfit())?;
        value.set_sensitive(true);
        built = built.header(name, value);
    }
    if request.body.is_some() {
        built = built.header(http::header::CONTENT_TYPE, "application/json");
    }
    built.body(Full::new(Bytes::from(request.body.unwrap_or_default()))).map_err(|_| unfit())
}

fn failure(host: &str, error: &hyper_util::client::legacy::Error) -> HttpsError {
    let (host, cause) = (host.to_owned(), told(error));
    if let Some(cause) = certificate_refused(error) {
        return HttpsError::Untrusted { host, cause };
    }
    if error.is_connect() { HttpsError::Unreachable { host, cause } } else { HttpsError::NoAnswer { host, cause } }
}

/// What is wrong with the certificate, by the name that the library has for it: details may fill a screen.
fn certificate_refused(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| match innermost(cause).downcast_ref() {
        Some(rustls::Error::InvalidCertificate(fault)) => {
            Some(format!("{fault:?}").chars().take_while(char::is_ascii_alphanumeric).collect())
        }
        _ => None,
    })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What an I/O error was made from; such errors do not name it as their source, and may hold each other.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => innermost(inner),
        None => error,
    }
}

/// An error and what caused it, in one line.
fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let part = cause.to_string();
        if !text.ends_with(&part) {
            let separator = if text.is_empty() { "" } else { ": " };
            // Writing to a String does not fail.
            let _ = write!(text, "{separator}{part}");
        }
    }
    text
}
