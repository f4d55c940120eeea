//! A server on loopback that answers as a script says, over TLS by an authority of its own or in the clear, and keeps
//! what it was asked. It runs in a thread of its own, so that it serves other processes too.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Recorded {
    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Closes the connection without a word.
    Lost,
    /// Promises more than it sends, then closes.
    Broken,
    /// Says nothing for so long, then closes.
    Silent(Duration),
}

impl Reply {
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: vec![("content-type", "application/json".to_owned())], body: body.into() }
    }
    pub(crate) fn with(status: u16, name: &'static str, value: &str) -> Self {
        Self::Answer { status, headers: vec![(name, value.to_owned())], body: b"{}".to_vec() }
    }
}

/// A running server. It stops with the test process.
pub(crate) struct ScriptedServer {
    address: SocketAddr,
    authority: Option<rcgen::Certificate>,
    log: Arc<Mutex<Vec<Recorded>>>,
}

impl ScriptedServer {
    /// Over TLS, for `localhost`.
    pub(crate) fn with_tls(script: impl FnMut(&Recorded) -> Reply + Send + 'static) -> Self {
        let (authority, acceptor) = certificates();
        Self::start(Some((authority, acceptor)), script)
    }

    /// In the clear.
    pub(crate) fn in_the_clear(script: impl FnMut(&Recorded) -> Reply + Send + 'static) -> Self {
        Self::start(None, script)
    }

    fn start(
        tls: Option<(rcgen::Certificate, TlsAcceptor)>,
        mut script: impl FnMut(&Recorded) -> Reply + Send + 'static,
    ) -> Self {
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
        socket.set_nonblocking(true).expect("a socket for the runtime");
        let address = socket.local_addr().expect("an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (authority, acceptor) = tls.map_or((None, None), |(authority, acceptor)| (Some(authority), Some(acceptor)));
        let record = Arc::clone(&log);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(socket).expect("a listener");
                loop {
                    let (stream, _) = listener.accept().await.expect("a connection");
                    // One connection after the other; a client that gives up is no reason to stop.
                    match &acceptor {
                        None => serve(stream, &record, &mut script).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, &record, &mut script).await;
                            }
                        }
                    }
                }
            });
        });
        Self { address, authority, log }
    }

    /// `localhost:12345`.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub(crate) fn origin(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.host())
    }

    pub(crate) fn authority(&self) -> CertificateDer<'static> {
        self.authority.as_ref().expect("a server with TLS").der().clone()
    }

    #[cfg(feature = "cli")]
    pub(crate) fn authority_pem(&self) -> String {
        self.authority.as_ref().expect("a server with TLS").pem()
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<Recorded> {
        self.log.lock().expect("a log").clone()
    }
}

/// An authority made for this server, and the acceptor that proves itself by it.
fn certificates() -> (rcgen::Certificate, TlsAcceptor) {
    let authority_key = rcgen::KeyPair::generate().expect("a key");
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).expect("an authority");
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let own = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let own = own.signed_by(&key, &issuer).expect("a certificate");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], private)
        .expect("a server's configuration");
    (certificate, TlsAcceptor::from(Arc::new(config)))
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    log: &Mutex<Vec<Recorded>>,
    script: &mut impl FnMut(&Recorded) -> Reply,
) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    log.lock().expect("a log").push(request.clone());
    let answer = match script(&request) {
        Reply::Lost => return,
        Reply::Silent(time) => return tokio::time::sleep(time).await,
        Reply::Broken => b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"success\"".to_vec(),
        Reply::Answer { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
            for (name, value) in headers {
                head.push_str(&[name, ": ", &value, "\r\n"].concat());
            }
            head.push_str(&["content-length: ", &body.len().to_string(), "\r\nconnection: close\r\n\r\n"].concat());
            [head.into_bytes(), body].concat()
        }
    };
    // A client that has gone is its own matter.
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Recorded> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(Some(0), |value| value.parse().ok())?;
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[head + 4..]).into_owned();
    Some(Recorded { method, target, headers, body })
}
