//! One person, one name: no spelling of a user has a right that the user has not, however the source knows users, and
//! whoever is an admin is one wherever that matters.

mod common;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use common::{Configuration, ManualClock, TTL, immuta, reason};
use fake_immuta::{FakeUser, Fault};
use immuta_impersonation::engine::Caller;
use immuta_impersonation::{Engine, Path, Reason, Request};
use proptest::prelude::*;
use serde_json::{Value, json};

const LOWER: &str = r#"{"pattern": "(.*)", "user": "$1@example.com", "case": "lower"}"#;
const SERVICE: &str = "IMPERSONATE_USER";
const DOWN: Fault = Fault::Status {
    code: 503,
    retry_after: None,
};

/// A policy file, and a user mapping of these rules if there are any.
fn world(policy: &Value, rules: &str) -> Configuration {
    let configuration = Configuration::default();
    let [file, mapping] = ["policy.json", "mapping.json"].map(|name| configuration.path(name));
    fs::write(&file, policy.to_string()).unwrap();
    let configuration = configuration
        .with("immuta.impersonation.audit.file", "")
        .with("immuta.impersonation.policy-file.refresh", "1h")
        .with(
            "immuta.impersonation.policy-file",
            file.display().to_string(),
        );
    if rules.is_empty() {
        return configuration;
    }
    fs::write(&mapping, format!("{{\"rules\": [{rules}]}}")).unwrap();
    configuration.with(
        "immuta.impersonation.user-mapping.file",
        mapping.display().to_string(),
    )
}

fn open(configuration: &Configuration) -> Engine {
    configuration.open(&Arc::new(ManualClock::default()))
}

fn on_property_path<'a>(impersonator: &'a str, target: &'a str) -> Request<'a> {
    Request {
        path: Path::Property,
        ..Request::new(impersonator, target)
    }
}

fn caller(user: &str) -> Caller<'_> {
    Caller {
        user: user.into(),
        principal: None,
        query_id: None,
    }
}

#[test]
fn another_spelling_of_oneself_is_not_oneself() {
    let policy = json!({"users": [{"name": "intern"}]});
    let engine = open(&world(&policy, "").with("immuta.impersonation.case-insensitive", "true"));
    assert_eq!(reason(&engine, "intern", "INTERN"), "other-spelling");
    assert_eq!(reason(&engine, "INTERN", "intern"), "no-permission");
    assert_eq!(reason(&engine, "intern", "intern"), "self");
    assert_eq!(reason(&engine, "stranger", "STRANGER"), "unknown-user");
    let engine = open(&world(&policy, r#"{"pattern": "(.*)", "case": "lower"}"#));
    assert_eq!(reason(&engine, "intern", "INTERN"), "other-spelling");
    assert_eq!(reason(&engine, "intern", " intern"), "other-spelling");
}

#[test]
fn the_refusal_of_another_spelling_says_how_the_name_is_written() {
    let policy = json!({"users": [{"name": "svc", "permissions": [SERVICE]}, {"name": "Alice"},
                                  {"name": "ceo@example.com"}]});
    let folding = world(&policy, "").with("immuta.impersonation.case-insensitive", "true");
    let mapping = world(&policy, LOWER);
    for (configuration, target, written) in [
        (folding, "aLICE", "\"Alice\""),
        (mapping, " CEO ", "\"ceo\""),
    ] {
        let engine = open(&configuration);
        let request = Request::new("svc", target);
        let decided = engine.decided(&request);
        assert_eq!(decided.reason, Reason::OtherSpelling);
        assert!(decided.has_more_to_say);
        let sentence = engine.explain(decided.reason, &request);
        assert!(
            sentence.ends_with(&format!("write {written}")),
            "{sentence}"
        );
    }
}

#[test]
fn on_the_property_path_the_canonical_name_and_its_groups_are_taken() {
    let policy = json!({"users": [
        {"name": "svc", "permissions": [SERVICE]},
        {"name": "Alice", "groups": ["analysts"]}]});
    let configuration = world(&policy, "").with("immuta.impersonation.case-insensitive", "true");
    let groups = configuration.path("groups.txt");
    fs::write(&groups, "east:ALICE\n").unwrap();
    let audit = configuration.path("audit.jsonl");
    let configuration = configuration
        .with("immuta.group-file", groups.display().to_string())
        .with(
            "immuta.impersonation.audit.file",
            audit.display().to_string(),
        );
    let engine = open(&configuration);
    let bound = engine.bind(&on_property_path("svc", "ALICE"));
    assert_eq!(bound.reason, Reason::Permission);
    assert_eq!(bound.target, "Alice");
    assert_eq!(bound.groups, ["analysts", "east"]);
    assert_eq!(engine.decisions(None)[0].target, "Alice");
    drop(engine);
    let line = fs::read_to_string(audit).unwrap();
    assert!(line.contains(r#""target":"Alice""#), "{line}");
}

#[test]
fn on_the_property_path_a_mapped_spelling_is_the_person_too() {
    let policy = json!({"users": [
        {"name": "svc@example.com", "permissions": [SERVICE]}, {"name": "alice@example.com"},
        {"name": "alice @example.com"}]});
    let configuration = world(&policy, LOWER).with("immuta.impersonation.unknown-targets", "allow");
    let engine = open(&configuration);
    for spelling in ["alice", "ALICE", " Alice"] {
        let bound = engine.bind(&on_property_path("svc", spelling));
        assert_eq!(
            (bound.reason, &*bound.target),
            (Reason::Permission, "alice")
        );
    }
    let other = engine.bind(&on_property_path("svc", "Alice "));
    assert_eq!(other.reason, Reason::UnknownTarget, "alice @example.com");
    let own = engine.bind(&on_property_path("svc", "SVC"));
    assert_eq!((own.reason, &*own.target), (Reason::SelfTarget, "svc"));
}

#[test]
fn scopes_and_protection_hold_by_each_name_that_a_person_has() {
    let policy = json!({
        "users": [{"name": "svc@example.com", "permissions": [SERVICE]},
                  {"name": "mallory@example.com", "permissions": [SERVICE]},
                  {"name": "ceo@example.com"}, {"name": "cfo@example.com"},
                  {"name": "admin_omar@example.com"}, {"name": "alice@example.com"}],
        "scopes": [{"new_user": "ceo", "allow": false},
                   {"new_user": "cfo@example\\.com", "allow": false},
                   {"original_user": "mallory", "new_user": ".*", "allow": false},
                   {"new_user": ".*"}]});
    let configuration = world(&policy, LOWER);
    let by_name = open(&configuration.with("immuta.user.admin", "admin_[a-z]+"));
    assert_eq!(reason(&by_name, "svc", "alice"), "permission");
    assert_eq!(reason(&by_name, "svc", "ceo"), "out-of-scope");
    assert_eq!(reason(&by_name, "svc", "CEO"), "other-spelling");
    assert_eq!(
        reason(&by_name, "svc", "cfo"),
        "out-of-scope",
        "by the mapped name"
    );
    assert_eq!(reason(&by_name, "svc", "admin_omar"), "protected-target");
    assert_eq!(reason(&by_name, "svc", "ADMIN_OMAR"), "other-spelling");
    for mallory in ["mallory", "Mallory", "MALLORY"] {
        assert_eq!(reason(&by_name, mallory, "alice"), "out-of-scope");
    }
    let by_mapped_name = world(&policy, LOWER).with("immuta.user.admin", "alice@.*");
    let engine = open(&by_mapped_name);
    assert_eq!(reason(&engine, "svc", "alice"), "protected-target");
    assert!(!engine.is_admin(&caller("alice")), "it gives nothing");
}

#[test]
fn a_name_that_the_user_mapping_forbids_is_denied_whatever_else_holds() {
    let policy = json!({"users": [{"name": "svc", "permissions": [SERVICE]}]});
    let rules = r#"{"pattern": "robot_.*", "allow": false}, {"pattern": "([a-z]+)"}"#;
    let configuration = world(&policy, rules)
        .with("immuta.impersonation.unknown-targets", "allow")
        .with("immuta.user.admin", "robot_admin");
    let engine = open(&configuration);
    assert_eq!(reason(&engine, "svc", "robot_1"), "unknown-target");
    assert_eq!(reason(&engine, "svc", "stranger"), "permission");
    assert_eq!(reason(&engine, "svc", "no_rule"), "permission");
    assert_eq!(reason(&engine, "robot_admin", "svc"), "unknown-user");
    assert!(!engine.is_admin(&caller("robot_admin")));
}

#[test]
fn the_login_name_before_the_servers_mapping_is_told_apart_from_impersonation() {
    let policy = json!({"users": [{"name": "alice"}, {"name": "svc", "permissions": [SERVICE]},
                                  {"name": "svc@example.com"}]});
    let engine = open(&world(&policy, ""));
    for (path, user) in [
        (Path::Native, "alice"),
        (Path::Native, "svc"),
        (Path::Property, "svc"),
    ] {
        let login = format!("{user}@example.com");
        let mut request = Request::new(user, &login);
        request.path = path;
        request.principal = Some(login.as_str().into());
        let decided = engine.decided(&request);
        assert_eq!(decided.reason, Reason::LoginName);
        assert!(decided.has_more_to_say);
        let sentence = engine.explain(decided.reason, &request);
        assert!(
            sentence.ends_with(&format!("send \"{user}\"")),
            "{sentence}"
        );
        request.principal = Some("other@example.com".into());
        assert_ne!(engine.decide(&request), Reason::LoginName);
    }
    let mut back = Request::new("alice", "svc");
    back.principal = Some("svc".into());
    back.chained = true;
    assert_eq!(
        engine.decide(&back),
        Reason::Chained,
        "svc as alice wants to be svc"
    );
}

#[test]
fn a_disabled_admin_stays_so_while_the_policy_file_is_broken() {
    let policy = json!({"users": [{"name": "root", "disabled": true},
        {"name": "late", "expires": "1970-01-01T00:01:00Z"}, {"name": "alice"},
        {"name": "carol", "disabled": true}, {"name": "boss"}]});
    let configuration = world(&policy, "")
        .with("immuta.user.admin", "root|late|boss")
        .with("immuta.impersonation.policy-file.max-stale", "0s")
        .with("immuta.impersonation.unknown-targets", "allow");
    let clock = Arc::new(ManualClock::default());
    let engine = configuration.open(&clock);
    assert!(engine.is_admin(&caller("late")));
    clock.advance(Duration::from_secs(61));
    for broken in [false, true] {
        if broken {
            fs::write(configuration.path("policy.json"), "broken").unwrap();
            engine.reload();
        }
        for gone in ["root", "late"] {
            assert!(!engine.is_admin(&caller(gone)), "{gone}");
            assert_eq!(reason(&engine, gone, "alice"), "user-disabled");
        }
        assert_eq!(reason(&engine, "boss", "carol"), "target-disabled");
        assert_eq!(reason(&engine, "boss", "alice"), "admin-user");
    }
}

#[test]
fn a_disabled_admin_stays_so_while_immuta_is_down() {
    for negative_ttl in ["5s", "0s"] {
        let immuta = immuta();
        for name in ["root", "carol"] {
            let mut user = FakeUser::new(name, &[]);
            user.disabled = true;
            immuta.put_user(user);
        }
        let configuration = Configuration::of(&immuta)
            .timeout(Duration::from_secs(60))
            .with("immuta.user.admin", "root|boss")
            .with("immuta.impersonation.cache.negative-ttl", negative_ttl)
            .with("immuta.impersonation.unknown-targets", "allow");
        let clock = Arc::new(ManualClock::default());
        let engine = configuration.open(&clock);
        assert_eq!(reason(&engine, "root", "alice"), "user-disabled");
        assert_eq!(reason(&engine, "boss", "carol"), "target-disabled");
        immuta.set_fault(Some(DOWN));
        clock.advance(TTL * 100);
        assert_eq!(reason(&engine, "root", "alice"), "user-disabled");
        assert!(!engine.is_admin(&caller("root")));
        assert_eq!(reason(&engine, "boss", "carol"), "target-disabled");
        assert_eq!(reason(&engine, "boss", "alice"), "admin-user");
        engine.flush(Some("root"));
        assert_eq!(reason(&engine, "root", "alice"), "admin-user", "forgotten");
    }
}

#[test]
fn a_group_that_is_denied_stays_so_while_the_source_is_broken() {
    let policy = json!({
        "users": [{"name": "boss"}, {"name": "ceo", "groups": ["executives"]}, {"name": "alice"}],
        "scopes": [{"new_group": "executives", "allow": false}, {"new_user": ".*"}]});
    let configuration = world(&policy, "")
        .with("immuta.user.admin", "boss")
        .with("immuta.impersonation.policy-file.max-stale", "0s")
        .with("immuta.impersonation.unknown-targets", "allow");
    let engine = open(&configuration);
    for broken in [false, true] {
        if broken {
            fs::write(configuration.path("policy.json"), "broken").unwrap();
            engine.reload();
        }
        assert_eq!(reason(&engine, "boss", "ceo"), "out-of-scope");
        assert_eq!(reason(&engine, "boss", "alice"), "admin-user");
    }
}

/// Immuta would be asked for whatever name somebody without any right thinks of.
#[test]
fn nobody_without_the_permission_has_immuta_asked_for_a_target() {
    let immuta = immuta();
    let configuration =
        Configuration::of(&immuta).with("immuta.impersonation.case-insensitive", "true");
    let engine = open(&configuration);
    assert_eq!(reason(&engine, "mallory", "alice"), "no-permission");
    assert_eq!(reason(&engine, "stranger", "alice"), "unknown-user");
    let requests = immuta.requests();
    let asked_for = |name: &str| requests.iter().any(|request| request.path.contains(name));
    assert!(asked_for("mallory") && asked_for("stranger"));
    assert!(!asked_for("alice"));
}

#[test]
fn everybody_who_is_an_admin_is_protected_as_a_target() {
    let policy = json!({"users": [{"name": "svc", "permissions": [SERVICE]}, {"name": "alice"},
        {"name": "ann", "groups": ["wheel"]}, {"name": "night"}, {"name": "root"}]});
    let configuration = world(&policy, "");
    let groups = configuration.path("groups.txt");
    fs::write(&groups, "wheel:night\n").unwrap();
    let engine = open(
        &configuration
            .with("immuta.user.admin", "root")
            .with("immuta.group.admin", "wheel")
            .with("immuta.group-file", groups.display().to_string()),
    );
    for (user, admin) in [
        ("ann", true),
        ("night", true),
        ("root", true),
        ("alice", false),
    ] {
        assert_eq!(engine.is_admin(&caller(user)), admin, "{user}");
        let expected = if admin {
            "protected-target"
        } else {
            "permission"
        };
        assert_eq!(reason(&engine, "svc", user), expected, "{user}");
    }
}

#[test]
fn rules_by_group_without_a_source_of_groups_are_warned_of() {
    let scopes = json!([{"new_group": "executives", "allow": false}, {"new_user": ".*"}]);
    let users = json!([{"name": "svc"}]);
    let in_groups = json!([{"name": "svc", "groups": ["bi"]}]);
    for (users, scopes, admins, expected) in [
        (&users, json!([]), "wheel", true),
        (&users, scopes.clone(), "", true),
        (&users, json!([{"new_user": ".*"}]), "", false),
        (&in_groups, scopes.clone(), "wheel", false),
    ] {
        let mut configuration = world(&json!({"users": users, "scopes": scopes}), "");
        if !admins.is_empty() {
            configuration = configuration.with("immuta.group.admin", admins);
        }
        let warns = |warnings: &[String]| warnings.iter().any(|text| text.contains("match nobody"));
        let (problems, warnings) = Engine::check(configuration.properties());
        assert_eq!(problems, []);
        assert_eq!(warns(&warnings), expected, "{users} {scopes} {admins}");
        let log = open(&configuration).log().drain();
        let texts: Vec<String> = log.into_iter().map(|message| message.text).collect();
        assert_eq!(warns(&texts), expected, "{users} {scopes} {admins}");
        let groups = configuration.path("groups.txt");
        fs::write(&groups, "bi:svc\n").unwrap();
        let configuration = configuration.with("immuta.group-file", groups.display().to_string());
        assert!(!warns(&Engine::check(configuration.properties()).1));
    }
}

/// Names of which some are spellings of each other, for the source or for a person who reads them.
const SPELLINGS: [&str; 8] = ["ann", "Ann", "ANN", " ann", "bob", "Bob", "svc", "SVC"];

const RULES: [&str; 9] = [
    "",
    LOWER,
    r#"{"pattern": "(.*)", "user": "$1@EXAMPLE.COM", "case": "upper"}"#,
    r#"{"pattern": "(.*)", "user": "$1"}"#,
    r#"{"pattern": "(.*)", "user": "$1", "case": "lower"}"#,
    r#"{"pattern": "(?i)ann", "user": "ann"}, {"pattern": "(.*)", "user": "$1"}"#,
    r#"{"pattern": "(?i)(.*)", "user": "$1@example.com", "case": "lower"}"#,
    r#"{"pattern": "bob", "allow": false}, {"pattern": "(.*)", "user": "$1", "case": "upper"}"#,
    r#"{"pattern": "([a-z]+)", "case": "upper"}"#,
];

fn user() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 11] = [
        "ann",
        "Ann",
        "ANN",
        "bob",
        "svc",
        "SVC",
        "ann@example.com",
        "svc@example.com",
        "bob@example.com",
        "ANN@EXAMPLE.COM",
        "SVC@EXAMPLE.COM",
    ];
    let groups = proptest::sample::subsequence(vec!["wheel", "people"], 0..=2);
    (proptest::sample::select(&NAMES[..]), any::<bool>(), any::<bool>(), groups).prop_map(
        |(name, may, disabled, groups)| {
            let permissions = if may { vec![SERVICE] } else { vec![] };
            json!({"name": name, "permissions": permissions, "disabled": disabled, "groups": groups})
        },
    )
}

fn scope() -> impl Strategy<Value = Value> {
    const PATTERNS: [&str; 10] = [
        "ann", "Ann", "ANN", "bob", "svc", ".*", "[a-z]+", "ann@.*", "[A-Z]+", ".*@.*",
    ];
    let pattern = proptest::sample::select(&PATTERNS[..]);
    (pattern.clone(), pattern, any::<bool>()).prop_map(
        |(own, target, allow)| json!({"original_user": own, "new_user": target, "allow": allow}),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_spelling_of_a_person_has_a_right_that_the_person_has_not(
        users in proptest::collection::vec(user(), 1..8),
        scopes in proptest::collection::vec(scope(), 0..4),
        rules in proptest::sample::select(&RULES[..]),
        insensitive in any::<bool>(),
        unknown in proptest::sample::select(&["deny", "allow"][..]),
        admin in proptest::sample::select(&["root", "ann", "svc"][..]),
    ) {
        let mut seen = Vec::new();
        let users: Vec<Value> = users
            .into_iter()
            .filter(|user| {
                let name = user["name"].as_str().unwrap().to_lowercase();
                let new = !seen.contains(&name);
                seen.push(name);
                new
            })
            .collect();
        let configuration = world(&json!({"users": users, "scopes": scopes}), rules)
            .with("immuta.impersonation.case-insensitive", insensitive.to_string())
            .with("immuta.impersonation.unknown-targets", unknown)
            .with("immuta.user.admin", admin);
        let engine = open(&configuration);
        for other in SPELLINGS {
            // The person, as the engine takes this spelling on the property path.
            let person = engine.bind(&on_property_path("nobody-else", other)).target;
            let is_person = person == other;
            for second in SPELLINGS {
                let native = engine.decide(&Request::new(second, other));
                if !is_person && second != other {
                    prop_assert!(!native.is_allow(), "{second} as {other}, who is {person}: {native}");
                }
                let as_other = engine.bind(&on_property_path(second, other));
                let as_person = engine.bind(&on_property_path(second, &person));
                prop_assert_eq!(&as_other.target, &person);
                if second != other && as_other.reason.is_allow() {
                    prop_assert_eq!(&as_other, &as_person, "{} as {}", second, other);
                }
                // And the other way round: whoever logs in by this spelling may do no more than the person.
                if second != other && second != person {
                    let by_other = engine.decide(&Request::new(other, second));
                    let by_person = engine.decide(&Request::new(&person, second));
                    prop_assert!(
                        !by_other.is_allow() || by_person.is_allow(),
                        "{other} as {second}: {by_other}, but {person}: {by_person}"
                    );
                }
            }
            let admin_by_other = engine.is_admin(&caller(other));
            prop_assert!(!admin_by_other || engine.is_admin(&caller(&person)), "{other}, {person}");
        }
    }
}
