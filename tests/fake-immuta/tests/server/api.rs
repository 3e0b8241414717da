use std::collections::BTreeSet;
use std::time::Duration;

use fake_immuta::{Authorization, FakeImmuta, FakeUser, SeenRequest};
use serde_json::json;

use crate::client::{client, get, names, read};

#[test]
fn a_user_has_all_fields_of_the_documented_object_and_no_groups() {
    let server = FakeImmuta::start();
    let mut alice = FakeUser::new("alice", &["AUDIT", "IMPERSONATE_USER"]);
    alice.groups.push("analysts".to_owned());
    server.put_user(alice);

    let (status, user) = read(get(&server, "/bim/iam/bim/user/alice"));

    assert_eq!(status, 200);
    let fields = user.as_object().unwrap().keys().map(String::as_str);
    let documented = "id iamid userid bimAuthorizations iamAuthorizations authorizations permissions \
        profile authentication systemGenerated lastLogin lastExternalRefresh disabled createdAt updatedAt";
    assert_eq!(
        fields.collect::<BTreeSet<_>>(),
        documented.split_whitespace().collect()
    );
    assert_eq!(user["iamid"], "bim");
    assert_eq!(user["userid"], "alice");
    assert_eq!(user["permissions"], json!(["AUDIT", "IMPERSONATE_USER"]));
    assert_eq!(user["disabled"], false);
}

#[test]
fn answers_are_json() {
    let server = FakeImmuta::start();
    let response = get(&server, "/bim/user");
    let content_type = response.headers()["content-type"].to_str().unwrap();
    assert_eq!(content_type, "application/json; charset=utf-8");
}

#[test]
fn one_name_in_two_iams_is_two_users() {
    let server = FakeImmuta::start();
    server.put_user(FakeUser::new("alice", &["IMPERSONATE_USER"]));
    server.put_user(FakeUser {
        iamid: "okta".to_owned(),
        disabled: true,
        ..FakeUser::new("alice", &[])
    });

    let (_, in_bim) = read(get(&server, "/bim/iam/bim/user/alice"));
    let (_, in_okta) = read(get(&server, "/bim/iam/okta/user/alice"));
    let (_, found) = read(get(&server, "/bim/user?userid=alice"));
    let (_, of_okta) = read(get(&server, "/bim/user?userid=alice&iamid=okta"));

    assert_eq!(in_bim["disabled"], false);
    assert_eq!(in_okta["disabled"], true);
    assert_ne!(in_bim["id"], in_okta["id"]);
    assert_eq!(found["hits"], json!([in_bim, in_okta]));
    assert_eq!(of_okta["hits"], json!([in_okta]));
}

#[test]
fn a_name_with_any_characters_is_found_by_its_encoded_path() {
    let server = FakeImmuta::start();
    server.put_user(FakeUser::new("a/b?c%20d ü", &[]));
    let (status, user) = read(get(&server, "/bim/iam/bim/user/a%2Fb%3Fc%2520d%20%C3%BC"));
    assert_eq!((status, &user["userid"]), (200, &json!("a/b?c%20d ü")));
}

#[test]
fn a_lookup_in_an_iam_takes_the_exact_name_only() {
    let server = FakeImmuta::start();
    server.put_user(FakeUser::new("alice", &[]));
    for name in ["ALICE", "alic", "malice"] {
        let (status, error) = read(get(&server, &format!("/bim/iam/bim/user/{name}")));
        assert_eq!(status, 404, "{name}");
        assert_eq!(error["statusCode"], 404);
        assert_eq!(error["error"], "Not Found");
    }
}

#[test]
fn a_search_finds_substrings_in_any_case() {
    let server = FakeImmuta::start();
    for name in ["malice", "bob", "Alice", "alice"] {
        server.put_user(FakeUser::new(name, &[]));
    }
    let (_, page) = read(get(&server, "/bim/user?userid=aLice"));
    assert_eq!(names(&page), ["malice", "Alice", "alice"]);
    assert_eq!(page["count"], 3);
    let (_, page) = read(get(&server, "/bim/user?userid=nobody"));
    assert_eq!(page, json!({ "hits": [], "count": 0 }));
}

#[test]
fn pages_are_those_that_were_asked_for_and_the_count_is_of_all() {
    let server = FakeImmuta::start();
    for number in 0..205 {
        server.put_user(FakeUser::new(&format!("u{number}"), &[]));
    }
    let hits = |query: &str| {
        let (_, page) = read(get(&server, &format!("/bim/user?userid=u&{query}")));
        assert_eq!(page["count"], 205, "{query}");
        names(&page).iter().map(|&name| name.to_owned()).collect()
    };
    let expected = |range: std::ops::Range<u32>| -> Vec<String> {
        range.map(|number| format!("u{number}")).collect()
    };
    let page: Vec<String> = hits("size=2&offset=3");
    assert_eq!(page, expected(3..5));
    assert_eq!(hits(""), expected(0..50), "a page has 50 unless told");
    assert_eq!(hits("size=1000"), expected(0..200), "and 200 at most");
    assert_eq!(hits("size=200&offset=200"), expected(200..205));
    assert_eq!(hits("offset=205"), expected(0..0));
    assert_eq!(hits("offset=18446744073709551615"), expected(0..0));
}

#[test]
fn a_user_can_be_replaced_and_removed() {
    let server = FakeImmuta::start();
    server.put_user(FakeUser::new("alice", &["IMPERSONATE_USER"]));
    let (_, before) = read(get(&server, "/bim/iam/bim/user/alice"));
    server.put_user(FakeUser::new("alice", &[]));
    let (_, after) = read(get(&server, "/bim/iam/bim/user/alice"));
    assert_eq!(after["permissions"], json!([]));
    assert_eq!(after["id"], before["id"]);

    server.remove_user("okta", "alice");
    assert_eq!(get(&server, "/bim/iam/bim/user/alice").status(), 200);
    server.remove_user("bim", "alice");
    assert_eq!(get(&server, "/bim/iam/bim/user/alice").status(), 404);
}

#[test]
fn groups_are_listed_once_and_without_members() {
    let server = FakeImmuta::start();
    for (name, groups) in [("alice", ["a", "b"]), ("bob", ["b", "c"])] {
        server.put_user(FakeUser {
            groups: groups.map(str::to_owned).to_vec(),
            ..FakeUser::new(name, &[])
        });
    }
    let (_, page) = read(get(&server, "/bim/group?size=2&offset=1"));
    assert_eq!(page["count"], 3);
    let hits = page["hits"].as_array().unwrap();
    let names = hits.iter().map(|hit| hit["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["b", "c"]);
    assert!(!page.to_string().contains("alice"));
}

#[test]
fn another_path_has_no_endpoint() {
    let server = FakeImmuta::start();
    let (status, error) = read(get(&server, "/bim/nothing"));
    assert_eq!((status, &error["statusCode"]), (404, &json!(404)));
}

#[test]
fn requests_are_noted_as_they_came_without_their_credentials() {
    let server = FakeImmuta::start();
    let _ = get(&server, "/bim/user?userid=a%20b&size=1");
    let wrong = client().get(format!("{}/nowhere", server.url()));
    let _ = wrong.header("Authorization", "another key").send().unwrap();

    let expected = |path: &str, authorization| SeenRequest {
        method: "GET".to_owned(),
        path: path.to_owned(),
        authorization,
    };
    assert_eq!(
        server.requests(),
        [
            expected("/bim/user?userid=a%20b&size=1", Authorization::RawKey),
            expected("/nowhere", Authorization::Wrong),
        ]
    );
    assert!(!format!("{:?}", server.requests()).contains("key"));
    server.clear_requests();
    assert_eq!(server.requests(), []);
}

#[test]
fn waiting_for_requests_says_whether_they_came() {
    let server = FakeImmuta::start();
    assert!(!server.wait_for_requests(1, Duration::from_millis(10)));
    let _ = get(&server, "/bim/user");
    assert!(server.wait_for_requests(1, Duration::ZERO));
    assert!(!server.wait_for_requests(2, Duration::ZERO));
}
