use std::fs;
use std::path::PathBuf;
use std::process;

use fake_immuta::{FakeImmuta, Options};

use crate::client::client_trusting;

/// The status of a request by a client that trusts the server's CA and no other, or why there is none.
fn ask(server: &FakeImmuta, url: &str) -> Result<u16, String> {
    let request = client_trusting(server.ca_pem()).get(format!("{url}/bim/user"));
    match request.header("Authorization", server.api_key()).send() {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(format!("{error:?}")),
    }
}

#[test]
fn the_right_certificate_is_trusted_by_name_and_address() {
    let server = FakeImmuta::start();
    let url = server.https_url();
    assert!(url.starts_with("https://localhost:"));
    assert_eq!(ask(&server, &url), Ok(200));
    assert_eq!(
        ask(&server, &url.replace("localhost", "127.0.0.1")),
        Ok(200)
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_certificate_for_another_host_is_wrong_in_that_alone() {
    let server = FakeImmuta::start();
    let error = ask(&server, &server.https_wrong_name_url()).unwrap_err();
    assert!(error.contains("NotValidForName"), "{error}");
    assert_eq!(server.requests(), []);
}

#[test]
fn a_certificate_of_another_ca_is_wrong_in_that_alone() {
    let server = FakeImmuta::start();
    let error = ask(&server, &server.https_unknown_ca_url()).unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
    assert_eq!(server.requests(), []);
}

fn identity(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!("{name}-{}.pem", process::id()))
}

#[test]
fn who_trusts_a_server_trusts_the_next_one_with_the_same_identity() {
    let file = identity("kept");
    let options = Options {
        identity: Some(file.clone()),
        ..Options::default()
    };
    let first = FakeImmuta::start_with(&options).unwrap();
    assert_eq!(ask(&first, &first.https_url()), Ok(200));
    let second = FakeImmuta::start_with(&options).unwrap();
    assert_eq!(ask(&first, &second.https_url()), Ok(200));
    assert_eq!(first.ca_pem(), second.ca_pem());
    let error = ask(&second, &second.https_wrong_name_url()).unwrap_err();
    assert!(error.contains("InvalidCertificate"), "{error}");
    fs::remove_file(file).unwrap();
}

#[test]
fn an_identity_that_cannot_be_read_stops_the_start() {
    let file = identity("broken");
    fs::write(&file, "no certificate").unwrap();
    let options = Options {
        identity: Some(file.clone()),
        ..Options::default()
    };
    let error = FakeImmuta::start_with(&options).err().unwrap();
    assert!(error.to_string().contains("that was kept"), "{error}");
    fs::remove_file(file).unwrap();
}
