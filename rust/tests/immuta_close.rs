//! The end of an engine. Alone in its file, and so in its process, because it counts threads.

mod common;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::{Configuration, ManualClock, TTL, immuta, reason};
use fake_immuta::Fault;

const TIMEOUT: Duration = Duration::from_secs(3);
/// How much longer closing may take on a machine that is busy with other tests.
const SLACK: Duration = Duration::from_secs(2);
/// How long a thread that was waited for may still be listed. Far less than a lookup that hangs.
const MOMENT: Duration = Duration::from_secs(1);

/// This process's threads, by the numbers that the system gives them.
fn threads() -> BTreeSet<OsString> {
    fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| task.unwrap().file_name())
        .collect()
}

#[test]
fn an_engine_that_is_closed_while_lookups_hang_ends_in_time_and_leaves_no_thread() {
    let immuta = immuta();
    let mut configuration = Configuration::of(&immuta).timeout(TIMEOUT);
    let audit = configuration.path("audit.jsonl");
    configuration = configuration
        .with("immuta.impersonation.cache.negative-ttl", "30s")
        .with(
            "immuta.impersonation.audit.file",
            audit.display().to_string(),
        );
    let before = threads();
    let clock = Arc::new(ManualClock::default());
    let engine = configuration.open(&clock);
    assert_eq!(reason(&engine, "svc", "alice"), "permission");
    // It has asked and recorded, so that the thread of the audit file and those of the cache are there.
    assert!(threads().len() >= before.len() + 2, "{:?}", threads());

    immuta.clear_requests();
    immuta.set_fault(Some(Fault::Hang));
    clock.advance(TTL - Duration::from_secs(1));
    assert_eq!(reason(&engine, "svc", "alice"), "permission");
    assert!(immuta.wait_for_requests(2, Duration::from_secs(60)));
    let start = Instant::now();
    drop(engine);
    assert!(start.elapsed() < TIMEOUT + SLACK, "{:?}", start.elapsed());
    let closed = Instant::now();
    while threads() != before && closed.elapsed() < MOMENT {
        thread::yield_now();
    }
    assert_eq!(threads(), before);
}
