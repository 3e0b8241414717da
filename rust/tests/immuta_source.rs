//! The Immuta API source, asked over the network, against the stand-in and against raw sockets.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use fake_immuta::{Authorization, FakeImmuta, FakeUser, Fault, Scope};
use immuta_impersonation::name::Folding;
use immuta_impersonation::source::immuta::{ApiKey, Endpoint, ImmutaSource, OpenError, Settings};
use immuta_impersonation::source::lookup::{Lookup, LookupError};
use immuta_impersonation::user::User;
use tempfile::TempDir;

/// Enough for every answer that is meant to come.
const PATIENT: Duration = Duration::from_secs(10);
/// For answers that are not meant to come.
const SHORT: Duration = Duration::from_millis(400);
/// What a machine under load may take besides.
const SLACK: Duration = Duration::from_secs(2);
const IMPERSONATE_USER: &str = "IMPERSONATE_USER";
const SECRET: &str = "fake-immuta-key";
const TOKEN: &str = "fake-immuta-token";
const BOTH_WAYS: [Option<&str>; 2] = [None, Some("bim")];

/// How long an answer is waited for under a fault. A loaded machine must not turn others into these.
fn time_for(fault: &str) -> Duration {
    match fault {
        "delay" | "drip-feed" | "hang" => SHORT,
        _ => PATIENT,
    }
}

fn settings(url: &str, iam: Option<&str>) -> Settings {
    Settings {
        endpoint: Endpoint::parse(url, true).unwrap(),
        key: ApiKey::Value(SECRET.to_owned().into()),
        iam: iam.map(str::to_owned),
        ca_file: None,
        timeout: PATIENT,
        folding: Folding::Exact,
    }
}

fn write_secret(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

fn source(server: &FakeImmuta, iam: Option<&str>) -> ImmutaSource {
    ImmutaSource::open(&settings(&server.url(), iam)).unwrap()
}

fn folding(server: &FakeImmuta, iam: Option<&str>) -> ImmutaSource {
    ImmutaSource::open(&Settings {
        folding: Folding::CaseInsensitive,
        ..settings(&server.url(), iam)
    })
    .unwrap()
}

fn in_iam(iamid: &str, user: FakeUser) -> FakeUser {
    FakeUser {
        iamid: iamid.to_owned(),
        ..user
    }
}

fn holder(userid: &str) -> FakeUser {
    FakeUser::new(userid, &[IMPERSONATE_USER])
}

fn known(source: &ImmutaSource, name: &str) -> User {
    let answer = source.look_up(name, PATIENT);
    answer
        .unwrap_or_else(|error| panic!("{name:?}: {error}"))
        .unwrap_or_else(|| panic!("{name:?} is unknown"))
}

#[track_caller]
fn outage(result: Result<Option<User>, LookupError>) -> String {
    match result {
        Err(LookupError::Outage { problem, .. }) => problem,
        other => panic!("not an outage: {other:?}"),
    }
}

#[track_caller]
fn bad_answer(result: Result<Option<User>, LookupError>) -> String {
    match result {
        Err(LookupError::Answer { problem }) => problem,
        other => panic!("not a bad answer: {other:?}"),
    }
}

fn seen(server: &FakeImmuta) -> Vec<(String, String, Authorization)> {
    let requests = server.requests().into_iter();
    requests
        .map(|seen| (seen.method, seen.path, seen.authorization))
        .collect()
}

fn count_exchanges(server: &FakeImmuta) -> usize {
    let requests = server.requests();
    requests.iter().filter(|seen| seen.method == "POST").count()
}

mod users {
    use super::*;

    #[test]
    fn whoever_holds_exactly_impersonate_user_may_impersonate() {
        let server = FakeImmuta::start();
        server.put_user(FakeUser::new("holder", &["AUDIT", IMPERSONATE_USER]));
        server.put_user(FakeUser::new("hdfs", &["IMPERSONATE_HDFS_USER"]));
        server.put_user(FakeUser::new("nobody", &[]));
        for iam in BOTH_WAYS {
            let source = source(&server, iam);
            for (name, may_impersonate) in [("holder", true), ("hdfs", false), ("nobody", false)] {
                let expected = User::new(may_impersonate);
                assert_eq!(known(&source, name), expected, "{name} {iam:?}");
            }
            assert_eq!(source.look_up("stranger", PATIENT), Ok(None), "{iam:?}");
        }
    }

    #[test]
    fn a_disabled_user_is_disabled() {
        let server = FakeImmuta::start();
        server.put_user(FakeUser {
            disabled: true,
            ..holder("carol")
        });
        for iam in BOTH_WAYS {
            assert!(known(&source(&server, iam), "carol").disabled, "{iam:?}");
        }
    }

    #[test]
    fn groups_do_not_come_from_immuta() {
        let server = FakeImmuta::start();
        server.put_user(FakeUser {
            groups: vec!["bi".to_owned()],
            ..holder("alice")
        });
        for iam in BOTH_WAYS {
            let alice = known(&source(&server, iam), "alice");
            assert!(alice.groups().is_empty(), "{iam:?}");
        }
    }

    #[test]
    fn alice_is_never_answered_by_malice() {
        let server = FakeImmuta::start();
        for other in ["malice", "alice2", "not-alice", "ALICE", "Alice", "alice "] {
            server.put_user(holder(other));
        }
        for iam in BOTH_WAYS {
            let source = source(&server, iam);
            assert_eq!(source.look_up("alice", PATIENT), Ok(None), "{iam:?}");
        }
        server.put_user(FakeUser::new("alice", &[]));
        for iam in BOTH_WAYS {
            let alice = known(&source(&server, iam), "alice");
            assert!(!alice.may_impersonate, "{iam:?}");
        }
    }

    #[test]
    fn a_folded_name_finds_the_user_however_immuta_writes_it() {
        let server = FakeImmuta::start();
        server.put_user(holder("Alice.Ünal@Example.COM"));
        server.put_user(holder("Malice.Ünal@Example.COM"));
        for iam in BOTH_WAYS {
            let folding = folding(&server, iam);
            assert!(known(&folding, "alice.ünal@example.com").may_impersonate);
            let exact = source(&server, iam);
            assert_eq!(exact.look_up("alice.ünal@example.com", PATIENT), Ok(None));
        }
    }

    #[test]
    fn two_users_of_one_folded_name_are_ambiguous() {
        let server = FakeImmuta::start();
        server.put_user(holder("Alice"));
        server.put_user(FakeUser::new("ALICE", &[]));
        for iam in BOTH_WAYS {
            let problem = bad_answer(folding(&server, iam).look_up("alice", PATIENT));
            assert!(problem.contains("\"Alice\" of IAM \"bim\""), "{problem}");
            assert!(problem.contains("\"ALICE\" of IAM \"bim\""), "{problem}");
        }
    }

    #[test]
    fn one_name_in_two_iams_is_ambiguous_until_an_iam_is_set() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        server.put_user(in_iam("okta", FakeUser::new("alice", &[])));
        let problem = bad_answer(source(&server, None).look_up("alice", PATIENT));
        for part in ["\"bim\"", "\"okta\"", "immuta.iam"] {
            assert!(problem.contains(part), "{problem}");
        }
        assert!(known(&source(&server, Some("bim")), "alice").may_impersonate);
        assert!(!known(&source(&server, Some("okta")), "alice").may_impersonate);
        let elsewhere = source(&server, Some("ldap")).look_up("alice", PATIENT);
        assert_eq!(elsewhere, Ok(None));
    }

    #[test]
    fn every_page_is_looked_through() {
        let server = FakeImmuta::start();
        for number in 0..450 {
            server.put_user(FakeUser::new(&format!("alice{number}"), &[]));
        }
        server.put_user(holder("alice"));
        let source = source(&server, None);
        assert!(known(&source, "alice").may_impersonate);
        let paths: Vec<String> = seen(&server).into_iter().map(|(_, path, _)| path).collect();
        let expected =
            [0, 200, 400].map(|offset| format!("/bim/user?userid=alice&size=200&offset={offset}"));
        assert_eq!(paths, expected);
    }

    #[test]
    fn two_users_of_one_name_are_ambiguous_however_far_apart_they_are() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        for number in 0..399 {
            server.put_user(FakeUser::new(&format!("alice{number}"), &[]));
        }
        server.put_user(in_iam("okta", FakeUser::new("alice", &[])));
        let problem = bad_answer(source(&server, None).look_up("alice", PATIENT));
        assert!(problem.contains("\"okta\""), "{problem}");
    }

    #[test]
    fn a_name_goes_over_the_wire_as_it_is() {
        let server = FakeImmuta::start();
        for (name, encoded) in [
            ("alice@example.com", "alice%40example.com"),
            ("a b", "a%20b"),
            ("a+b", "a%2Bb"),
            ("a/b", "a%2Fb"),
            ("/", "%2F"),
            ("../alice", "..%2Falice"),
            ("a\\b", "a%5Cb"),
            ("a%2Fb", "a%252Fb"),
            ("%", "%25"),
            ("%2e%2e", "%252e%252e"),
            ("a?b=c", "a%3Fb%3Dc"),
            ("a&userid=b", "a%26userid%3Db"),
            ("a#b", "a%23b"),
            ("a;b,c", "a%3Bb%2Cc"),
            ("...", "..."),
            (".a", ".a"),
            ("-._~", "-._~"),
            (
                "\"'<>{}|^`[]!$()*:=",
                "%22%27%3C%3E%7B%7D%7C%5E%60%5B%5D%21%24%28%29%2A%3A%3D",
            ),
            ("ünï", "%C3%BCn%C3%AF"),
            ("💧", "%F0%9F%92%A7"),
        ] {
            server.put_user(holder(name));
            server.clear_requests();
            assert!(known(&source(&server, None), name).may_impersonate);
            assert!(known(&source(&server, Some("bim")), name).may_impersonate);
            let paths: Vec<String> = seen(&server).into_iter().map(|(_, path, _)| path).collect();
            assert_eq!(
                paths,
                [
                    format!("/bim/user?userid={encoded}&size=200&offset=0"),
                    format!("/bim/iam/bim/user/{encoded}"),
                ],
                "{name:?}"
            );
            server.remove_user("bim", name);
        }
    }

    #[test]
    fn a_name_that_means_a_folder_never_makes_a_path() {
        let server = FakeImmuta::start();
        for name in [".", ".."] {
            server.put_user(holder(name));
            assert!(known(&source(&server, None), name).may_impersonate);
            server.clear_requests();
            let problem = bad_answer(source(&server, Some("bim")).look_up(name, PATIENT));
            assert!(problem.contains(&format!("{name:?}")), "{problem}");
            assert_eq!(server.requests(), []);
        }
    }

    #[test]
    fn the_name_of_an_iam_is_encoded_too() {
        let server = FakeImmuta::start();
        server.put_user(in_iam("my okta/1", holder("alice")));
        assert!(known(&source(&server, Some("my okta/1")), "alice").may_impersonate);
        assert_eq!(seen(&server)[0].1, "/bim/iam/my%20okta%2F1/user/alice");
    }

    #[test]
    fn a_base_path_stays_in_front() {
        let server = FakeImmuta::start();
        let settings = settings(&format!("{}/base/", server.url()), None);
        let source = ImmutaSource::open(&settings).unwrap();
        outage(source.look_up("alice", PATIENT));
        let path = &seen(&server)[0].1;
        assert_eq!(path, "/base/bim/user?userid=alice&size=200&offset=0");
    }

    #[test]
    fn a_wrong_base_url_is_not_an_unknown_user() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        for iam in BOTH_WAYS {
            let settings = settings(&format!("{}/wrong", server.url()), iam);
            let source = ImmutaSource::open(&settings).unwrap();
            let problem = outage(source.look_up("alice", PATIENT));
            assert!(problem.contains("404"), "{problem}");
            assert!(problem.contains("immuta.endpoint"), "{problem}");
        }
    }
}

mod credentials {
    use super::*;
    use Authorization::{Bearer, None as Nothing, RawKey, Wrong};

    fn kinds(server: &FakeImmuta) -> Vec<(&'static str, Authorization)> {
        let requests = server.requests().into_iter();
        requests
            .map(|seen| match seen.method.as_str() {
                "GET" => ("GET", seen.authorization),
                "POST" => ("POST", seen.authorization),
                other => panic!("{other}"),
            })
            .collect()
    }

    #[test]
    fn the_raw_key_is_used_while_immuta_takes_it() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        let source = source(&server, None);
        known(&source, "alice");
        known(&source, "alice");
        assert_eq!(kinds(&server), [("GET", RawKey), ("GET", RawKey)]);
    }

    #[test]
    fn a_token_is_kept_until_it_is_refused() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        server.accept_raw_key(false);
        let source = source(&server, None);
        known(&source, "alice");
        known(&source, "alice");
        server.expire_tokens();
        known(&source, "alice");
        known(&source, "alice");
        assert_eq!(
            kinds(&server),
            [
                ("GET", RawKey),
                ("POST", Nothing),
                ("GET", Bearer),
                ("GET", Bearer),
                ("GET", Wrong),
                ("POST", Nothing),
                ("GET", Bearer),
                ("GET", Bearer),
            ]
        );
        assert_eq!(server.requests()[1].path, "/bim/apikey/authenticate");
    }

    #[test]
    fn a_token_that_helps_nothing_is_not_exchanged_again() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        server.set_fault(Some(Fault::UselessToken));
        let source = source(&server, Some("bim"));
        let problem = outage(source.look_up("alice", PATIENT));
        assert!(problem.contains("401"), "{problem}");
        assert!(problem.contains("immuta.apikey"), "{problem}");
        assert_eq!(
            kinds(&server),
            [("GET", RawKey), ("POST", Nothing), ("GET", Bearer)]
        );
    }

    #[test]
    fn a_wrong_key_is_an_outage_that_names_the_property() {
        let server = FakeImmuta::start();
        server.set_api_key("another");
        let problem = outage(source(&server, None).look_up("alice", PATIENT));
        assert!(problem.contains("refused the API key"), "{problem}");
        assert!(problem.contains("check immuta.apikey"), "{problem}");
        assert_eq!(kinds(&server), [("GET", Wrong), ("POST", Nothing)]);
    }

    #[test]
    fn threads_that_are_refused_together_make_one_exchange() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        server.accept_raw_key(false);
        let source = source(&server, None);
        let threads = 16;
        let barrier = Barrier::new(threads);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    barrier.wait();
                    assert!(known(&source, "alice").may_impersonate);
                });
            }
        });
        assert_eq!(count_exchanges(&server), 1);
    }

    #[test]
    fn a_thread_that_waits_for_anothers_exchange_waits_no_longer_than_its_time() {
        let server = FakeImmuta::start();
        server.accept_raw_key(false);
        server.set_fault_on(Scope::Exchange, Fault::Hang);
        let source = source(&server, None);
        thread::scope(|scope| {
            let leader = scope.spawn(|| source.look_up("alice", PATIENT));
            assert!(server.wait_for_requests(2, PATIENT));
            let begin = Instant::now();
            let problem = outage(source.look_up("alice", SHORT));
            assert!(begin.elapsed() < SHORT + SLACK);
            assert!(problem.contains("400 ms"), "{problem}");
            assert!(problem.contains(&server.url()), "{problem}");
            server.set_fault(None);
            outage(leader.join().unwrap());
        });
        assert_eq!(count_exchanges(&server), 1);
    }

    #[test]
    fn a_key_that_changes_in_its_file_needs_no_restart() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("key");
        write_secret(&path, format!("{SECRET}\n"));
        let source = ImmutaSource::open(&Settings {
            key: ApiKey::File(path.clone()),
            ..settings(&server.url(), None)
        })
        .unwrap();
        known(&source, "alice");

        server.set_api_key("rotated");
        let problem = outage(source.look_up("alice", PATIENT));
        assert!(problem.contains("immuta.apikey-file"), "{problem}");
        write_secret(&path, "rotated\r\n");
        known(&source, "alice");

        server.expire_tokens();
        fs::remove_file(&path).unwrap();
        let problem = outage(source.look_up("alice", PATIENT));
        assert!(problem.contains("cannot read"), "{problem}");
        fs::write(&path, "rotated").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let problem = outage(source.look_up("alice", PATIENT));
        assert!(problem.contains("no secret"), "{problem}");
        write_secret(&path, "rot\nated");
        let problem = outage(source.look_up("alice", PATIENT));
        assert!(problem.contains("control characters"), "{problem}");
        assert!(!problem.contains("ated\""), "{problem}");
    }

    #[test]
    fn a_token_that_cannot_be_sent_is_an_outage() {
        let server = FakeImmuta::start();
        server.accept_raw_key(false);
        for body in [
            r#"{"authenticated":true,"token":"sesame\r\nX-Other: 1"}"#,
            r#"{"authenticated":true,"token":""}"#,
            r#"{"authenticated":false,"token":"sesame"}"#,
            r#"{"authenticated":true}"#,
            "[]",
        ] {
            let body = body.to_owned();
            server.set_fault_on(Scope::Exchange, Fault::Answer { body });
            let problem = outage(source(&server, None).look_up("alice", PATIENT));
            assert!(problem.contains("/bim/apikey/authenticate"), "{problem}");
            assert!(!problem.contains("sesame"), "{problem}");
        }
    }

    #[test]
    fn an_exchange_that_fails_is_an_outage_whatever_the_fault() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        server.accept_raw_key(false);
        for known in Fault::catalogue() {
            if matches!(
                known.name.as_str(),
                "huge-page" | "wrong-user" | "useless-token" | "expired-token"
            ) {
                continue;
            }
            server.set_fault_on(Scope::Exchange, known.fault);
            let source = source(&server, Some("bim"));
            let begin = Instant::now();
            let timeout = time_for(&known.name);
            let problem = outage(source.look_up("alice", timeout));
            assert!(begin.elapsed() < timeout + SLACK, "{}", known.name);
            assert!(!problem.contains(SECRET), "{}: {problem}", known.name);
            assert!(!problem.contains(TOKEN), "{}: {problem}", known.name);
        }
    }
}

mod faults {
    use super::*;

    #[derive(Debug, PartialEq)]
    enum Outcome {
        Outage,
        Answer,
        Unknown,
        /// The user, without the permission that he does not hold.
        Right,
    }

    fn outcome(result: &Result<Option<User>, LookupError>) -> Outcome {
        match result {
            Err(LookupError::Outage { .. }) => Outcome::Outage,
            Err(LookupError::Answer { .. }) => Outcome::Answer,
            Ok(None) => Outcome::Unknown,
            Ok(Some(user)) => {
                assert_eq!(*user, User::default(), "a fault gave something");
                Outcome::Right
            }
        }
    }

    fn expected(fault: &str, iam: Option<&str>) -> Outcome {
        match fault {
            "delay" | "drip-feed" | "hang" | "reset-head" | "reset-body" | "redirect"
            | "status-401" | "status-403" | "status-404" | "status-429" | "status-500"
            | "status-502" | "status-503" | "refused-key" | "useless-token" => Outcome::Outage,
            "status-409"
            | "html"
            | "truncated"
            | "cut-json"
            | "empty"
            | "huge"
            | "duplicate-keys"
            | "deep-nesting"
            | "wrong-types"
            | "missing-fields"
            | "wrong-content-type-text-plain"
            | "wrong-content-type-application-octet-stream" => Outcome::Answer,
            "expired-token" => Outcome::Right,
            // In one IAM the answer is right; of a search, another's user is no hit.
            "huge-page" if iam.is_some() => Outcome::Right,
            "huge-page" => Outcome::Answer,
            "wrong-user" if iam.is_some() => Outcome::Answer,
            "wrong-user" => Outcome::Unknown,
            other => panic!("what should {other} do?"),
        }
    }

    #[test]
    fn no_fault_gives_a_permission_or_takes_longer_than_the_timeout_or_stays() {
        let server = FakeImmuta::start();
        server.put_user(FakeUser::new("alice", &[]));
        for iam in BOTH_WAYS {
            for known in Fault::catalogue() {
                let source = source(&server, iam);
                server.set_fault(Some(known.fault));
                server.clear_requests();
                let name = known.name;
                let begin = Instant::now();
                let timeout = time_for(&name);
                let result = source.look_up("alice", timeout);
                assert!(begin.elapsed() < timeout + SLACK, "{name} {iam:?}");
                assert_eq!(outcome(&result), expected(&name, iam), "{name}: {result:?}");
                if let Err(error) = &result {
                    for text in [error.to_string(), format!("{error:?}")] {
                        assert!(text.contains(&server.url()), "{name}: {text}");
                        for secret in [SECRET, TOKEN, "Bearer"] {
                            assert!(!text.contains(secret), "{name}: {text}");
                        }
                    }
                }
                let elsewhere = server.requests();
                let mut paths = elsewhere.iter().map(|seen| &seen.path);
                assert!(!paths.any(|path| path.contains("elsewhere")), "{name}");

                server.set_fault(None);
                let after = source.look_up("alice", PATIENT);
                assert_eq!(outcome(&after), Outcome::Right, "after {name} {iam:?}");
            }
        }
    }

    #[test]
    fn a_fault_says_what_happened_and_what_to_check() {
        let server = FakeImmuta::start();
        server.put_user(FakeUser::new("alice", &[]));
        for (fault, parts) in [
            (Fault::Hang, vec!["400 ms", "immuta.http.timeout"]),
            (Fault::Redirect, vec!["302", "redirect", "immuta.endpoint"]),
            (Fault::Html, vec!["application/json", "login page"]),
            (Fault::Truncated, vec!["shorter"]),
            (Fault::CutJson, vec!["cut off"]),
            (Fault::Empty, vec!["not a JSON object"]),
            (Fault::Huge, vec!["larger than 1048576 bytes"]),
            (Fault::DuplicateKeys, vec!["twice"]),
            (
                Fault::WrongTypes,
                vec!["permissions", "not an array of strings"],
            ),
            (Fault::MissingFields, vec!["permissions", "missing"]),
            (Fault::WrongUser, vec!["another user", "not-alice"]),
        ] {
            server.set_fault(Some(fault.clone()));
            let timeout = if fault == Fault::Hang { SHORT } else { PATIENT };
            let source = source(&server, Some("bim"));
            let error = source.look_up("alice", timeout).unwrap_err();
            let text = error.to_string();
            let place = format!("GET {}/bim/iam/bim/user/alice", server.url());
            assert!(text.contains(&place), "{fault:?}: {text}");
            for part in parts {
                assert!(text.contains(part), "{fault:?}: {text}");
            }
        }
    }

    #[test]
    fn immuta_can_ask_to_be_left_alone_for_a_limited_time() {
        let server = FakeImmuta::start();
        for (code, retry_after, expected) in [
            (429, Some(7), Some(7)),
            (503, Some(7), Some(7)),
            (503, Some(100_000), Some(300)),
            (429, None, None),
            (500, Some(7), None),
        ] {
            server.set_fault(Some(Fault::Status { code, retry_after }));
            match source(&server, None).look_up("alice", PATIENT) {
                Err(LookupError::Outage { retry_after, .. }) => {
                    assert_eq!(retry_after, expected.map(Duration::from_secs), "{code}");
                }
                other => panic!("{code}: {other:?}"),
            }
        }
    }

    #[test]
    fn pages_that_do_not_fit_together_are_no_answer() {
        let server = FakeImmuta::start();
        for body in [
            r#"{"hits":[],"count":1}"#,
            r#"{"hits":[{"userid":"malice"}],"count":0}"#,
            r#"{"hits":[{"userid":"malice"}],"count":10001}"#,
        ] {
            let body = body.to_owned();
            server.set_fault(Some(Fault::Answer { body }));
            let problem = bad_answer(source(&server, None).look_up("alice", PATIENT));
            assert!(problem.contains("users"), "{problem}");
        }
        // The same page again and again: its user counts twice.
        let alice = r#"{"userid":"alice","iamid":"bim","disabled":false,"permissions":[]}"#;
        let body = format!(r#"{{"hits":[{alice}],"count":2}}"#);
        server.set_fault(Some(Fault::Answer { body }));
        let problem = bad_answer(source(&server, None).look_up("alice", PATIENT));
        assert!(problem.contains("2 users named"), "{problem}");
    }

    #[test]
    fn ten_thousand_users_are_not_asked_for_page_by_page() {
        let server = FakeImmuta::start();
        server.set_fault(Some(Fault::HugePage));
        let problem = bad_answer(source(&server, None).look_up("alice", PATIENT));
        assert!(problem.contains("10500 users"), "{problem}");
        assert!(problem.contains("immuta.iam"), "{problem}");
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn a_large_body_is_refused_by_its_announced_length() {
        let server = FakeImmuta::start();
        let body = format!(r#"{{"hits":[],"count":0}}{}"#, " ".repeat(1024 * 1024));
        server.set_fault(Some(Fault::Answer { body }));
        let problem = bad_answer(source(&server, None).look_up("alice", PATIENT));
        assert!(problem.contains("larger"), "{problem}");
        let body = r#"{"hits":[],"count":0}"#;
        let body = format!("{body}{}", " ".repeat(1024 * 1024 - body.len()));
        server.set_fault(Some(Fault::Answer { body }));
        assert_eq!(source(&server, None).look_up("alice", PATIENT), Ok(None));
    }

    #[test]
    fn the_timeout_covers_the_exchange_and_the_second_try() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        server.accept_raw_key(false);
        server.set_fault(Some(Fault::Delay { millis: 200 }));
        let source = source(&server, Some("bim"));
        let begin = Instant::now();
        let problem = outage(source.look_up("alice", SHORT));
        assert!(begin.elapsed() < SHORT + SLACK);
        assert!(problem.contains("400 ms"), "{problem}");
    }

    #[test]
    fn the_timeout_covers_all_pages_and_one_name_that_takes_long_is_no_outage() {
        let server = FakeImmuta::start();
        for number in 0..1000 {
            server.put_user(FakeUser::new(&format!("alice{number}"), &[]));
        }
        server.set_fault(Some(Fault::Delay { millis: 400 }));
        let timeout = Duration::from_secs(1);
        let begin = Instant::now();
        let problem = bad_answer(source(&server, None).look_up("alice", timeout));
        assert!(begin.elapsed() < timeout + SLACK);
        assert!(problem.contains("1000 ms"), "{problem}");
        assert!(server.requests().len() < 5);
    }

    #[test]
    fn no_time_is_a_timeout_without_a_request() {
        let server = FakeImmuta::start();
        outage(source(&server, None).look_up("alice", Duration::ZERO));
        assert_eq!(server.requests(), []);
    }

    #[test]
    fn a_probe_says_what_it_found() {
        let server = FakeImmuta::start();
        for number in 0..3 {
            server.put_user(FakeUser::new(&format!("user{number}"), &[]));
        }
        let source = source(&server, Some("bim"));
        let said = source.probe().unwrap();
        assert!(said.contains(&server.url()), "{said}");
        assert!(said.contains("3 users"), "{said}");
        assert!(!said.contains(SECRET), "{said}");
        assert_eq!(seen(&server).len(), 1);

        server.set_api_key("another");
        let problem = source.probe().unwrap_err().to_string();
        assert!(problem.contains("check immuta.apikey"), "{problem}");
    }
}

mod tls {
    use super::*;

    fn ca_file(folder: &TempDir, pem: &str) -> PathBuf {
        let path = folder.path().join("ca.pem");
        fs::write(&path, pem).unwrap();
        path
    }

    fn trusting(url: &str, ca_file: PathBuf) -> ImmutaSource {
        ImmutaSource::open(&Settings {
            endpoint: Endpoint::parse(url, false).unwrap(),
            ca_file: Some(ca_file),
            ..settings(url, None)
        })
        .unwrap()
    }

    #[test]
    fn a_server_that_the_ca_file_vouches_for_is_asked() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        let folder = TempDir::new().unwrap();
        let source = trusting(&server.https_url(), ca_file(&folder, server.ca_pem()));
        assert!(known(&source, "alice").may_impersonate);
        assert!(source.probe().unwrap().contains("https://localhost:"));
    }

    #[test]
    fn no_other_server_sees_a_request() {
        let server = FakeImmuta::start();
        let folder = TempDir::new().unwrap();
        let ca_file = ca_file(&folder, server.ca_pem());
        for url in [server.https_wrong_name_url(), server.https_unknown_ca_url()] {
            let problem = outage(trusting(&url, ca_file.clone()).look_up("alice", PATIENT));
            assert!(problem.contains("no secure connection"), "{problem}");
            assert!(problem.contains("immuta.ca-file"), "{problem}");
        }
        assert_eq!(server.requests(), []);
    }

    #[test]
    fn without_a_ca_file_the_system_decides() {
        let server = FakeImmuta::start();
        let settings = settings(&server.https_url(), None);
        match ImmutaSource::open(&settings) {
            Ok(source) => {
                let problem = outage(source.look_up("alice", PATIENT));
                assert!(problem.contains("no secure connection"), "{problem}");
            }
            Err(error) => assert!(matches!(error, OpenError::SystemRoots(_)), "{error}"),
        }
        assert_eq!(server.requests(), []);
    }

    #[test]
    fn a_handshake_that_does_not_end_is_a_timeout() {
        let server = FakeImmuta::start();
        let folder = TempDir::new().unwrap();
        // The system completes connections to it, and nobody ever reads them.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", silent.local_addr().unwrap().port());
        let source = trusting(&url, ca_file(&folder, server.ca_pem()));
        let begin = Instant::now();
        outage(source.look_up("alice", SHORT));
        assert!(begin.elapsed() < SHORT + SLACK);
    }

    #[test]
    fn several_certificates_are_trusted_together() {
        let (one, other) = (FakeImmuta::start(), FakeImmuta::start());
        other.put_user(holder("alice"));
        let folder = TempDir::new().unwrap();
        let both = format!("# two\n{}\n{}", one.ca_pem(), other.ca_pem());
        let source = trusting(&other.https_url(), ca_file(&folder, &both));
        assert!(known(&source, "alice").may_impersonate);
    }

    #[test]
    fn a_ca_file_without_certificates_stops_the_start() {
        let folder = TempDir::new().unwrap();
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let open = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        let mut paths = vec![folder.path().join("missing"), folder.path().to_owned()];
        for (number, text) in ["", "no PEM", key, junk, open].into_iter().enumerate() {
            let path = folder.path().join(number.to_string());
            fs::write(&path, text).unwrap();
            paths.push(path);
        }
        for path in paths {
            let error = ImmutaSource::open(&Settings {
                ca_file: Some(path.clone()),
                ..settings("https://localhost", None)
            })
            .unwrap_err();
            assert!(matches!(error, OpenError::CaFile(_)), "{path:?}: {error:?}");
            assert_eq!(error.property(), "immuta.ca-file");
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()), "{text}");
        }
    }
}

mod settings {
    use super::*;

    fn open(key: ApiKey, iam: Option<&str>) -> Result<ImmutaSource, OpenError> {
        ImmutaSource::open(&Settings {
            key,
            ..super::settings("http://localhost", iam)
        })
    }

    #[test]
    fn a_key_that_cannot_be_sent_stops_the_start() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("key");
        for text in [
            "",
            "  \n",
            "hunter2\nhunter2",
            "hunter2\0",
            "hunter2\u{e9}",
            "hun\tter2",
            "hunter2 hunter2",
        ] {
            let error = open(ApiKey::Value(text.to_owned().into()), None).unwrap_err();
            assert_eq!(error.property(), "immuta.apikey", "{text:?}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
            write_secret(&path, text);
            let error = open(ApiKey::File(path.clone()), None).unwrap_err();
            assert_eq!(error.property(), "immuta.apikey-file", "{text:?}");
            assert!(error.to_string().contains("key"), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        write_secret(&path, b"hunter2\xff");
        let binary = open(ApiKey::File(path), None).unwrap_err();
        let missing = open(ApiKey::File(folder.path().join("missing")), None).unwrap_err();
        let directory = open(ApiKey::File(folder.path().to_owned()), None).unwrap_err();
        for error in [binary, missing, directory] {
            assert_eq!(error.property(), "immuta.apikey-file", "{error}");
        }
    }

    #[test]
    fn an_iam_that_cannot_be_one_stops_the_start() {
        for iam in ["", ".", "..", "b\nim"] {
            let key = ApiKey::Value(SECRET.to_owned().into());
            let error = open(key, Some(iam)).unwrap_err();
            assert_eq!(error.property(), "immuta.iam", "{iam:?}");
        }
    }

    #[test]
    fn nothing_shows_the_key() {
        let server = FakeImmuta::start();
        server.put_user(holder("alice"));
        server.accept_raw_key(false);
        let settings = super::settings(&server.url(), None);
        let source = ImmutaSource::open(&settings).unwrap();
        known(&source, "alice");
        for text in [
            format!("{settings:?} {settings:#?}"),
            format!("{:?}", settings.key.clone()),
            format!("{source:?} {source:#?}"),
        ] {
            assert!(!text.contains(SECRET), "{text}");
            assert!(!text.contains(TOKEN), "{text}");
        }
    }
}

/// What the stand-in cannot do, done by hand.
mod wire {
    use super::*;

    /// Answers the requests of one connection with these bytes, and closes it.
    fn answering(answers: Vec<Vec<u8>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                let mut request = Vec::new();
                let mut chunk = [0; 1024];
                while !request.ends_with(b"\r\n\r\n") {
                    let length = stream.read(&mut chunk).unwrap();
                    assert_ne!(length, 0, "no further request");
                    request.extend_from_slice(&chunk[..length]);
                }
                stream.write_all(&answer).unwrap();
            }
        });
        url
    }

    fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
        [head.as_bytes(), body].concat()
    }

    fn look_up(answer: Vec<u8>) -> Result<Option<User>, LookupError> {
        let settings = super::settings(&answering(vec![answer]), Some("bim"));
        ImmutaSource::open(&settings)
            .unwrap()
            .look_up("alice", PATIENT)
    }

    const TYPE: &str = "Content-Type: application/json\r\n";
    const ALICE: &[u8] =
        br#"{"userid":"alice","iamid":"bim","disabled":false,"permissions":["IMPERSONATE_USER"]}"#;

    #[test]
    fn json_is_known_by_its_type_whatever_the_case_and_the_parameters() {
        for (headers, taken) in [
            (TYPE, true),
            ("content-type: Application/JSON ; charset=utf-8\r\n", true),
            ("", false),
            ("Content-Type: application/jsonp\r\n", false),
            ("Content-Type: application/json, text/html\r\n", false),
            ("Content-Type: text/html; x=application/json\r\n", false),
        ] {
            let result = look_up(answer("200 OK", headers, ALICE));
            assert_eq!(result.is_ok(), taken, "{headers:?}: {result:?}");
            if !taken {
                bad_answer(result);
            }
        }
    }

    #[test]
    fn only_200_is_a_good_status() {
        for status in ["201 Created", "203 Other", "206 Partial Content"] {
            let problem = bad_answer(look_up(answer(status, TYPE, ALICE)));
            assert!(problem.contains(&status[..3]), "{problem}");
        }
    }

    #[test]
    fn what_immuta_says_of_an_error_is_shown_in_part_and_safely() {
        let body = format!(
            r#"{{"statusCode":500,"error":"x","message":"no\r\n\u001b[2J {}","stack":"hidden"}}"#,
            "é".repeat(5000)
        );
        let problem = outage(look_up(answer("500 Oops", TYPE, body.as_bytes())));
        assert!(problem.contains(r"(no\r\n\u{1b}[2J é"), "{problem}");
        assert!(!problem.contains(char::is_control), "{problem}");
        assert!(!problem.contains("hidden"), "{problem}");
        assert!(problem.chars().count() < 500, "{problem}");
    }

    #[test]
    fn a_message_that_repeats_the_key_is_not_shown() {
        let body = format!(r#"{{"statusCode":500,"message":"{SECRET} is no key"}}"#);
        let problem = outage(look_up(answer("500 Oops", TYPE, body.as_bytes())));
        assert!(problem.contains("500"), "{problem}");
        assert!(!problem.contains(SECRET), "{problem}");
    }

    #[test]
    fn a_body_that_is_not_in_the_apis_shape_is_not_shown() {
        for (headers, body) in [
            (
                "Content-Type: text/html\r\n",
                r#"{"statusCode":500,"message":"hidden"}"#,
            ),
            (TYPE, r#"{"statusCode":404,"message":"hidden"}"#),
            (TYPE, r#"{"message":"hidden"}"#),
            (TYPE, "hidden"),
        ] {
            let problem = outage(look_up(answer("500 Oops", headers, body.as_bytes())));
            assert!(!problem.contains("hidden"), "{problem}");
        }
    }

    #[test]
    fn a_404_that_is_not_the_apis_is_not_an_unknown_user() {
        for (headers, body) in [
            ("Content-Type: text/html\r\n", "<h1>Not Found</h1>"),
            ("Content-Type: text/html\r\n", r#"{"statusCode":404}"#),
            (TYPE, r#"{"error":"no such route"}"#),
            (TYPE, ""),
        ] {
            let problem = outage(look_up(answer("404 Not Found", headers, body.as_bytes())));
            assert!(problem.contains("404"), "{problem}");
            assert!(problem.contains("immuta.endpoint"), "{problem}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_is_no_answer() {
        let mut body = ALICE.to_vec();
        body.insert(2, 0xff);
        let problem = bad_answer(look_up(answer("200 OK", TYPE, &body)));
        assert!(problem.contains("UTF-8"), "{problem}");
    }

    #[test]
    fn a_date_to_wait_for_is_not_understood_and_does_no_harm() {
        let headers = format!("{TYPE}Retry-After: Wed, 21 Oct 2065 07:28:00 GMT\r\n");
        let result = look_up(answer("503 Service Unavailable", &headers, b"{}"));
        match result {
            Err(LookupError::Outage { retry_after, .. }) => assert_eq!(retry_after, None),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_http_is_an_outage() {
        for bytes in [&b"SSH-2.0-OpenSSH_9\r\n"[..], b"", b"HTTP/1.1 200 OK\r\n"] {
            outage(look_up(bytes.to_vec()));
        }
    }

    #[test]
    fn nobody_listening_is_an_outage_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let source = ImmutaSource::open(&super::settings(&url, None)).unwrap();
        let begin = Instant::now();
        let problem = outage(source.look_up("alice", PATIENT));
        assert!(begin.elapsed() < SLACK);
        assert!(problem.contains("no connection"), "{problem}");
        assert!(problem.contains(&url), "{problem}");
    }

    #[test]
    fn headers_that_never_end_are_a_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let dripping = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // A byte for each 10 ms that nothing more comes in.
            stream
                .set_read_timeout(Some(Duration::from_millis(10)))
                .unwrap();
            let mut head = b"HTTP/1.1 200 OK\r\nX: "
                .iter()
                .copied()
                .chain(std::iter::repeat(b'x'));
            loop {
                let mut chunk = [0; 1024];
                if matches!(stream.read(&mut chunk), Ok(0)) {
                    return;
                }
                if stream.write_all(&[head.next().unwrap()]).is_err() {
                    return;
                }
            }
        });
        let source = ImmutaSource::open(&super::settings(&url, None)).unwrap();
        let begin = Instant::now();
        outage(source.look_up("alice", SHORT));
        assert!(begin.elapsed() < SHORT + SLACK);
        dripping.join().unwrap();
    }

    #[test]
    fn proxies_of_the_environment_are_not_used() {
        const INSIDE: &str = "IMMUTA_SOURCE_TEST_URL";
        if let Ok(url) = std::env::var(INSIDE) {
            let source = ImmutaSource::open(&super::settings(&url, None)).unwrap();
            assert_eq!(source.look_up("alice", PATIENT), Ok(None));
            return;
        }
        let server = FakeImmuta::start();
        let proxy = "http://127.0.0.1:9";
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "wire::proxies_of_the_environment_are_not_used"])
            .env(INSIDE, server.url())
            .envs(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].map(|name| (name, proxy)))
            .env_remove("no_proxy")
            .env_remove("NO_PROXY")
            .output()
            .unwrap();
        assert!(status.status.success(), "{status:?}");
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn one_connection_serves_one_lookup_after_the_other() {
        let url = answering(vec![answer("200 OK", TYPE, ALICE); 3]);
        let source = ImmutaSource::open(&super::settings(&url, Some("bim"))).unwrap();
        for _ in 0..3 {
            assert!(known(&source, "alice").may_impersonate);
        }
    }

    #[test]
    fn users_who_come_or_go_between_two_pages_spoil_the_answer() {
        let page = |name: &str, count: u64| {
            let body = format!(r#"{{"hits":[{{"userid":"{name}"}}],"count":{count}}}"#);
            answer("200 OK", TYPE, body.as_bytes())
        };
        for (counts, fits) in [([2, 2], true), ([3, 2], false)] {
            let url = answering(vec![page("alice1", counts[0]), page("alice2", counts[1])]);
            let source = ImmutaSource::open(&super::settings(&url, None)).unwrap();
            let result = source.look_up("alice", PATIENT);
            if fits {
                assert_eq!(result, Ok(None));
            } else {
                let problem = bad_answer(result);
                assert!(problem.contains("fit together"), "{problem}");
            }
        }
    }

    #[test]
    fn a_user_of_another_iam_is_another_user() {
        let url = answering(vec![answer("200 OK", TYPE, ALICE)]);
        let source = ImmutaSource::open(&super::settings(&url, Some("okta"))).unwrap();
        let problem = bad_answer(source.look_up("alice", PATIENT));
        assert!(problem.contains("\"bim\""), "{problem}");
    }
}
