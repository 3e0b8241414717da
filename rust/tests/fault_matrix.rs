//! Every fault that the stand-in for Immuta can make, met by users in every state of the cache.
//!
//! What each must lead to is in `tests/golden/faults.json`, which the Java tests read, too. What was
//! seen is in `docs/faults.md`, which this test writes when it is told to.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use common::{Configuration, ManualClock, TTL, immuta, reason};
use fake_immuta::{FakeImmuta, Fault};
use immuta_impersonation::Engine;
use serde::Deserialize;

/// For faults that make a lookup wait until its time is up. A lookup that works must not need as much.
const SHORT: Duration = Duration::from_millis(800);
/// For all others: so long that a busy machine does not turn them into one of the first kind.
const LONG: Duration = Duration::from_secs(5);
/// How much longer than its timeout a decision may take on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(2);
/// How long a user is remembered who may not impersonate: the default.
const NEGATIVE_TTL: Duration = Duration::from_secs(5);
/// Of a thread.
const FAILED: &str = "what failed is above";
/// Stands for the address that was asked in what is written down.
const EXAMPLE: &str = "https://immuta.example";

/// What a fault must lead to, in each way of looking users up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expected {
    name: String,
    /// Whether the first decision takes the whole timeout.
    #[serde(default)]
    waits: bool,
    by_name: Outcome,
    in_one_iam: Outcome,
}

/// What `svc`, who may impersonate, is told when he wants to act as `alice`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Outcome {
    never_seen: String,
    /// Nothing where the fault cannot begin after the user was seen.
    warm: Option<String>,
    just_expired: Option<String>,
    next_call: Option<NextCall>,
    after_repair: Option<Recovery>,
}

/// Where a second decision takes its answer from while the fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum NextCall {
    AsksAgain,
    Remembered,
}

/// When the permission counts again after the fault is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Recovery {
    AtOnce,
    AfterNegativeTtl,
}

/// Something that goes wrong.
struct Trouble {
    name: String,
    description: String,
    cause: Cause,
}

enum Cause {
    /// The server misbehaves.
    Fault(Fault),
    /// The endpoint of the engine is another one.
    Elsewhere(fn(&FakeImmuta) -> String),
}

impl Trouble {
    /// The stand-in's catalogue, and addresses where there is no Immuta that could be trusted.
    fn all() -> Vec<Trouble> {
        let catalogue = Fault::catalogue().into_iter().map(|known| Trouble {
            name: known.name,
            description: known.description,
            cause: Cause::Fault(known.fault),
        });
        let elsewhere = |name: &str, description: &str, url| Trouble {
            name: name.to_owned(),
            description: description.to_owned(),
            cause: Cause::Elsewhere(url),
        };
        catalogue
            .chain([
                elsewhere("no-server", "Nothing listens at the endpoint.", |_| {
                    "http://127.0.0.1:1".to_owned()
                }),
                elsewhere(
                    "tls-wrong-name",
                    "The certificate is for another host.",
                    FakeImmuta::https_wrong_name_url,
                ),
                elsewhere(
                    "tls-unknown-ca",
                    "The certificate is of a CA that is not trusted.",
                    FakeImmuta::https_unknown_ca_url,
                ),
            ])
            .collect()
    }
}

/// How users are looked up.
#[derive(Clone, Copy, Debug)]
enum By {
    Name,
    OneIam,
}

/// What was seen of a fault.
struct Seen {
    waits: bool,
    by_name: Outcome,
    in_one_iam: Outcome,
    /// What the log says of it first.
    said: Option<String>,
}

/// One way of looking users up, under one fault.
struct Cell<'t> {
    trouble: &'t Trouble,
    by: By,
    immuta: &'t FakeImmuta,
    url: String,
    timeout: Duration,
    clock: Arc<ManualClock>,
    engine: Engine,
}

impl<'t> Cell<'t> {
    fn new(trouble: &'t Trouble, by: By, immuta: &'t FakeImmuta, timeout: Duration) -> Self {
        let url = match &trouble.cause {
            Cause::Fault(_) => immuta.url(),
            Cause::Elsewhere(url) => url(immuta),
        };
        let mut configuration = Configuration::of(immuta)
            .timeout(timeout)
            .with("immuta.endpoint", &url);
        if let By::OneIam = by {
            configuration = configuration.with("immuta.iam", "bim");
        }
        let clock = Arc::new(ManualClock::default());
        let engine = configuration.open(&clock);
        engine.log().drain();
        immuta.set_fault(None);
        Cell {
            trouble,
            by,
            immuta,
            url,
            timeout,
            clock,
            engine,
        }
    }

    fn begin(&self) {
        if let Cause::Fault(fault) = &self.trouble.cause {
            self.immuta.set_fault(Some(fault.clone()));
        }
        self.immuta.clear_requests();
    }

    fn context(&self) -> String {
        format!("{} by {:?}", self.trouble.name, self.by)
    }

    /// The reason of a decision, which must come in time, and how long it took.
    fn decide(&self, impersonator: &str) -> (&'static str, Duration) {
        let start = Instant::now();
        let reason = reason(&self.engine, impersonator, "alice");
        let took = start.elapsed();
        assert!(
            took < self.timeout + SLACK,
            "{}: {impersonator} waited for {took:?}",
            self.context()
        );
        (reason, took)
    }

    fn allows(&self) -> bool {
        self.decide("svc").0 == "permission"
    }

    /// What the first decision under the fault says, and whether it took all the time there is.
    fn first(&self) -> (String, bool) {
        let (reason, took) = self.decide("svc");
        (reason.to_owned(), took >= self.timeout)
    }

    /// What the first failed lookup left in the log.
    fn said(&self) -> Option<String> {
        let messages = self.engine.log().drain();
        let problem = messages
            .iter()
            .find_map(|message| message.text.strip_prefix("looking up \"svc\" failed: "))?;
        Some(problem.replace(&self.url, EXAMPLE))
    }

    /// What the next decision does while the fault lasts. It must say the same.
    fn next_call(&self, first: &str) -> NextCall {
        self.immuta.clear_requests();
        assert_eq!(self.decide("svc").0, first, "{}: then", self.context());
        if self.immuta.requests().is_empty() {
            NextCall::Remembered
        } else {
            NextCall::AsksAgain
        }
    }

    /// Ends the fault.
    fn recovery(&self) -> Recovery {
        self.immuta.set_fault(None);
        if self.allows() {
            return Recovery::AtOnce;
        }
        self.clock.advance(NEGATIVE_TTL);
        assert!(self.allows(), "{}: never recovers", self.context());
        Recovery::AfterNegativeTtl
    }
}

/// Brings the trouble upon a user in every state.
fn outcome(trouble: &Trouble, by: By, timeout: Duration) -> (Outcome, bool, Option<String>) {
    let immuta = &immuta();
    let cell = Cell::new(trouble, by, immuta, timeout);
    cell.begin();
    let (never_seen, waits) = cell.first();
    let said = cell.said();
    let next_call = cell.next_call(&never_seen);
    let (mallory, _) = cell.decide("mallory");
    let denial = match never_seen.as_str() {
        "permission" => "no-permission",
        other => other,
    };
    assert_eq!(mallory, denial, "{}: mallory", cell.context());
    let mut outcome = Outcome {
        never_seen,
        warm: None,
        just_expired: None,
        next_call: None,
        after_repair: None,
    };
    let Cause::Fault(_) = trouble.cause else {
        return (outcome, waits, said);
    };
    let after_repair = cell.recovery();
    outcome.next_call = Some(next_call);
    outcome.after_repair = Some(after_repair);

    let cell = Cell::new(trouble, by, immuta, timeout);
    assert!(cell.allows(), "{}: warming", cell.context());
    cell.begin();
    let (warm, _) = cell.first();
    assert_eq!(immuta.requests(), [], "{}: warm", cell.context());
    assert_eq!(cell.next_call(&warm), NextCall::Remembered);
    assert_eq!(cell.recovery(), Recovery::AtOnce);
    outcome.warm = Some(warm);

    let cell = Cell::new(trouble, by, immuta, timeout);
    assert!(cell.allows(), "{}: warming", cell.context());
    cell.clock.advance(TTL);
    cell.begin();
    let (just_expired, waited) = cell.first();
    assert_eq!(waited, waits, "{}: expired", cell.context());
    assert_eq!(
        cell.next_call(&just_expired),
        next_call,
        "{}",
        cell.context()
    );
    assert_eq!(cell.recovery(), after_repair, "{}", cell.context());
    outcome.just_expired = Some(just_expired);
    (outcome, waits, said)
}

fn see(trouble: &Trouble, timeout: Duration) -> Seen {
    let [by_name, in_one_iam] = thread::scope(|scope| {
        [By::Name, By::OneIam]
            .map(|by| scope.spawn(move || outcome(trouble, by, timeout)))
            .map(|thread| thread.join().expect(FAILED))
    });
    let (by_name, waits, said) = by_name;
    let (in_one_iam, waits_in_iam, said_in_iam) = in_one_iam;
    assert_eq!(waits, waits_in_iam, "{}", trouble.name);
    Seen {
        waits,
        by_name,
        in_one_iam,
        said: said.or(said_in_iam),
    }
}

fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

fn golden() -> Vec<Expected> {
    let text = fs::read_to_string(project("tests/golden/faults.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_fault_leads_to_what_it_must_and_the_documentation_says_so() {
    let troubles = Trouble::all();
    let expected = golden();
    let names = |names: &mut dyn Iterator<Item = &String>| Vec::from_iter(names.cloned());
    assert_eq!(
        names(&mut expected.iter().map(|expected| &expected.name)),
        names(&mut troubles.iter().map(|trouble| &trouble.name)),
        "tests/golden/faults.json has a row for each fault"
    );

    // Side by side with the others, since they take all the time that they are given.
    let rows = || troubles.iter().zip(&expected);
    let seen: Vec<Seen> = thread::scope(|scope| {
        let waiting: Vec<_> = rows()
            .map(|(trouble, expected)| {
                let see = move || see(trouble, SHORT);
                expected.waits.then(|| scope.spawn(see))
            })
            .collect();
        let others: Vec<_> = rows()
            .map(|(trouble, expected)| (!expected.waits).then(|| see(trouble, LONG)))
            .collect();
        let seen = |(waiting, other): (Option<ScopedJoinHandle<_>>, Option<Seen>)| {
            other.or_else(|| Some(waiting?.join().expect(FAILED)))
        };
        waiting.into_iter().zip(others).filter_map(seen).collect()
    });

    assert_eq!(seen.len(), troubles.len());
    for (seen, expected) in seen.iter().zip(&expected) {
        let name = &expected.name;
        assert_eq!(seen.by_name, expected.by_name, "{name} by name");
        assert_eq!(seen.in_one_iam, expected.in_one_iam, "{name} in one IAM");
        assert_eq!(
            seen.waits, expected.waits,
            "{name}: takes the whole timeout"
        );
    }
    compare_with_documentation(&document(&troubles, &seen));
}

fn compare_with_documentation(rendered: &str) {
    let path = project("docs/faults.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, rendered).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == rendered,
        "docs/faults.md does not say what was seen; write it anew with\n    \
         UPDATE_DOCS=1 cargo test --test fault_matrix\nand look at what changed"
    );
}

/// `docs/faults.md`. Nothing in it differs from run to run.
fn document(troubles: &[Trouble], seen: &[Seen]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let rows = || troubles.iter().zip(seen);
    text += "\n## The faults\n\n| fault | what happens | time | what the log says |\n| --- | --- | --- | --- |\n";
    for (trouble, seen) in rows() {
        let time = if seen.waits { "the timeout" } else { "at once" };
        let said = seen.said.as_deref().unwrap_or("—").replace('|', "\\|");
        let (name, description) = (&trouble.name, &trouble.description);
        let _ = writeln!(text, "| {name} | {description} | {time} | {said} |");
    }
    let mut table = |title: &str, outcome: fn(&Seen) -> &Outcome| {
        let _ = write!(
            text,
            "\n## {title}\n\n\
             | fault | never seen | warm | just expired | next call | after the repair |\n\
             | --- | --- | --- | --- | --- | --- |\n"
        );
        for (trouble, seen) in rows() {
            let _ = writeln!(text, "| {} | {} |", trouble.name, outcome(seen).row());
        }
    };
    table("Looked up by name", |seen| &seen.by_name);
    table("Looked up in one IAM (`immuta.iam`)", |seen| {
        &seen.in_one_iam
    });
    text + DISKS
}

impl Outcome {
    fn row(&self) -> String {
        let next_call = self.next_call.map(|next_call| match next_call {
            NextCall::AsksAgain => "asks again",
            NextCall::Remembered => "from memory",
        });
        let after_repair = self.after_repair.map(|recovery| match recovery {
            Recovery::AtOnce => "at once",
            Recovery::AfterNegativeTtl => "after the negative TTL",
        });
        [
            Some(self.never_seen.as_str()),
            self.warm.as_deref(),
            self.just_expired.as_deref(),
            next_call,
            after_repair,
        ]
        .map(|text| text.unwrap_or("—"))
        .join(" | ")
    }
}

/// Shown by `audit/tests.rs`, `source/watched.rs` and `tests/ending.rs`.
const DISKS: &str = "
## When the disk hangs

Not Immuta, but met in the same nights. What the audit file's disk does is in [audit.md](audit.md): a write that has not come back after
5 s is a failure, nobody is let in, nobody waits longer than that, and at most 10 000 decisions, those of these 5 s, have been let in
without a line in the file. A policy, group or user mapping file that nobody could look at for a minute, or for
`immuta.impersonation.policy-file.max-stale` if that is longer, counts as broken: decisions that would need it are `lookup-unavailable`. A flush forgets first, and waits for such
a file for 5 s at most. A server that stops is held up by none of them for longer than 9.5 s.
";

const INTRODUCTION: &str = "\
# What happens when Immuta misbehaves

Written by `rust/tests/fault_matrix.rs` from what it saw on a stand-in for Immuta (`tests/fake-immuta`); not by hand. After a
change of behaviour, write it anew and look at what changed:

    UPDATE_DOCS=1 cargo test --test fault_matrix

In each case `svc`, who holds `IMPERSONATE_USER`, wants to act as `alice`. The tables show the reason of the decision:
`permission` allows, all others deny. Under the same fault a user without the permission is let in nowhere.

* **never seen**: nothing is remembered of either of the two.
* **warm**: both are remembered. No request is made. A user who may impersonate is remembered for
  `immuta.impersonation.cache.ttl` (30 s), all others, most targets among them, for `immuta.impersonation.cache.negative-ttl`
  (5 s): an outage is noticed by whom either of the two was forgotten. `immuta.impersonation.cache.stale-if-error` is 0 here, as it
  is by default; while it lasts, `just expired` is as `warm`, where a lookup fails.
* **just expired**: both were remembered until this moment.
* **next call**: where the next decision on the same two takes its answer from while the fault lasts. A failed lookup is never
  remembered, but after five in a row that say that Immuta as a whole does not work, it is left alone for a second, then for
  longer, and decisions that would need it are `lookup-unavailable` at once.
* **after the repair**: when the permission counts again. Where Immuta seemed to say that it knows no such user, that is
  remembered for `immuta.impersonation.cache.negative-ttl`.
* **time**: no decision takes longer than `immuta.http.timeout.milliseconds`, which is 800 here for the faults that take all of
  it.
";
