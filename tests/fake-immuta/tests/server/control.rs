use std::io::ErrorKind;

use fake_immuta::{FakeImmuta, FakeUser};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{LONG, client, get, read, receive, send};

const ALICE: &str = "/bim/iam/bim/user/alice";

/// The status of a request to the control API.
fn control(server: &FakeImmuta, method: Method, path: &str, body: Option<Value>) -> u16 {
    let mut request = client().request(method, format!("{}{path}", server.control_url()));
    if let Some(body) = body {
        request = request.json(&body);
    }
    request.send().unwrap().status().as_u16()
}

fn fetch(server: &FakeImmuta, path: &str) -> Value {
    let url = format!("{}{path}", server.control_url());
    read(client().get(url).send().unwrap()).1
}

#[test]
fn users_are_added_and_removed() {
    let server = FakeImmuta::start();
    let alice = json!({ "userid": "alice", "permissions": ["IMPERSONATE_USER"] });
    assert_eq!(control(&server, Method::PUT, "/users", Some(alice)), 204);
    let (_, user) = read(get(&server, ALICE));
    assert_eq!(user["permissions"], json!(["IMPERSONATE_USER"]));
    let path = "/users/bim/alice";
    assert_eq!(control(&server, Method::DELETE, path, None), 204);
    assert_eq!(get(&server, ALICE).status(), 404);
    assert_eq!(control(&server, Method::DELETE, path, None), 404);
}

#[test]
fn a_misspelt_field_is_refused() {
    let server = FakeImmuta::start();
    let alice = json!({ "userid": "alice", "permission": ["IMPERSONATE_USER"] });
    assert_eq!(control(&server, Method::PUT, "/users", Some(alice)), 422);
    let fault = json!({ "kind": "hangs" });
    assert_eq!(control(&server, Method::PUT, "/fault", Some(fault)), 422);
}

#[test]
fn faults_are_set_limited_and_cleared() {
    let server = FakeImmuta::start();
    server.put_user(FakeUser::new("alice", &[]));
    let fault = json!({ "kind": "status", "code": 429, "retry_after": 3 });
    assert_eq!(
        control(&server, Method::PUT, "/fault", Some(fault.clone())),
        204
    );
    let response = get(&server, ALICE);
    assert_eq!(response.headers()["retry-after"], "3");
    assert_eq!(response.status(), 429);
    let limited = "/fault?on=exchange";
    assert_eq!(control(&server, Method::PUT, limited, Some(fault)), 204);
    assert_eq!(get(&server, ALICE).status(), 200);
    let reset = json!({ "kind": "reset", "at": "head" });
    assert_eq!(control(&server, Method::PUT, "/fault", Some(reset)), 204);
    let (_, end) = receive(&mut send(&server, ALICE));
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    assert_eq!(control(&server, Method::DELETE, "/fault", None), 204);
    assert_eq!(get(&server, ALICE).status(), 200);
}

#[test]
fn clearing_a_fault_releases_what_hangs() {
    let server = FakeImmuta::start();
    let hang = json!({ "kind": "hang" });
    assert_eq!(control(&server, Method::PUT, "/fault", Some(hang)), 204);
    let mut stream = send(&server, ALICE);
    assert!(server.wait_for_requests(1, LONG));
    assert_eq!(control(&server, Method::DELETE, "/fault", None), 204);
    let (answer, _) = receive(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
fn every_fault_of_the_catalogue_can_be_set() {
    let server = FakeImmuta::start();
    let catalogue = fetch(&server, "/faults");
    for known in catalogue.as_array().unwrap() {
        let fault = known["fault"].clone();
        let status = control(&server, Method::PUT, "/fault", Some(fault));
        assert_eq!(status, 204, "{known}");
    }
}

#[test]
fn requests_to_the_api_are_shown_and_forgotten_and_those_to_control_are_not_among_them() {
    let server = FakeImmuta::start();
    let _ = get(&server, "/bim/user?userid=a%20b");
    assert_eq!(
        fetch(&server, "/requests"),
        json!({
            "count": 1,
            "requests": [
                { "method": "GET", "path": "/bim/user?userid=a%20b", "authorization": "raw-key" },
            ],
        })
    );
    assert_eq!(control(&server, Method::DELETE, "/requests", None), 204);
    assert_eq!(
        fetch(&server, "/requests"),
        json!({ "count": 0, "requests": [] })
    );
}

#[test]
fn credentials_are_changed() {
    let server = FakeImmuta::start();
    let exchange = |key: &str| {
        let url = format!("{}/bim/apikey/authenticate", server.url());
        let body = json!({ "apikey": key });
        read(client().post(url).json(&body).send().unwrap()).1
    };
    let ask = |authorization: &str| {
        let request = client().get(format!("{}/bim/user", server.url()));
        let response = request.header("Authorization", authorization).send();
        response.unwrap().status().as_u16()
    };
    let token = exchange(server.api_key())["token"].clone();
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    assert_eq!(ask(&bearer), 200);
    assert_eq!(control(&server, Method::POST, "/tokens/expire", None), 204);
    assert_eq!(ask(&bearer), 401);

    let refused = json!({ "accepted": false });
    assert_eq!(
        control(&server, Method::PUT, "/raw-key", Some(refused)),
        204
    );
    assert_eq!(ask(server.api_key()), 401);
    let accepted = json!({ "accepted": true });
    assert_eq!(
        control(&server, Method::PUT, "/raw-key", Some(accepted)),
        204
    );
    let key = json!({ "apiKey": "new" });
    assert_eq!(control(&server, Method::PUT, "/api-key", Some(key)), 204);
    assert_eq!(ask(server.api_key()), 401);
    assert_eq!(ask("new"), 200);
}
