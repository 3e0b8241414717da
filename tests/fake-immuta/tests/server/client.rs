//! Two clients: one that knows HTTP, and one that sees the bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reqwest::Certificate;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::redirect::Policy;
use serde_json::Value;

use fake_immuta::FakeImmuta;

/// Longer than any answer takes on a busy machine, unless it never comes.
pub const LONG: Duration = Duration::from_secs(20);

/// Making one takes a while, so that the tests share it.
static CLIENT: LazyLock<Client> = LazyLock::new(|| trusting(&[]));

/// A client that follows no redirects and trusts these CAs alone. It keeps no connections, which could
/// be to a server that had the port before.
fn trusting(cas: &[Certificate]) -> Client {
    // Fails for all but the first client of the process.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .pool_max_idle_per_host(0)
        .timeout(LONG)
        .tls_certs_only(cas.to_vec())
        .build()
        .unwrap()
}

pub fn client() -> &'static Client {
    &CLIENT
}

/// A client for TLS that trusts this CA, given as PEM.
pub fn client_trusting(ca: &str) -> Client {
    trusting(&[Certificate::from_pem(ca.as_bytes()).unwrap()])
}

pub fn request(server: &FakeImmuta, path: &str) -> RequestBuilder {
    client()
        .get(format!("{}{path}", server.url()))
        .header("Authorization", server.api_key())
}

/// Asks with the raw key.
pub fn get(server: &FakeImmuta, path: &str) -> Response {
    request(server, path).send().unwrap()
}

/// The status and the JSON of an answer.
pub fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().unwrap();
    let value = serde_json::from_str(&text);
    (
        status,
        value.unwrap_or_else(|error| panic!("{error}: {text}")),
    )
}

pub fn names(page: &Value) -> Vec<&str> {
    let hits = page["hits"].as_array().unwrap().iter();
    hits.map(|hit| hit["userid"].as_str().unwrap()).collect()
}

/// Sends a request for a user with the raw key and leaves the answer to be read.
pub fn send(server: &FakeImmuta, path: &str) -> TcpStream {
    let address = server.url();
    let address = address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
        server.api_key()
    )
    .unwrap();
    stream
}

/// All bytes of an answer until the connection ends, and how it ends: `None` if in good order.
pub fn receive(stream: &mut TcpStream) -> (String, Option<ErrorKind>) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let start = Instant::now();
    let end = loop {
        match stream.read(&mut piece) {
            Ok(0) => break None,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) => break Some(error.kind()),
        }
        assert!(start.elapsed() < LONG, "an answer without end");
    };
    (String::from_utf8(bytes).unwrap(), end)
}
