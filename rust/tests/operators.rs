//! What an engine shows to those who run it, and what it does for them.

mod common;

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::{Configuration, ManualClock, TTL, immuta, reason};
use fake_immuta::{FakeImmuta, FakeUser};
use immuta_impersonation::cache::State;
use immuta_impersonation::clock::Clock;
use immuta_impersonation::engine::Caller;
use immuta_impersonation::history::Past;
use immuta_impersonation::{Engine, Name, Path, Reason, Request};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// A lookup that takes longer has failed. No lookup should.
const PATIENT: Duration = Duration::from_secs(60);

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

    fn metric(&self, name: &str) -> u64 {
        let metrics = self.engine.metrics();
        let found = metrics.iter().find(|metric| metric.name == name);
        found
            .unwrap_or_else(|| panic!("{name} in {metrics:?}"))
            .value
    }

    fn pairs(&self, of: Option<&str>) -> Vec<(String, String)> {
        let of = of.map(Name::from);
        let decisions = self.engine.decisions(of.as_ref());
        decisions
            .into_iter()
            .map(|past| (past.impersonator, past.target))
            .collect()
    }

    fn is_admin(&self, user: &str) -> bool {
        self.engine.is_admin(&caller(user))
    }
}

fn caller(user: &str) -> Caller<'_> {
    Caller {
        user: user.into(),
        principal: Some("svc@REALM".into()),
        query_id: Some("q1".into()),
    }
}

fn pair(impersonator: &str, target: &str) -> (String, String) {
    (impersonator.to_owned(), target.to_owned())
}

#[test]
fn each_decision_counts_once_with_the_reason_that_it_had() {
    let world = World::new(|configuration| configuration);
    for _ in 0..3 {
        assert_eq!(reason(&world.engine, "svc", "alice"), "permission");
    }
    assert_eq!(reason(&world.engine, "mallory", "alice"), "no-permission");
    assert_eq!(
        world.engine.bind(&Request::new("svc", "stranger")).reason,
        Reason::UnknownTarget
    );
    for (name, count) in [
        ("decisions_allow", 3),
        ("decisions_allow_permission", 3),
        ("decisions_deny", 2),
        ("decisions_deny_no_permission", 1),
        ("decisions_deny_unknown_target", 1),
        // svc, alice, mallory and the stranger were looked up; svc and alice were hits after that.
        ("cache_misses", 4),
        ("cache_hits", 5),
        ("cache_size", 4),
        ("lookup_milliseconds_le_inf", 4),
        ("audit_queue", 0),
        ("audit_lost", 0),
        ("audit_failing", 0),
    ] {
        assert_eq!(world.metric(name), count, "{name}");
    }
}

#[test]
fn a_decision_that_cannot_be_recorded_is_counted_and_shown_as_the_denial_that_it_is() {
    let world = World::new(|c| c.with("immuta.impersonation.audit.file", "/dev/full"));
    assert_eq!(reason(&world.engine, "svc", "alice"), "audit-unavailable");
    assert_eq!(world.metric("decisions_deny_audit_unavailable"), 1);
    assert_eq!(world.metric("decisions_allow"), 0);
    assert_eq!(world.metric("audit_failing"), 1);
    let decisions = world.engine.decisions(None);
    assert_eq!(decisions[0].reason, Reason::AuditUnavailable);
}

#[test]
fn the_last_decisions_are_shown_without_an_audit_too() {
    let world = World::new(|configuration| configuration);
    world.clock.advance(Duration::from_secs(3));
    let mut request = Request::new("svc", "alice");
    request.principal = Some("svc@REALM".into());
    request.path = Path::Property;
    request.query_id = Some("q1".into());
    world.engine.bind(&request);
    world.clock.advance(Duration::from_secs(4));
    reason(&world.engine, "mallory", "alice");
    let decisions = world.engine.decisions(None);
    assert_eq!(decisions.len(), 2);
    assert_eq!(
        decisions[0].reason,
        Reason::NoPermission,
        "the newest first"
    );
    assert_eq!(
        decisions[1],
        Past {
            time: jiff::Timestamp::UNIX_EPOCH + Duration::from_secs(3),
            reason: Reason::Permission,
            impersonator: "svc".to_owned(),
            target: "alice".to_owned(),
            principal: Some("svc@REALM".to_owned()),
            path: Path::Property,
            query_id: Some("q1".to_owned()),
        }
    );
}

#[test]
fn a_user_is_shown_what_concerns_that_user() {
    let world = World::new(|c| c.with("immuta.impersonation.case-insensitive", "true"));
    for (impersonator, target) in [
        ("svc", "alice"),
        ("SVC", "bob"),
        ("bob", "Alice"),
        ("alicex", "bob"),
    ] {
        reason(&world.engine, impersonator, target);
    }
    assert_eq!(world.pairs(None).len(), 4);
    assert_eq!(
        world.pairs(Some("alice")),
        [pair("bob", "Alice"), pair("svc", "alice")]
    );
    assert_eq!(
        world.pairs(Some("svc")),
        [pair("SVC", "bob"), pair("svc", "alice")]
    );
    assert_eq!(world.pairs(Some("")), []);
    assert_eq!(world.pairs(Some("nobody")), []);
}

#[test]
fn what_was_asked_with_a_name_that_none_can_have_concerns_nobody() {
    let world = World::new(|configuration| configuration);
    let mut request = Request::new("svc", "alice");
    request.target = Name::from_bytes(b"al\xed\xa0\x80ice");
    world.engine.decide(&request);
    let viewer = Name::from_bytes(b"al\xed\xa0\x80ice");
    assert_eq!(world.engine.decisions(Some(&viewer)), []);
    assert_eq!(world.engine.decisions(None).len(), 1);
}

#[test]
fn an_admin_is_who_would_be_one_in_a_decision() {
    let world = World::new(|configuration| {
        let groups = configuration.path("groups.txt");
        fs::write(&groups, "operators:nightshift\n").unwrap();
        configuration
            .with("immuta.user.admin", "root|gone")
            .with("immuta.group.admin", "operators")
            .with("immuta.group-file", groups.display().to_string())
    });
    let mut gone = FakeUser::new("gone", &[]);
    gone.disabled = true;
    world.immuta.put_user(gone);
    assert!(
        world.is_admin("root"),
        "by name, though the source does not know them"
    );
    assert!(world.is_admin("nightshift"), "by the group file");
    for nobody in ["svc", "mallory", "", "root\n", "ROOT", "operators"] {
        assert!(!world.is_admin(nobody), "{nobody:?}");
    }
    assert!(!world.is_admin("gone"), "disabled");
}

#[test]
fn a_flush_makes_a_revocation_hold_at_once() {
    let world = World::new(|c| c.with("immuta.user.admin", "root"));
    for (revoked, other, whom) in [("svc", "mallory", Some("svc")), ("mallory", "svc", None)] {
        for name in [revoked, other] {
            let holder = FakeUser::new(name, &["IMPERSONATE_USER"]);
            world.immuta.put_user(holder);
        }
        world.engine.flush(None);
        for name in [revoked, other] {
            assert_eq!(reason(&world.engine, name, "alice"), "permission");
            world.immuta.put_user(FakeUser::new(name, &[]));
        }
        assert_eq!(reason(&world.engine, revoked, "alice"), "permission");
        let whom_name = whom.map(Name::from);
        assert!(!world.engine.flush_for(&caller(revoked), whom_name.as_ref()));
        assert_eq!(
            reason(&world.engine, revoked, "alice"),
            "permission",
            "refused"
        );
        assert!(world.engine.flush_for(&caller("root"), whom_name.as_ref()));
        assert_eq!(reason(&world.engine, revoked, "alice"), "no-permission");
        let rest = if whom.is_some() {
            "permission"
        } else {
            "no-permission"
        };
        assert_eq!(reason(&world.engine, other, "alice"), rest);
    }
}

#[test]
fn each_flush_leaves_a_line_allowed_or_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let world = World::new(|configuration| {
        configuration.with("immuta.user.admin", "root").with(
            "immuta.impersonation.audit.file",
            file.display().to_string(),
        )
    });
    let alice = Name::from("alice");
    world.engine.flush_for(&caller("root"), Some(&alice));
    world.engine.flush_for(&caller("svc"), None);
    drop(world);
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["type"] == "flush")
        .collect();
    let line = |decision, user, flushed| {
        json!({"type": "flush", "schemaVersion": 1, "time": "1970-01-01T00:00:00.000000Z", "decision": decision, "user": user,
            "flushed": flushed, "principal": "svc@REALM", "queryId": "q1",
            "engineVersion": immuta_impersonation::VERSION})
    };
    assert_eq!(
        lines,
        [
            line("allow", "root", Some("alice")),
            line("deny", "svc", None)
        ]
    );
}

#[test]
fn a_flush_looks_for_changed_files_too() {
    let folder = tempfile::TempDir::new().unwrap();
    let policy = folder.path().join("policy.json");
    let write = |permissions: &str| {
        let text = format!(
            r#"{{"users": [{{"name": "svc", "permissions": [{permissions}]}}, {{"name": "alice"}}]}}"#
        );
        fs::write(&policy, text).unwrap();
    };
    write("\"IMPERSONATE_USER\"");
    let properties = [
        (
            "immuta.impersonation.policy-file",
            policy.display().to_string(),
        ),
        ("immuta.impersonation.policy-file.refresh", "1h".to_owned()),
        ("immuta.impersonation.audit.file", String::new()),
        ("immuta.user.admin", "root".to_owned()),
    ];
    let properties = properties.map(|(name, value)| (name.to_owned(), value));
    let engine = Engine::open(&properties.into()).unwrap();
    assert_eq!(reason(&engine, "svc", "alice"), "permission");
    write("");
    assert_eq!(reason(&engine, "svc", "alice"), "permission");
    assert!(engine.flush_for(&caller("root"), None));
    assert_eq!(reason(&engine, "svc", "alice"), "no-permission");
}

/// A clock that the threads which look at files cannot read while this is held: as if their disk hung.
#[derive(Default)]
struct HangingDisk {
    clock: ManualClock,
    hangs: Mutex<()>,
}

impl Clock for HangingDisk {
    fn elapsed(&self) -> Duration {
        if thread::current().name() == Some("impersonation-files") {
            drop(self.hangs.lock());
        }
        self.clock.elapsed()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

#[test]
fn a_flush_holds_and_is_recorded_though_the_disk_of_the_files_hangs() {
    let immuta = immuta();
    let mut configuration = Configuration::of(&immuta).timeout(PATIENT);
    let [groups, audit] = ["groups.txt", "audit.jsonl"].map(|name| configuration.path(name));
    fs::write(&groups, "east:alice\n").unwrap();
    for (name, value) in [
        ("immuta.group-file", groups.display().to_string()),
        (
            "immuta.impersonation.audit.file",
            audit.display().to_string(),
        ),
        ("immuta.user.admin", "root".to_owned()),
    ] {
        configuration = configuration.with(name, value);
    }
    let disk = Arc::new(HangingDisk::default());
    let clock: Arc<dyn Clock> = Arc::clone(&disk) as _;
    let engine = Engine::with_clock(configuration.properties(), clock).unwrap();
    assert_eq!(reason(&engine, "svc", "alice"), "permission");
    assert!(!engine.remembered().is_empty());

    let hang = disk.hangs.lock();
    let start = Instant::now();
    assert!(engine.flush_for(&caller("root"), None));
    assert!(start.elapsed() < PATIENT);
    assert_eq!(engine.remembered(), []);
    let said = engine.log().drain();
    assert!(
        said.iter()
            .any(|message| message.text.contains("could not be looked at")),
        "{said:?}"
    );
    drop(hang);
    drop(engine);
    let text = fs::read_to_string(&audit).unwrap();
    assert_eq!(text.matches("\"flush\"").count(), 1, "{text}");
}

#[test]
fn who_is_refused_over_and_over_is_counted_and_washes_nobody_out_of_the_last_decisions() {
    let world = World::new(|c| c.with("immuta.impersonation.audit.max-repeated-refusals", "3"));
    assert_eq!(reason(&world.engine, "svc", "alice"), "permission");
    for _ in 0..20_000 {
        reason(&world.engine, "mallory", "alice");
    }
    assert_eq!(world.metric("decisions_deny_no_permission"), 20_000);
    let mallorys = vec![pair("mallory", "alice"); 3];
    assert_eq!(
        world.pairs(None),
        [mallorys, vec![pair("svc", "alice")]].concat()
    );
    world.clock.advance(Duration::from_secs(60));
    reason(&world.engine, "mallory", "alice");
    assert_eq!(world.pairs(None).len(), 5, "another minute");
}

#[test]
fn without_patterns_nobody_is_an_admin() {
    let world = World::new(|configuration| configuration);
    assert!(!world.is_admin("svc"));
}

#[test]
fn what_is_remembered_and_what_holds_is_shown_without_secrets() {
    let world = World::new(|c| c.with("immuta.impersonation.cache.ttl", "31s"));
    reason(&world.engine, "svc", "alice");
    world.clock.advance(TTL);
    let mut remembered = world.engine.remembered();
    remembered.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    let shown: Vec<_> = remembered
        .iter()
        .map(|user| (user.name.as_str(), user.state, user.age))
        .collect();
    assert_eq!(
        shown,
        [("alice", State::Expired, TTL), ("svc", State::Fresh, TTL)]
    );
    let setting = |name| {
        world
            .engine
            .settings()
            .iter()
            .find(|setting| setting.name == name)
            .unwrap()
    };
    assert_eq!(
        setting("immuta.impersonation.cache.ttl").value.as_deref(),
        Some("31s")
    );
    assert_eq!(setting("immuta.apikey").value.as_deref(), Some("****"));
    assert!(!format!("{:?}", world.engine.settings()).contains(world.immuta.api_key()));
}
