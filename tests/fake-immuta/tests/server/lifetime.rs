use std::io::Read;
use std::net::TcpStream;
use std::time::Instant;

use fake_immuta::{FakeImmuta, Fault, Options, StartError};

use crate::client::{LONG, client_trusting, get, receive, send};

fn port(url: &str) -> u16 {
    let (_, port) = url.rsplit_once(':').unwrap();
    port.parse().unwrap()
}

#[test]
fn dropping_the_server_ends_what_hangs() {
    for fault in [
        Fault::Hang,
        Fault::DripFeed,
        Fault::Delay { millis: 60_000 },
    ] {
        let server = FakeImmuta::start();
        server.set_fault(Some(fault));
        let mut stream = send(&server, "/bim/user");
        assert!(server.wait_for_requests(1, LONG));
        let start = Instant::now();
        drop(server);
        // The end of the connection, however it comes: not the timeout.
        let _ = receive(&mut stream);
        assert!(start.elapsed() < LONG / 2);
    }
}

#[test]
fn a_taken_port_is_an_error() {
    let server = FakeImmuta::start();
    let options = Options {
        port: port(&server.url()),
        ..Options::default()
    };
    let error = FakeImmuta::start_with(&options).err().unwrap();
    assert!(matches!(error, StartError::Serve(_)));
}

#[test]
fn a_client_that_never_finishes_its_handshake_keeps_nobody_out() {
    let server = FakeImmuta::start();
    let silent = TcpStream::connect(("127.0.0.1", port(&server.https_url()))).unwrap();
    let client = client_trusting(server.ca_pem());
    let request = client.get(format!("{}/bim/user", server.https_url()));
    let response = request.header("Authorization", server.api_key()).send();
    assert_eq!(response.unwrap().status(), 200);
    drop(server);
    drop(silent);
}

#[test]
fn hundreds_of_requests_can_hang_at_once() {
    let server = FakeImmuta::start();
    server.set_fault(Some(Fault::Hang));
    let streams: Vec<TcpStream> = (0..200).map(|_| send(&server, "/bim/user")).collect();
    assert!(server.wait_for_requests(200, LONG));
    server.set_fault(None);
    for mut stream in streams {
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 503");
    }
}

#[test]
fn two_servers_know_nothing_of_each_other() {
    let (one, other) = (FakeImmuta::start(), FakeImmuta::start());
    one.set_fault(Some(Fault::Empty));
    assert_ne!(get(&other, "/bim/user").text().unwrap(), "");
    assert_eq!(one.requests(), []);
    assert_ne!(one.ca_pem(), other.ca_pem());
}
