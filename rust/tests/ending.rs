//! The end of an engine while something is under way or hangs.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use immuta_impersonation::clock::SystemClock;
use immuta_impersonation::source::lookup::{Lookup, LookupError};
use immuta_impersonation::user::User;
use immuta_impersonation::{Engine, Reason, Request};
use parking_lot::Mutex;

/// How long whoever closes an engine waits at most, on a machine that is busy with other tests.
const LONGEST: Duration = Duration::from_secs(60);

/// Knows everybody, `slow` only when this is not held.
struct Source {
    slow: Arc<Mutex<()>>,
}

impl Lookup for Source {
    fn look_up(&self, name: &str, _: Duration) -> Result<Option<User>, LookupError> {
        if name == "slow" {
            drop(self.slow.lock());
        }
        Ok(Some(User::new(true)))
    }
}

fn engine(audit: &str, slow: &Arc<Mutex<()>>) -> Arc<Engine> {
    let properties = [
        ("immuta.endpoint", "http://127.0.0.1:9"),
        ("immuta.impersonation.allow-http", "true"),
        ("immuta.apikey", "never-sent"),
        ("immuta.http.timeout.milliseconds", "60000"),
        ("immuta.impersonation.audit.file", audit),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let source = Arc::new(Source {
        slow: Arc::clone(slow),
    });
    let clock = Arc::new(SystemClock::new());
    Arc::new(Engine::with_lookup(&properties.into(), clock, source).unwrap())
}

#[test]
fn closing_waits_for_every_line_and_who_decides_later_lets_nobody_in() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let slow = Arc::new(Mutex::new(()));
    let engine = engine(&file.display().to_string(), &slow);
    let lookup = slow.lock();
    thread::scope(|scope| {
        let under_way = {
            let engine = Arc::clone(&engine);
            scope.spawn(move || engine.decide(&Request::new("svc", "slow")))
        };
        for _ in 0..1_000 {
            let reason = engine.decide(&Request::new("svc", "alice"));
            assert_eq!(reason, Reason::Permission);
        }
        // As the list of handles gives it up, while the decision under way still has it.
        engine.close();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches("\"allow\"").count(), 1_000);
        assert!(!under_way.is_finished());
        drop(lookup);
        assert_eq!(under_way.join().unwrap(), Reason::AuditUnavailable);
    });
}

#[test]
fn closing_ends_though_the_audit_file_and_a_lookup_hang() {
    let folder = tempfile::TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    // Held open, and never read.
    let options = fs::File::options().read(true).write(true).open(&pipe);
    let held = options.unwrap();
    let slow = Arc::new(Mutex::new(()));
    let engine = engine(&pipe.display().to_string(), &slow);
    let log = engine.log();
    let lookup = slow.lock();
    let under_way = {
        let engine = Arc::clone(&engine);
        thread::spawn(move || engine.decide(&Request::new("svc", "slow")))
    };
    for _ in 0..2_000 {
        engine.decide(&Request::new("svc", "alice"));
    }
    let start = Instant::now();
    engine.close();
    assert!(start.elapsed() < LONGEST);
    let said: Vec<String> = log
        .drain()
        .into_iter()
        .map(|message| message.text)
        .collect();
    assert!(
        said.iter().any(|text| text.contains("were not written")),
        "{said:?}"
    );
    drop(lookup);
    assert_eq!(under_way.join().unwrap(), Reason::AuditUnavailable);
    drop(held);
}
