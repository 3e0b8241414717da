//! A server that goes and comes back at the same port. Alone in its program: another server that starts
//! at this time might take the port.

use std::io::{Read, Write};
use std::net::TcpStream;

use fake_immuta::{FakeImmuta, Fault, Options};

fn port(url: &str) -> u16 {
    let (_, port) = url.rsplit_once(':').unwrap();
    port.parse().unwrap()
}

fn ask(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_dropped_server_refuses_connections_and_another_can_take_its_port() {
    let server = FakeImmuta::start();
    let ports = [
        server.url(),
        server.https_url(),
        server.https_wrong_name_url(),
        server.https_unknown_ca_url(),
        server.control_url(),
    ]
    .map(|url| port(&url));
    // A connection that the server closes first keeps the port busy for a while.
    server.set_fault(Some(Fault::Truncated));
    assert!(ask(ports[0]).starts_with("HTTP/1.1 401 "));
    drop(server);
    for port in ports {
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    }
    let again = FakeImmuta::start_with(&Options {
        port: ports[0],
        ..Options::default()
    });
    let again = again.unwrap();
    assert_eq!(port(&again.url()), ports[0]);
    assert!(ask(ports[0]).starts_with("HTTP/1.1 401 "));
}
