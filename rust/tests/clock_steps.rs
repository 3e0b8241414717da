//! The time of day is set, by hours and by years, in both directions. What is remembered ends by the clock that
//! nobody sets; the time of day is for audit lines and for the day on which an account expires.

mod common;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use common::{Configuration, ManualClock, TTL, immuta, reason};
use fake_immuta::{FakeImmuta, FakeUser, Fault};
use immuta_impersonation::Engine;
use jiff::SignedDuration;
use serde_json::Value;

const TICK: Duration = Duration::from_nanos(1);
const MAX_STALE: Duration = Duration::from_secs(600);
const STEPS: [SignedDuration; 6] = [
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(-1),
    SignedDuration::from_hours(49),
    SignedDuration::from_hours(-49),
    SignedDuration::from_hours(24 * 365 * 20),
    SignedDuration::from_hours(-24 * 365 * 20),
];
const POLICY: &str = r#"{"users": [
    {"name": "svc", "permissions": ["IMPERSONATE_USER"]},
    {"name": "alice"},
    {"name": "guest", "expires": "1970-01-01T06:00:00Z"}]}"#;

struct World {
    configuration: Configuration,
    immuta: FakeImmuta,
    clock: Arc<ManualClock>,
    engine: Engine,
}

impl World {
    fn start(configure: impl FnOnce(Configuration) -> Configuration) -> World {
        let immuta = immuta();
        let configuration = configure(Configuration::of(&immuta));
        let clock = Arc::new(ManualClock::default());
        let engine = configuration.open(&clock);
        World {
            configuration,
            immuta,
            clock,
            engine,
        }
    }

    fn with_immuta() -> World {
        World::start(|configuration| configuration.timeout(Duration::from_secs(60)))
    }

    /// The users of the policy file.
    fn with_file() -> World {
        World::start(|_| {
            let configuration = Configuration::default();
            let (policy, audit) = (
                configuration.path("policy.json"),
                configuration.path("audit.jsonl"),
            );
            fs::write(&policy, POLICY).unwrap();
            configuration
                .with(
                    "immuta.impersonation.policy-file",
                    policy.display().to_string(),
                )
                .with("immuta.impersonation.policy-file.refresh", "1h")
                .with(
                    "immuta.impersonation.audit.file",
                    audit.display().to_string(),
                )
        })
    }

    /// Of what is decided when svc asks.
    fn reason(&self, target: &str) -> &'static str {
        reason(&self.engine, "svc", target)
    }

    fn set_clock(&self, by: SignedDuration) {
        *self.clock.set_by.lock() += by;
    }
}

#[test]
fn a_revoked_permission_ends_with_its_life_whatever_the_time_of_day_is_set_to() {
    for step in STEPS {
        let world = World::with_immuta();
        assert_eq!(world.reason("alice"), "permission");
        world.immuta.put_user(FakeUser::new("svc", &[]));
        world.set_clock(step);
        world.clock.advance(TTL);
        assert_eq!(world.reason("alice"), "no-permission", "{step}");
    }
}

#[test]
fn nobody_is_forgotten_early_because_the_time_of_day_was_set() {
    for step in STEPS {
        let world = World::with_immuta();
        assert_eq!(world.reason("mallory"), "permission");
        let asked = world.immuta.requests().len();
        world.immuta.set_fault(Some(Fault::Hang));
        world.set_clock(step);
        assert_eq!(world.reason("mallory"), "permission", "{step}");
        assert_eq!(world.immuta.requests().len(), asked, "{step}");
    }
}

#[test]
fn a_broken_file_stops_serving_in_time_whatever_the_time_of_day_is_set_to() {
    for step in STEPS {
        let world = World::with_file();
        assert_eq!(world.reason("alice"), "permission");
        fs::write(world.configuration.path("policy.json"), "{").unwrap();
        world.engine.reload();
        world.set_clock(step);
        world.clock.advance(MAX_STALE - TICK);
        assert_eq!(world.reason("alice"), "permission", "{step}");
        world.clock.advance(TICK);
        assert_eq!(world.reason("alice"), "lookup-unavailable", "{step}");
    }
}

#[test]
fn an_account_is_expired_by_the_time_of_day_that_holds() {
    let world = World::with_file();
    assert_eq!(world.reason("guest"), "permission");
    world.set_clock(SignedDuration::from_hours(6));
    assert_eq!(world.reason("guest"), "target-disabled");
    world.set_clock(SignedDuration::from_hours(-6));
    assert_eq!(world.reason("guest"), "permission");
}

#[test]
fn every_decision_leaves_its_line_while_the_time_of_day_is_set_to_and_fro() {
    let world = World::with_file();
    for step in STEPS {
        assert_eq!(world.reason("alice"), "permission");
        world.set_clock(step);
        assert_eq!(world.reason("bob"), "unknown-target", "{step}");
    }
    let World {
        configuration,
        engine,
        ..
    } = world;
    drop(engine);
    let folder = configuration.path("");
    let mut reasons = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.to_string_lossy().contains("audit.jsonl") {
            let text = fs::read_to_string(path).unwrap();
            let lines = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap());
            reasons.extend(lines.filter_map(|line| line["reason"].as_str().map(str::to_owned)));
        }
    }
    reasons.sort_unstable();
    let expected = [["permission"; STEPS.len()], ["unknown-target"; STEPS.len()]].concat();
    assert_eq!(reasons, expected);
}
