//! The requests themselves: TLS only, by a known authority, to hosts on the list, in bounds, never redirected.

use http::Method;
use index_rebalancer::adapters::https::{HttpsAnswer, HttpsClient, HttpsError, HttpsLimits, HttpsRequest, Trust};
use index_rebalancer::ports::secret::Secret;

use crate::scripted_server::{Reply, ScriptedServer};
use crate::token_metrics::{LIMITS, block_on};

fn get(client: &HttpsClient, address: &str) -> Result<HttpsAnswer, HttpsError> {
    let address = Secret::new(address).expect("an address");
    block_on(client.send(HttpsRequest { method: Method::GET, address, headers: Vec::new(), body: None }))
}

fn client(server: &ScriptedServer, limits: HttpsLimits) -> HttpsClient {
    HttpsClient::new([server.host()], limits, Trust::Only(vec![server.authority()]))
}

#[test]
fn only_hosts_on_the_list_are_spoken_to() {
    let server = ScriptedServer::with_tls(|_| Reply::json(200, "{}"));
    let known = client(&server, LIMITS);
    let port = server.host().replace("localhost", "");
    for address in [
        format!("http://{}/", server.host()),
        format!("https://127.0.0.1{port}/"),
        "https://localhost/".to_owned(),
        "https://api.tokenmetrics.com.evil.example/".to_owned(),
        format!("https://user:secret@{}/", server.host()),
        format!("https://{}@evil.example/", server.host()),
        "/v2/tokens".to_owned(),
        "not a url".replace(' ', ""),
    ] {
        let error = get(&known, &address).expect_err("not on the list");
        assert!(matches!(error, HttpsError::NotAllowed(_)) && !error.is_transient(), "{address}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    assert!(server.asked().is_empty());
    assert_eq!(get(&known, &format!("{}/a", server.origin())).expect("on the list").status, 200);
}

#[test]
fn an_authority_that_nobody_knows_is_not_believed() {
    let server = ScriptedServer::with_tls(|_| Reply::json(200, "{}"));
    let other = ScriptedServer::with_tls(|_| Reply::json(200, "{}"));
    let trust = Trust::Only(vec![other.authority()]);
    let stranger = HttpsClient::new([server.host()], LIMITS, trust);
    let error = get(&stranger, &server.origin()).expect_err("an unknown authority");
    assert!(matches!(error, HttpsError::Untrusted { .. }) && !error.is_transient(), "{error}");
    assert!(error.to_string().contains("SSL_CERT_FILE") && error.to_string().len() < 200, "{error}");
    assert!(server.asked().is_empty(), "nothing was sent");
}

#[test]
fn a_server_without_tls_gets_nothing() {
    let server = ScriptedServer::in_the_clear(|_| Reply::json(200, "{}"));
    let trust = Trust::Only(vec![ScriptedServer::with_tls(|_| Reply::Lost).authority()]);
    let client = HttpsClient::new([server.host()], LIMITS, trust);
    assert!(get(&client, &format!("https://{}/", server.host())).is_err());
    assert!(matches!(get(&client, &server.origin()), Err(HttpsError::NotAllowed(_))));
    assert!(server.asked().is_empty());
}

#[test]
fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let server = ScriptedServer::with_tls(move |_| Reply::with(status, "location", "/elsewhere"));
        let error = get(&client(&server, LIMITS), &server.origin()).expect_err("a redirect");
        assert!(matches!(error, HttpsError::Redirected { status: told, .. } if told == status), "{error}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn answers_have_a_size_and_a_time() {
    let server = ScriptedServer::with_tls(|request| Reply::json(200, "x".repeat(request.target.len() * 100)));
    let small = client(&server, HttpsLimits { body_bytes: 1_000, ..LIMITS });
    // Ten characters of path make a thousand bytes.
    assert_eq!(get(&small, &format!("{}/123456789", server.origin())).expect("at the limit").body.len(), 1_000);
    let error = get(&small, &format!("{}/1234567890", server.origin())).expect_err("over it");
    assert!(matches!(error, HttpsError::TooLarge { most: 1_000, .. }) && !error.is_transient(), "{error}");

    let server = ScriptedServer::with_tls(|_| Reply::Silent(std::time::Duration::from_secs(30)));
    let hasty = client(&server, HttpsLimits { time_ms: 300, ..LIMITS });
    let error = get(&hasty, &server.origin()).expect_err("too slow");
    assert!(error.to_string().contains("300 ms are over") && error.is_transient(), "{error}");
}

#[test]
fn a_closed_door_is_told_from_a_lost_answer() {
    let server = ScriptedServer::with_tls(|_| Reply::Lost);
    let error = get(&client(&server, LIMITS), &server.origin()).expect_err("lost");
    assert!(matches!(error, HttpsError::NoAnswer { .. }), "it may have arrived: {error}");
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address").port();
    let nobody = format!("localhost:{port}");
    let trust = Trust::Only(vec![server.authority()]);
    let client = HttpsClient::new([nobody.clone()], LIMITS, trust);
    let error = get(&client, &format!("https://{nobody}/")).expect_err("nobody is there");
    assert!(matches!(error, HttpsError::Unreachable { .. }) && error.is_transient(), "{error}");
}

#[test]
fn an_authority_that_is_none_is_told_at_the_first_request() {
    let server = ScriptedServer::with_tls(|_| Reply::json(200, "{}"));
    let trust = Trust::Only(vec![b"no certificate".to_vec().into()]);
    let client = HttpsClient::new([server.host()], LIMITS, trust);
    let error = get(&client, &server.origin()).expect_err("no authority");
    assert!(matches!(error, HttpsError::Setup(_)) && !error.is_transient(), "{error}");
    assert!(server.asked().is_empty());
}
