//! How long a decision is held up while a large policy file is read again.
//!
//! Decides without a pause, first while nothing happens and then while the file is read again and again on
//! another thread, and prints the longest time from one decision to the next of both. The first is what the
//! machine itself does to a thread.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use immuta_impersonation::{Engine, Reason};

use super::requests::{Draw, Requests};
use super::world::{From, Plan};

const RELOADS: usize = 5;
/// Times above this are counted.
const LONG: Duration = Duration::from_millis(1);

/// Times from one decision to the next.
#[derive(Default)]
struct Delays {
    decisions: u64,
    long: u64,
    longest: Duration,
}

impl Delays {
    fn print(&self, title: &str) {
        println!(
            "{title}: longest {:.3} ms, {} of {} above 1 ms",
            self.longest.as_secs_f64() * 1e3,
            self.long,
            self.decisions
        );
    }
}

fn decide_until(engine: &Engine, requests: &Requests, done: impl Fn() -> bool) -> Delays {
    let mut delays = Delays::default();
    let mut last = Instant::now();
    while !done() {
        black_box(engine.decide(&requests.get(delays.decisions as usize)));
        let now = Instant::now();
        let delay = now - last;
        last = now;
        delays.decisions += 1;
        delays.long += u64::from(delay > LONG);
        delays.longest = delays.longest.max(delay);
    }
    delays
}

/// Measures with a file of so many users.
pub fn measure(users: usize) {
    let world = Plan::new(users, From::File).start();
    let requests = Requests::of_services(users, Draw::Zipf);
    world.expect(&requests, Reason::Permission);
    let engine = &world.engine;

    let read_again = || {
        world.touch_policy();
        let began = Instant::now();
        engine.reload();
        began.elapsed()
    };
    let once = read_again();
    println!("reading {users} users: {:.0} ms", once.as_secs_f64() * 1e3);
    let end = Instant::now() + once * RELOADS as u32;
    decide_until(engine, &requests, || Instant::now() > end).print("while nothing happens");

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..RELOADS {
                read_again();
                // As the watcher's next look does: a decision may have used the old version until now.
                engine.reload();
            }
            done.store(true, Ordering::Release);
        });
        decide_until(engine, &requests, || done.load(Ordering::Acquire))
            .print(&format!("while it is read {RELOADS} times"));
    });
}
