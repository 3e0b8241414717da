//! Engines that look users up at a stand-in for Immuta.

mod common;

use std::fs;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use common::{Configuration, ManualClock, TTL, immuta, reason};
use fake_immuta::{FakeImmuta, FakeUser, Fault, Options};
use immuta_impersonation::config::ConfigError;
use immuta_impersonation::{Bound, Engine, Reason, Request};

/// A lookup that takes longer has failed. For tests in which no lookup should.
const PATIENT: Duration = Duration::from_secs(60);
/// For tests in which lookups hang.
const SHORT: Duration = Duration::from_millis(300);
/// A thousand threads need a moment, on a busy machine a long one.
const SOON: Duration = Duration::from_secs(10);
/// How long Immuta is left alone when it was found not to work.
const PAUSE: Duration = Duration::from_secs(1);
/// More lookups than this are never under way when Immuta is found not to work, or begin until then.
const A_FEW: usize = 20;
const TICK: Duration = Duration::from_nanos(1);
const DOWN: Fault = Fault::Status {
    code: 503,
    retry_after: None,
};

struct World {
    immuta: FakeImmuta,
    clock: Arc<ManualClock>,
    engine: Engine,
}

impl World {
    fn new(configure: impl FnOnce(Configuration) -> Configuration) -> Self {
        let immuta = immuta();
        let clock = Arc::new(ManualClock::default());
        let configuration = configure(Configuration::of(&immuta).timeout(PATIENT));
        let engine = configuration.open(&clock);
        World {
            immuta,
            clock,
            engine,
        }
    }

    fn reason(&self, impersonator: &str, target: &str) -> &'static str {
        reason(&self.engine, impersonator, target)
    }

    /// How often this user was looked up by name.
    fn lookups_of(&self, name: &str) -> usize {
        let start = format!("/bim/user?userid={name}&");
        let requests = self.immuta.requests();
        requests
            .iter()
            .filter(|request| request.path.starts_with(&start))
            .count()
    }

    /// What a thousand threads are told who ask at the same moment, each as another user if the name
    /// depends on the number.
    fn thousand(&self, name: impl Fn(usize) -> String + Sync) -> Vec<&'static str> {
        let barrier = Barrier::new(1000);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..1000)
                .map(|number| {
                    let (barrier, name) = (&barrier, &name);
                    scope.spawn(move || {
                        barrier.wait();
                        self.reason(&name(number), "alice")
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        })
    }

    /// A thousand different users ask during an outage.
    fn outage(&self) {
        let start = Instant::now();
        let reasons = self.thousand(|number| format!("user{number}"));
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        assert_eq!(reasons, ["lookup-unavailable"; 1000]);
        let requests = self.immuta.requests().len();
        assert!((5..=A_FEW).contains(&requests), "{requests} requests");
    }

    /// Immuta works again after an outage, and is found to with the next try.
    fn recovery(&self) {
        self.immuta.set_fault(None);
        self.immuta.clear_requests();
        self.clock.advance(PAUSE - TICK);
        assert_eq!(self.reason("svc", "alice"), "lookup-unavailable");
        assert_eq!(self.immuta.requests(), [], "it is left alone");
        self.clock.advance(TICK);
        assert_eq!(self.reason("svc", "alice"), "permission");
        assert_eq!(self.reason("mallory", "alice"), "no-permission");
    }
}

#[test]
fn a_thousand_threads_at_the_moment_of_expiry_cause_one_request_for_each_user() {
    let world = World::new(|configuration| configuration);
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.clock.advance(TTL);
    world.immuta.clear_requests();
    let reasons = world.thousand(|_| "svc".to_owned());
    assert_eq!(reasons, ["permission"; 1000]);
    assert_eq!((world.lookups_of("svc"), world.lookups_of("alice")), (1, 1));
    assert_eq!(world.immuta.requests().len(), 2);
}

#[test]
fn a_thousand_users_during_an_outage_make_a_few_requests() {
    let world = World::new(|configuration| configuration);
    world.immuta.set_fault(Some(DOWN));
    world.outage();
    world.recovery();
}

#[test]
fn a_thousand_users_make_a_few_requests_and_wait_for_one_timeout_while_immuta_hangs() {
    let world = World::new(|configuration| configuration.timeout(SHORT));
    world.immuta.set_fault(Some(Fault::Hang));
    world.outage();
    world.recovery();
}

#[test]
fn while_the_outage_lasts_one_request_after_each_pause_tries_whether_it_is_over() {
    let world = World::new(|configuration| configuration);
    world.immuta.set_fault(Some(DOWN));
    world.outage();
    for pause in [PAUSE, PAUSE * 2, PAUSE * 4] {
        world.clock.advance(pause);
        world.immuta.clear_requests();
        let reasons = world.thousand(|number| format!("user{number}"));
        assert_eq!(reasons, ["lookup-unavailable"; 1000]);
        assert_eq!(world.immuta.requests().len(), 1);
    }
}

#[test]
fn immuta_is_left_alone_for_as_long_as_it_asks() {
    let world = World::new(|configuration| configuration);
    world.immuta.set_fault(Some(Fault::Status {
        code: 429,
        retry_after: Some(7),
    }));
    for number in 0..5 {
        assert_eq!(
            world.reason(&format!("user{number}"), "alice"),
            "lookup-unavailable"
        );
    }
    world.immuta.set_fault(None);
    world.clock.advance(Duration::from_secs(7) - TICK);
    assert_eq!(world.reason("svc", "alice"), "lookup-unavailable");
    world.clock.advance(TICK);
    assert_eq!(world.reason("svc", "alice"), "permission");
}

/// Reads the permission ten times a second from its grant on, and returns when it was refused first.
fn refused_after(world: &World, revoke: impl FnOnce()) -> Duration {
    const STEP: Duration = Duration::from_millis(100);
    assert_eq!(world.reason("svc", "alice"), "permission");
    revoke();
    let mut time = Duration::ZERO;
    while time < TTL * 3 {
        world.clock.advance(STEP);
        time += STEP;
        if world.reason("svc", "alice") != "permission" {
            return time;
        }
    }
    panic!("never refused");
}

#[test]
fn a_revoked_permission_that_is_read_constantly_is_refused_within_the_ttl() {
    let world = World::new(|configuration| configuration);
    let refused = refused_after(&world, || {
        world.immuta.put_user(FakeUser::new("svc", &[]));
    });
    assert!(refused <= TTL, "{refused:?}");
    assert_eq!(world.reason("svc", "alice"), "no-permission");
}

#[test]
fn a_permission_that_is_revoked_in_an_outage_is_refused_after_ttl_and_stale_if_error() {
    let stale = Duration::from_secs(10);
    for answer in [Fault::MissingFields, DOWN] {
        let world = World::new(|configuration| {
            configuration
                .with("immuta.impersonation.cache.stale-if-error", "10s")
                .with("immuta.impersonation.cache.negative-ttl", "1h")
        });
        let refused = refused_after(&world, || {
            world.immuta.put_user(FakeUser::new("svc", &[]));
            world.immuta.set_fault(Some(answer));
        });
        assert_eq!(refused, TTL + stale);
        assert_eq!(world.reason("svc", "alice"), "lookup-unavailable");
    }
}

#[test]
fn what_was_known_serves_in_an_outage_for_exactly_as_long_as_configured() {
    let world = World::new(|configuration| {
        configuration
            .with("immuta.impersonation.cache.stale-if-error", "10s")
            .with("immuta.impersonation.cache.negative-ttl", "30s")
    });
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.immuta.set_fault(Some(DOWN));
    world.clock.advance(TTL);
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.clock.advance(Duration::from_secs(10) - TICK);
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.clock.advance(TICK);
    assert_eq!(world.reason("svc", "alice"), "lookup-unavailable");
}

#[test]
fn by_default_nothing_outlives_its_time_in_an_outage() {
    let world = World::new(|configuration| {
        configuration.with("immuta.impersonation.cache.negative-ttl", "30s")
    });
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.immuta.set_fault(Some(DOWN));
    world.clock.advance(TTL - TICK);
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.clock.advance(TICK);
    assert_eq!(world.reason("svc", "alice"), "lookup-unavailable");
}

#[test]
fn a_warm_user_does_not_wait_for_a_refresh_that_hangs() {
    let world = World::new(|configuration| {
        configuration.with("immuta.impersonation.cache.negative-ttl", "30s")
    });
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.immuta.clear_requests();
    world.immuta.set_fault(Some(Fault::Hang));
    world.clock.advance(TTL - TICK);
    assert_eq!(world.reason("svc", "alice"), "permission");
    assert!(
        world.immuta.wait_for_requests(2, PATIENT),
        "both are asked for again"
    );
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.immuta.set_fault(None);
}

#[test]
fn a_new_grant_counts_after_the_negative_ttl() {
    let world = World::new(|configuration| configuration);
    assert_eq!(world.reason("mallory", "alice"), "no-permission");
    assert_eq!(world.reason("eve", "alice"), "unknown-user");
    for name in ["mallory", "eve"] {
        world
            .immuta
            .put_user(FakeUser::new(name, &["IMPERSONATE_USER"]));
    }
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.reason("mallory", "alice"), "permission");
    assert_eq!(world.reason("eve", "alice"), "permission");
}

/// Flushes while a lookup is under way that brings a permission, which is revoked then.
fn flush_during_a_lookup(user: Option<&str>) {
    let world = World::new(|configuration| configuration);
    world.immuta.set_fault(Some(Fault::Delay { millis: 500 }));
    thread::scope(|scope| {
        let before = scope.spawn(|| world.reason("svc", "alice"));
        assert!(world.immuta.wait_for_requests(1, PATIENT));
        world.engine.flush(user);
        assert_eq!(before.join().unwrap(), "permission");
    });
    world.immuta.set_fault(None);
    world.immuta.put_user(FakeUser::new("svc", &[]));
    assert_eq!(world.reason("svc", "alice"), "no-permission");
}

#[test]
fn a_flush_during_a_lookup_never_resurrects_the_old_answer() {
    flush_during_a_lookup(None);
}

#[test]
fn a_flush_of_one_user_during_a_lookup_never_resurrects_the_old_answer() {
    flush_during_a_lookup(Some("svc"));
}

#[test]
fn a_flush_makes_a_revocation_count_at_once() {
    let world = World::new(|configuration| configuration);
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.immuta.put_user(FakeUser::new("svc", &[]));
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.engine.flush(Some("alice"));
    assert_eq!(world.reason("svc", "alice"), "permission");
    world.engine.flush(Some("svc"));
    assert_eq!(world.reason("svc", "alice"), "no-permission");
}

#[test]
fn both_lookups_of_a_decision_share_one_timeout() {
    let immuta = immuta();
    let configuration = Configuration::of(&immuta).timeout(Duration::from_secs(2));
    let engine = Engine::open(configuration.properties()).unwrap();
    immuta.set_fault(Some(Fault::Delay { millis: 1200 }));
    assert_eq!(reason(&engine, "svc", "alice"), "lookup-unavailable");
    let asked: Vec<String> = immuta
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[test]
fn an_administrator_stays_one_while_immuta_is_down() {
    let admin = |configuration: Configuration| configuration.with("immuta.user.admin", "root");
    let world = World::new(admin);
    world.immuta.set_fault(Some(DOWN));
    assert_eq!(world.reason("root", "alice"), "unknown-target");
    let world = World::new(|configuration| {
        admin(configuration).with("immuta.impersonation.unknown-targets", "allow")
    });
    world.immuta.set_fault(Some(DOWN));
    assert_eq!(world.reason("root", "alice"), "admin-user");
    assert_eq!(world.reason("svc", "alice"), "lookup-unavailable");
}

#[test]
fn who_is_disabled_in_immuta_is_refused_as_an_administrator_too() {
    let world = World::new(|configuration| configuration.with("immuta.user.admin", "root|svc"));
    assert_eq!(world.reason("root", "alice"), "admin-user");
    for name in ["svc", "carol"] {
        world.immuta.put_user(FakeUser {
            disabled: true,
            ..FakeUser::new(name, &["IMPERSONATE_USER"])
        });
    }
    assert_eq!(world.reason("svc", "alice"), "user-disabled");
    assert_eq!(world.reason("carol", "alice"), "user-disabled");
    assert_eq!(world.reason("root", "carol"), "target-disabled");
}

#[test]
fn names_are_folded_where_configured_and_only_there() {
    let world = World::new(|configuration| {
        configuration.with("immuta.impersonation.case-insensitive", "true")
    });
    world
        .immuta
        .put_user(FakeUser::new("Ann", &["IMPERSONATE_USER"]));
    for name in ["ANN", "ann", "Ann"] {
        assert_eq!(world.reason(name, "alice"), "permission", "{name}");
        assert_eq!(world.reason(name, "Alice"), "other-spelling", "{name}");
    }
    assert_eq!(world.reason("svc", "Ann"), "permission");
    assert_eq!(world.reason("svc", "ann"), "other-spelling");
    assert_eq!(world.immuta.requests().len(), 3, "they are three users");
    let world = World::new(|configuration| configuration);
    assert_eq!(world.reason("SVC", "alice"), "unknown-user");
    assert_eq!(world.reason("svc", "ALICE"), "unknown-target");
}

#[test]
fn with_an_iam_set_only_its_users_count_however_immuta_compares_names() {
    let world = World::new(|configuration| {
        configuration
            .with("immuta.iam", "okta")
            .with("immuta.impersonation.case-insensitive", "true")
    });
    for name in ["Ann", "alice"] {
        world.immuta.put_user(FakeUser {
            iamid: "okta".to_owned(),
            ..FakeUser::new(name, &["IMPERSONATE_USER"])
        });
    }
    assert_eq!(world.reason("ANN", "alice"), "permission");
    assert_eq!(world.reason("svc", "alice"), "unknown-user", "known to bim");
    assert_eq!(world.reason("ann", "mallory"), "unknown-target");
}

#[test]
fn a_name_is_never_answered_by_one_that_holds_it() {
    let world = World::new(|configuration| configuration);
    world
        .immuta
        .put_user(FakeUser::new("not-mallory", &["IMPERSONATE_USER"]));
    assert_eq!(world.reason("mallory", "alice"), "no-permission");
    assert_eq!(world.reason("not-mall", "alice"), "unknown-user");
    world.immuta.put_user(FakeUser {
        iamid: "okta".to_owned(),
        ..FakeUser::new("svc", &["IMPERSONATE_USER"])
    });
    assert_eq!(
        world.reason("svc", "alice"),
        "lookup-unavailable",
        "one of two"
    );
}

#[test]
fn scopes_come_from_the_policy_file_and_users_do_not() {
    let policy = |users: &str| {
        format!(r#"{{{users} "scopes": [{{"original_user": "svc", "new_user": "alice"}}]}}"#)
    };
    let configure = |configuration: Configuration, text: &str| {
        let file = configuration.path("policy.json");
        fs::write(&file, text).unwrap();
        configuration.with(
            "immuta.impersonation.policy-file",
            file.display().to_string(),
        )
    };
    let world = World::new(|configuration| configure(configuration, &policy("")));
    assert_eq!(world.reason("svc", "alice"), "permission");
    assert_eq!(world.reason("svc", "mallory"), "out-of-scope");

    let configuration = configure(
        Configuration::of(&world.immuta),
        &policy(r#""users": [{"name": "eve", "permissions": ["IMPERSONATE_USER"]}],"#),
    );
    let Err(ConfigError(problems)) = Engine::open(configuration.properties()) else {
        panic!("who may impersonate would be in two places");
    };
    assert_eq!(problems.len(), 1);
    let problem = problems[0].to_string();
    assert!(
        problem.starts_with("immuta.impersonation.policy-file: "),
        "{problem}"
    );
}

/// The worst that whoever answers in Immuta's place can do: everybody is said to hold the permission, and to be enabled.
#[test]
fn an_immuta_that_grants_everybody_everything_reaches_neither_administrators_nor_beyond_the_scopes()
{
    let world = World::new(|configuration| {
        let file = configuration.path("policy.json");
        let scopes = r#"{"scopes": [{"original_user": "mallory", "new_user": "alice"},
                                    {"original_user": "mallory", "new_user": "root"},
                                    {"original_user": "mallory", "new_group": "executives"}]}"#;
        fs::write(&file, scopes).unwrap();
        configuration
            .with(
                "immuta.impersonation.policy-file",
                file.display().to_string(),
            )
            .with("immuta.user.admin", "root")
            .with("immuta.group.admin", "wheel")
    });
    for name in ["mallory", "alice", "bob", "root"] {
        world.immuta.put_user(FakeUser {
            groups: vec!["wheel".to_owned(), "executives".to_owned()],
            ..FakeUser::new(name, &["IMPERSONATE_USER", "USER_ADMIN", "GOVERNANCE"])
        });
    }
    assert_eq!(world.reason("mallory", "alice"), "permission", "no more");
    assert_eq!(world.reason("mallory", "root"), "protected-target");
    assert_eq!(world.reason("mallory", "bob"), "out-of-scope");
    assert_eq!(world.reason("bob", "alice"), "out-of-scope");
}

#[test]
fn neither_the_api_key_nor_a_token_is_in_the_log_or_the_audit_file() {
    let key = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
    let immuta = FakeImmuta::start_with(&Options {
        api_key: key.to_owned(),
        ..Options::default()
    })
    .unwrap();
    immuta.put_user(FakeUser::new("svc", &["IMPERSONATE_USER"]));
    let mut configuration = Configuration::of(&immuta).timeout(SHORT);
    let audit = configuration.path("audit.jsonl");
    configuration = configuration.with(
        "immuta.impersonation.audit.file",
        audit.display().to_string(),
    );
    let mut printed = String::new();
    for raw_key_accepted in [true, false] {
        immuta.accept_raw_key(raw_key_accepted);
        for known in Fault::catalogue() {
            let clock = Arc::new(ManualClock::default());
            let engine = configuration.open(&clock);
            immuta.set_fault(Some(known.fault));
            reason(&engine, "svc", "alice");
            let log = engine.log();
            drop(engine);
            printed.extend(log.drain().into_iter().map(|message| message.text + "\n"));
        }
    }
    printed += &fs::read_to_string(audit).unwrap();
    assert!(printed.contains("refused the API key"), "{printed}");
    assert!(printed.contains("\"reason\":\"lookup-unavailable\""));
    assert!(!printed.contains(key), "{printed}");
    assert!(!printed.contains("fake-immuta-token"), "{printed}");
}

/// An administrator may go on while Immuta is down, but nobody would know which groups apply to the target.
#[test]
fn a_target_whose_groups_nobody_knows_is_bound_to_no_query() {
    let world = World::new(|configuration| {
        configuration
            .with("immuta.user.admin", "admin")
            .with("immuta.impersonation.unknown-targets", "allow")
    });
    world.immuta.set_fault(Some(DOWN));
    assert_eq!(world.reason("admin", "alice"), "admin-user");
    assert_eq!(
        world.engine.bind(&Request::new("admin", "alice")),
        Bound {
            reason: Reason::LookupUnavailable,
            target: "alice".to_owned(),
            groups: Vec::new(),
        }
    );
}
