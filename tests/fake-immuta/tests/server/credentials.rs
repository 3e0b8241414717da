use fake_immuta::{Authorization, FakeImmuta, FakeUser, Fault};
use serde_json::{Value, json};

use crate::client::{client, get, read};

const USERS: &str = "/bim/user";

fn exchange(server: &FakeImmuta, key: &str) -> (u16, Value) {
    let url = format!("{}/bim/apikey/authenticate", server.url());
    read(
        client()
            .post(url)
            .json(&json!({ "apikey": key }))
            .send()
            .unwrap(),
    )
}

fn token(server: &FakeImmuta) -> String {
    let (status, answer) = exchange(server, "fake-immuta-key");
    assert_eq!(status, 200, "{answer}");
    answer["token"].as_str().unwrap().to_owned()
}

/// The status of a request with this header.
fn ask(server: &FakeImmuta, authorization: &str) -> u16 {
    let request = client().get(format!("{}{USERS}", server.url()));
    let response = request
        .header("Authorization", authorization)
        .send()
        .unwrap();
    response.status().as_u16()
}

fn ask_with_token(server: &FakeImmuta, token: &str) -> u16 {
    ask(server, &format!("Bearer {token}"))
}

#[test]
fn without_credentials_nothing_is_said() {
    let server = FakeImmuta::start();
    server.put_user(FakeUser::new("alice", &[]));
    for path in ["/bim/user", "/bim/iam/bim/user/alice", "/bim/group", "/no"] {
        let url = format!("{}{path}", server.url());
        let (status, error) = read(client().get(url).send().unwrap());
        assert_eq!(status, 401, "{path}");
        assert_eq!(error["statusCode"], 401);
        assert_eq!(error["error"], "Unauthorized");
    }
    assert!(
        server
            .requests()
            .iter()
            .all(|seen| seen.authorization == Authorization::None)
    );
}

#[test]
fn the_raw_key_is_enough_until_it_is_not() {
    let server = FakeImmuta::start();
    assert_eq!(ask(&server, server.api_key()), 200);
    assert_eq!(ask(&server, "Bearer fake-immuta-key"), 401);
    server.accept_raw_key(false);
    assert_eq!(ask(&server, server.api_key()), 401);
    assert_eq!(ask_with_token(&server, &token(&server)), 200);
    let seen = server.requests();
    let kinds: Vec<_> = seen.iter().map(|seen| seen.authorization).collect();
    assert_eq!(
        kinds,
        [
            Authorization::RawKey,
            Authorization::Wrong,
            Authorization::RawKey,
            Authorization::None,
            Authorization::Bearer,
        ]
    );
}

#[test]
fn the_exchange_wants_the_right_key() {
    let server = FakeImmuta::start();
    let (status, answer) = exchange(&server, server.api_key());
    assert_eq!((status, &answer["authenticated"]), (200, &json!(true)));
    assert!(answer["tokenExpiration"].is_string());
    let (status, answer) = exchange(&server, "another");
    assert_eq!((status, &answer["statusCode"]), (401, &json!(401)));
    let url = format!("{}/bim/apikey/authenticate", server.url());
    let (status, _) = read(client().post(url).body("no JSON").send().unwrap());
    assert_eq!(status, 400);
}

#[test]
fn an_expired_token_is_refused_and_a_new_one_is_another() {
    let server = FakeImmuta::start();
    let old = token(&server);
    server.expire_tokens();
    assert_eq!(ask_with_token(&server, &old), 401);
    let new = token(&server);
    assert_ne!(old, new);
    assert_eq!(ask_with_token(&server, &new), 200);
}

#[test]
fn a_rotated_key_takes_its_tokens_with_it() {
    let server = FakeImmuta::start();
    let old = token(&server);
    server.set_api_key("new key");
    assert_eq!(ask(&server, "fake-immuta-key"), 401);
    assert_eq!(ask_with_token(&server, &old), 401);
    assert_eq!(exchange(&server, "fake-immuta-key").0, 401);
    assert_eq!(ask(&server, "new key"), 200);
    assert_eq!(exchange(&server, "new key").0, 200);
}

#[test]
fn expired_token_refuses_all_but_a_new_token() {
    let server = FakeImmuta::start();
    let old = token(&server);
    server.set_fault(Some(Fault::ExpiredToken));
    assert_eq!(ask(&server, server.api_key()), 401);
    assert_eq!(ask_with_token(&server, &old), 401);
    assert_eq!(ask_with_token(&server, &token(&server)), 200);
}

#[test]
fn refused_key_refuses_everything() {
    let server = FakeImmuta::start();
    let old = token(&server);
    server.set_fault(Some(Fault::RefusedKey));
    assert_eq!(ask(&server, server.api_key()), 401);
    assert_eq!(ask_with_token(&server, &old), 401);
    assert_eq!(exchange(&server, server.api_key()).0, 401);
    server.set_fault(None);
    assert_eq!(get(&server, USERS).status(), 200);
}

#[test]
fn useless_token_gives_tokens_and_refuses_them() {
    let server = FakeImmuta::start();
    server.set_fault(Some(Fault::UselessToken));
    assert_eq!(ask(&server, server.api_key()), 401);
    assert_eq!(ask_with_token(&server, &token(&server)), 401);
}
