use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use fake_immuta::{FakeImmuta, FakeUser, Fault, Place, Scope};
use serde_json::{Value, json};

use crate::client::{LONG, client, client_trusting, get, names, read, receive, request, send};

const ALICE: &str = "/bim/iam/bim/user/alice";
const SEARCH: &str = "/bim/user?userid=alice";
const EXCHANGE: &str = "/bim/apikey/authenticate";

/// A server that knows `alice`, who may not impersonate.
fn server_with(fault: Fault) -> FakeImmuta {
    let server = FakeImmuta::start();
    server.put_user(FakeUser::new("alice", &["AUDIT"]));
    server.set_fault(Some(fault));
    server
}

/// The right answer's body.
fn right(server: &FakeImmuta) -> String {
    server.set_fault(None);
    get(server, ALICE).text().unwrap()
}

fn head_and_body(answer: &str) -> (&str, &str) {
    answer.split_once("\r\n\r\n").unwrap()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines();
    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn delay_gives_the_right_answer_late() {
    let server = server_with(Fault::Delay { millis: 60 });
    let start = Instant::now();
    let (status, user) = read(get(&server, ALICE));
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert_eq!((status, &user["userid"]), (200, &json!("alice")));
}

#[test]
fn another_fault_releases_those_who_wait() {
    for fault in [Fault::Hang, Fault::Delay { millis: 60_000 }] {
        for next in [None, Some(Fault::Empty), Some(fault.clone())] {
            let server = server_with(fault.clone());
            let mut stream = send(&server, ALICE);
            assert!(server.wait_for_requests(1, LONG));
            server.set_fault(next);
            let (answer, end) = receive(&mut stream);
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert_eq!(end, None);
        }
    }
}

#[test]
fn hang_reads_the_request_and_sends_nothing() {
    let server = server_with(Fault::Hang);
    let mut stream = send(&server, ALICE);
    assert!(server.wait_for_requests(1, LONG));
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let (answer, end) = receive(&mut stream);
    assert_eq!((answer.as_str(), end), ("", Some(ErrorKind::WouldBlock)));
}

#[test]
fn drip_feed_sends_valid_beginnings_of_json_until_it_is_released() {
    let server = server_with(Fault::DripFeed);
    let mut stream = send(&server, ALICE);
    let mut answer = Vec::new();
    let mut byte = [0];
    // Three chunks of one byte, each with its length and line ends.
    while !answer.ends_with(b"\r\n\r\n1\r\n{\r\n1\r\n\"\r\n1\r\ni\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{answer:?}");
        answer.push(byte[0]);
    }
    server.set_fault(None);
    let (rest, _) = receive(&mut stream);
    assert!(!rest.contains("0\r\n"), "it must not end well: {rest}");
}

#[test]
fn reset_head_breaks_off_in_the_headers_by_a_reset() {
    let server = server_with(Fault::Reset { at: Place::Head });
    let (answer, end) = receive(&mut send(&server, ALICE));
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    assert!("HTTP/1.1 200 OK\r\ncontent-type: application/json".starts_with(&answer));
}

#[test]
fn reset_body_breaks_off_in_the_body_by_a_reset() {
    let server = server_with(Fault::Reset { at: Place::Body });
    let (answer, end) = receive(&mut send(&server, ALICE));
    assert_eq!(end, Some(ErrorKind::ConnectionReset));
    let (head, body) = head_and_body(&answer);
    let right = right(&server);
    assert_eq!(
        header(head, "content-length"),
        Some(&*right.len().to_string())
    );
    assert_eq!(body, &right[..right.len() / 2]);
}

#[test]
fn resets_are_resets_over_tls_too() {
    for at in [Place::Head, Place::Body] {
        let server = server_with(Fault::Reset { at });
        let client = client_trusting(server.ca_pem());
        let request = client.get(format!("{}{ALICE}", server.https_url()));
        let response = request.header("Authorization", server.api_key()).send();
        let error = response.and_then(|response| response.text()).unwrap_err();
        let error = format!("{error:?}");
        assert!(error.contains("ConnectionReset"), "{at:?}: {error}");
    }
}

#[test]
fn status_is_an_error_in_the_apis_shape() {
    for code in [401, 403, 404, 409, 429, 500, 502, 503] {
        let server = server_with(Fault::Status {
            code,
            retry_after: None,
        });
        let response = get(&server, ALICE);
        assert!(!response.headers().contains_key("retry-after"));
        let (status, error) = read(response);
        assert_eq!((status, &error["statusCode"]), (code, &json!(code)));
        assert!(error["error"].is_string() && error["message"].is_string());
    }
}

#[test]
fn status_can_say_when_to_come_back() {
    let server = server_with(Fault::Status {
        code: 429,
        retry_after: Some(7),
    });
    assert_eq!(get(&server, ALICE).headers()["retry-after"], "7");
}

#[test]
fn redirect_leads_to_a_grant_which_needs_no_credentials() {
    let server = server_with(Fault::Redirect);
    let follow = |path: &str| {
        let response = get(&server, path);
        assert_eq!(response.status(), 302);
        let location = response.headers()["location"].to_str().unwrap();
        let url = format!("{}{location}", server.url());
        let (status, answer) = read(client().get(url).send().unwrap());
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let granted = json!(["IMPERSONATE_USER"]);
    let user = follow(ALICE);
    assert_eq!(
        (&user["userid"], &user["permissions"]),
        (&json!("alice"), &granted)
    );
    let page = follow(SEARCH);
    assert_eq!(names(&page), ["alice"]);
    assert_eq!(page["hits"][0]["permissions"], granted);
    assert!(follow(EXCHANGE)["token"].is_string());
    assert_eq!(server.requests().len(), 6, "following a redirect is seen");
}

#[test]
fn html_is_a_page_with_status_200() {
    let server = server_with(Fault::Html);
    let response = get(&server, ALICE);
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
    assert!(response.text().unwrap().starts_with("<!DOCTYPE html>"));
}

#[test]
fn truncated_ends_in_good_order_before_the_promised_length() {
    let server = server_with(Fault::Truncated);
    let (answer, end) = receive(&mut send(&server, ALICE));
    assert_eq!(end, None);
    let (head, body) = head_and_body(&answer);
    let right = right(&server);
    assert_eq!(body, right);
    let promised = (right.len() + 100).to_string();
    assert_eq!(header(head, "content-length"), Some(&*promised));
}

#[test]
fn cut_json_is_complete_but_for_its_json() {
    let server = server_with(Fault::CutJson);
    let (answer, end) = receive(&mut send(&server, ALICE));
    assert_eq!(end, None);
    let (head, body) = head_and_body(&answer);
    assert_eq!(
        header(head, "content-length"),
        Some(&*body.len().to_string())
    );
    let error = serde_json::from_str::<Value>(body).unwrap_err();
    assert!(error.is_eof());
}

#[test]
fn empty_has_no_body() {
    let server = server_with(Fault::Empty);
    let response = get(&server, ALICE);
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().unwrap(), "");
}

#[test]
fn huge_has_no_length_and_is_valid_after_its_first_mebibyte_too() {
    let server = server_with(Fault::Huge);
    let response = get(&server, ALICE);
    assert_eq!(response.content_length(), None);
    let text = response.text().unwrap();
    assert!(text.len() > 2 << 20);
    let right = right(&server);
    for part in [&text[..1 << 20], &text] {
        assert_eq!(
            serde_json::from_str::<Value>(part).unwrap(),
            serde_json::from_str::<Value>(&right).unwrap()
        );
    }
}

#[test]
fn huge_page_has_more_than_ten_thousand_hits_and_the_real_ones_first() {
    let server = server_with(Fault::HugePage);
    let mut hits = 0;
    loop {
        let path = format!("{SEARCH}&size=200&offset={hits}");
        let (_, page) = read(get(&server, &path));
        assert_eq!(page["count"], 10_500);
        let names = names(&page);
        if hits == 0 {
            assert_eq!(names[0], "alice");
        }
        assert!(names.iter().skip(1).all(|name| name.starts_with("alice-")));
        hits += names.len();
        if names.is_empty() {
            break;
        }
    }
    assert_eq!(hits, 10_500);
    assert_eq!(get(&server, ALICE).status(), 200);
}

/// The text of the user in the answers to both ways of asking for him.
fn user_texts(server: &FakeImmuta) -> [String; 2] {
    let found = get(server, SEARCH).text().unwrap();
    let found = found.strip_prefix(r#"{"hits":["#).unwrap();
    let found = found.strip_suffix(r#"],"count":1}"#).unwrap();
    [get(server, ALICE).text().unwrap(), found.to_owned()]
}

#[test]
fn duplicate_keys_grant_the_second_time() {
    let server = server_with(Fault::DuplicateKeys);
    for text in user_texts(&server) {
        let permissions: Vec<_> = text.match_indices(r#""permissions":"#).collect();
        assert_eq!(permissions.len(), 2, "{text}");
        // This parser takes the last of them.
        let user: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(user["permissions"], json!(["IMPERSONATE_USER"]));
    }
}

#[test]
fn deep_nesting_is_brackets() {
    let server = server_with(Fault::DeepNesting);
    assert_eq!(get(&server, ALICE).text().unwrap(), "[".repeat(100_000));
}

#[test]
fn wrong_types_are_strings_of_the_right_values() {
    let server = server_with(Fault::WrongTypes);
    for text in user_texts(&server) {
        let user: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(user["permissions"], "AUDIT");
        assert_eq!(user["disabled"], "false");
    }
}

#[test]
fn missing_fields_are_those_that_decide() {
    let server = server_with(Fault::MissingFields);
    for text in user_texts(&server) {
        let user: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(user["userid"], "alice");
        assert_eq!(user.get("permissions"), None);
        assert_eq!(user.get("disabled"), None);
    }
}

#[test]
fn wrong_content_type_is_the_right_answer_otherwise() {
    for content_type in ["text/plain", "application/octet-stream"] {
        let server = server_with(Fault::WrongContentType {
            content_type: content_type.to_owned(),
        });
        let response = get(&server, ALICE);
        assert_eq!(response.headers()["content-type"], content_type);
        let text = response.text().unwrap();
        assert_eq!(text, right(&server));
    }
}

#[test]
fn wrong_user_is_another_who_may_impersonate() {
    let server = server_with(Fault::WrongUser);
    for text in user_texts(&server) {
        let user: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(user["userid"], "not-alice");
        assert_eq!(user["permissions"], json!(["IMPERSONATE_USER"]));
        assert_eq!(user["disabled"], false);
    }
}

#[test]
fn answer_is_what_the_test_says() {
    let server = server_with(Fault::Answer {
        body: r#"{"disabled":0}"#.to_owned(),
    });
    assert_eq!(read(get(&server, ALICE)), (200, json!({ "disabled": 0 })));
}

#[test]
fn an_exchange_can_go_wrong_like_a_lookup() {
    let server = server_with(Fault::WrongTypes);
    let exchange = || {
        let url = format!("{}{EXCHANGE}", server.url());
        let request = client().post(url);
        let body = json!({ "apikey": server.api_key() });
        request.json(&body).send().unwrap().text().unwrap()
    };
    let parsed = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    assert!(parsed(exchange())["token"].is_array());
    server.set_fault(Some(Fault::MissingFields));
    assert_eq!(parsed(exchange()).get("token"), None);
    server.set_fault(Some(Fault::DuplicateKeys));
    assert_eq!(exchange().matches(r#""token":"#).count(), 2);
}

#[test]
fn a_fault_can_be_limited_to_the_exchange_or_to_the_rest() {
    let server = server_with(Fault::Empty);
    let statuses = || {
        let url = format!("{}{EXCHANGE}", server.url());
        let body = json!({ "apikey": server.api_key() });
        let exchange = client().post(url).json(&body).send().unwrap();
        [
            exchange.status().as_u16(),
            get(&server, ALICE).status().as_u16(),
        ]
    };
    let unavailable = Fault::Status {
        code: 503,
        retry_after: None,
    };
    server.set_fault_on(Scope::Exchange, unavailable.clone());
    assert_eq!(statuses(), [503, 200]);
    server.set_fault_on(Scope::Lookups, unavailable.clone());
    assert_eq!(statuses(), [200, 503]);
    server.set_fault_on(Scope::Everything, unavailable);
    assert_eq!(statuses(), [503, 503]);
}

#[test]
fn after_any_fault_the_server_works_again() {
    let server = FakeImmuta::start();
    server.put_user(FakeUser::new("alice", &[]));
    for known in Fault::catalogue() {
        server.clear_requests();
        server.set_fault(Some(known.fault));
        let mut stream = send(&server, ALICE);
        assert!(server.wait_for_requests(1, LONG), "{}", known.name);
        server.set_fault(None);
        let _ = receive(&mut stream);
        let (status, _) = read(request(&server, ALICE).send().unwrap());
        assert_eq!(status, 200, "{}", known.name);
    }
}
