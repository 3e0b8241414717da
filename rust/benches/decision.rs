//! What a decision costs. `./dev bench` runs this and shows the table.
//!
//! With `--count WORKLOAD` it makes a fixed number of decisions in [`counted_decisions`] instead, for
//! Valgrind to count what they take, and prints the number. With `--workloads` it lists what there is.
//! With `--reload` it measures how long a decision is held up while a policy file of a million users is
//! read again, with a number after it one of so many.
//! With `--resident SOURCE USERS` it says how much memory an engine takes, and how long its start.

mod support;

use std::env;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{Bencher, BenchmarkGroup, Criterion};
use fake_immuta::FakeImmuta;
use immuta_impersonation::wire;
use immuta_impersonation::{Engine, Reason, Request};

use support::memory::Circle;
use support::reload;
use support::requests::{Draw, Requests, person};
use support::resident;
use support::scopes::Scopes;
use support::world::{From, Plan, World};

const SIZES: [usize; 4] = [10, 1_000, 100_000, 1_000_000];
/// Where something else than the number of users is varied.
const SOME: usize = 1_000;
const THREADS: u64 = 2;
/// At most half of the decisions that the audit's queue holds.
const BURST: u64 = 5_000;
/// A dashboard that somebody opens, and what the writer has until somebody opens the next.
const SOME_QUERIES: u64 = 64;
const PAUSE: Duration = Duration::from_millis(2);

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--workloads"] => WORKLOADS
            .iter()
            .for_each(|known| println!("{}", known.name)),
        ["--count", workload] => count(workload),
        ["--reload"] => reload::measure(SIZES[3]),
        ["--reload", users] => reload::measure(users.parse().expect("a number of users")),
        ["--resident", source, users] => {
            let from = [From::File, From::Cache]
                .into_iter()
                .find(|from| from.as_str() == *source);
            let users = users.parse().expect("a number of users");
            println!(
                "{}",
                resident::measure(from.expect("policy file or cache"), users)
            );
        }
        _ => measure(),
    }
}

fn measure() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    hits(&mut criterion);
    denials(&mut criterion);
    misses(&mut criterion);
    admins(&mut criterion);
    scopes(&mut criterion);
    names(&mut criterion);
    records(&mut criterion);
    memory(&mut criterion);
    criterion.final_summary();
}

/// A decision after the other, as long as the bench goes on.
fn decide_each(bencher: &mut Bencher<'_>, engine: &Engine, requests: &Requests) {
    let mut number = 0;
    bencher.iter(|| {
        number += 1;
        engine.decide(&requests.get(number))
    });
}

fn decide_many(engine: &Engine, requests: &Requests, from: usize, count: u64) {
    for number in 0..count as usize {
        black_box(engine.decide(&requests.get(from + number)));
    }
}

/// Threads that decide at the same time. The time is the one from the start of the first to the end of
/// the last, for all decisions together.
fn decide_on_threads(bencher: &mut Bencher<'_>, engine: &Engine, requests: &Requests) {
    bencher.iter_custom(|decisions| {
        let start = Barrier::new(THREADS as usize + 1);
        let share = decisions.div_ceil(THREADS);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS as usize)
                .map(|thread| {
                    let (start, from) = (&start, requests.len() / 2 * thread);
                    scope.spawn(move || {
                        start.wait();
                        decide_many(engine, requests, from, share);
                    })
                })
                .collect();
            start.wait();
            let began = Instant::now();
            for thread in threads {
                thread.join().expect("no decision panics");
            }
            began.elapsed()
        })
    });
}

fn hits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hit");
    for from in [From::File, From::Cache] {
        for users in SIZES {
            let world = Plan::new(users, from).start();
            let title = format!("{}, {users} users", from.as_str());
            for draw in [Draw::Uniform, Draw::Zipf] {
                let requests = Requests::of_services(users, draw);
                world.expect(&requests, Reason::Permission);
                group.bench_function(format!("{title}, {}", draw.as_str()), |bencher| {
                    decide_each(bencher, &world.engine, &requests);
                });
                if draw == Draw::Zipf && [SIZES[0], SIZES[3]].contains(&users) {
                    group.bench_function(format!("{title}, Zipf, {THREADS} threads"), |bencher| {
                        decide_on_threads(bencher, &world.engine, &requests);
                    });
                }
            }
        }
    }
    request_of_a_jvm(&mut group);
    group.finish();
}

/// As it comes from the JVM.
fn request_of_a_jvm(group: &mut BenchmarkGroup<'_, WallTime>) {
    let world = Plan::new(SOME, From::Cache).start();
    let requests = Requests::of_services(SOME, Draw::Zipf);
    let written: Vec<Vec<u16>> = (0..requests.len())
        .map(|number| in_units(&requests.get(number)))
        .collect();
    let mut number = 0;
    group.bench_function(
        format!("cache, {SOME} users, Zipf, read first"),
        |bencher| {
            bencher.iter(|| {
                number = (number + 1) % written.len();
                let mut room = wire::Room::default();
                let request = wire::read_units(&written[number], &mut room);
                let request = request.expect("it was written well");
                world.engine.decide(&request)
            });
        },
    );
}

/// What the shims write: path, flags, impersonator, target, the impersonator as the principal, no query.
fn in_units(request: &Request<'_>) -> Vec<u16> {
    let mut units = vec![0, 0];
    for name in [&request.impersonator, &request.target] {
        units.push(name.as_str().len() as u16);
        units.extend(name.as_str().encode_utf16());
    }
    units.extend([2, 0]);
    units
}

fn denials(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("denial");
    let requests = Requests::of_people(SOME, Draw::Zipf);
    for from in [From::File, From::Cache] {
        let world = Plan::new(SOME, from).start();
        world.expect(&requests, Reason::NoPermission);
        group.bench_function(
            format!("{}, {}", from.as_str(), Reason::NoPermission),
            |bencher| {
                decide_each(bencher, &world.engine, &requests);
            },
        );
        let stranger = Request::new("nobody@corp.example", "somebody@corp.example");
        assert_eq!(world.engine.decide(&stranger), Reason::UnknownUser);
        group.bench_function(
            format!("{}, {}", from.as_str(), Reason::UnknownUser),
            |bencher| {
                bencher.iter(|| world.engine.decide(black_box(&stranger)));
            },
        );
    }
    group.finish();
}

fn misses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("miss");
    let server = FakeImmuta::start();
    let world = Plan::new(SIZES[0], From::Cache).start_with_server(&server);
    let requests = Requests::of_services(SIZES[0], Draw::Zipf);
    assert_eq!(world.engine.decide(&requests.get(0)), Reason::Permission);
    group.bench_function("two lookups over HTTP on loopback", |bencher| {
        bencher.iter_custom(|decisions| {
            let mut time = Duration::ZERO;
            for number in 0..decisions as usize {
                world.engine.flush(None);
                let began = Instant::now();
                black_box(world.engine.decide(&requests.get(number)));
                time += began.elapsed();
            }
            time
        });
    });
    group.finish();
}

/// A pattern that names so many administrators, as operators write it.
fn named_admins(count: usize) -> String {
    let names: Vec<String> = (0..count)
        .map(|number| format!("admin_{number}@corp[.]example"))
        .collect();
    names.join("|")
}

fn admins(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("administrators");
    let requests = Requests::of_services(SOME, Draw::Zipf);
    for count in [1, 10, 100] {
        let world = Plan::new(SOME, From::File)
            .with("immuta.user.admin", &named_admins(count))
            .start();
        world.expect(&requests, Reason::Permission);
        group.bench_function(format!("{count} alternatives, nobody matches"), |bencher| {
            decide_each(bencher, &world.engine, &requests);
        });
        let (admin, target) = (format!("admin_{}@corp.example", count - 1), person(0));
        let request = Request::new(&admin, &target);
        assert_eq!(world.engine.decide(&request), Reason::AdminUser);
        group.bench_function(
            format!("{count} alternatives, the last matches"),
            |bencher| {
                bencher.iter(|| world.engine.decide(black_box(&request)));
            },
        );
    }
    group.finish();
}

fn scopes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scopes");
    let requests = Requests::of_services(SOME, Draw::Zipf);
    for kind in Scopes::ALL {
        for count in [0, 1, 10, 100, 1_000, 10_000] {
            if count == 0 && kind != Scopes::Plain {
                continue;
            }
            let world = Plan::new(SOME, From::File)
                .scopes(kind.entries(count))
                .start();
            world.expect(&requests, Reason::Permission);
            group.bench_function(format!("{count}, {}", kind.as_str()), |bencher| {
                decide_each(bencher, &world.engine, &requests);
            });
        }
    }
    group.finish();
}

fn names(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("names");
    let requests = Requests::of_services(SOME, Draw::Zipf);
    let folding = Plan::new(SOME, From::File).with("immuta.impersonation.case-insensitive", "true");
    let mapping = Plan::new(SOME, From::File)
        .mapping(r#"{"rules": [{"pattern": "(.*)@(.*)", "user": "$1@$2"}]}"#);
    let kinds = [
        ("as they are", Plan::new(SOME, From::File)),
        ("folded", folding),
        ("mapped by one rule", mapping),
    ];
    for (kind, plan) in kinds {
        let world = plan.start();
        world.expect(&requests, Reason::Permission);
        group.bench_function(kind, |bencher| {
            decide_each(bencher, &world.engine, &requests)
        });
    }
    group.finish();
}

fn records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("audit");
    let requests = Requests::of_services(SIZES[0], Draw::Zipf);
    let plan = Plan::new(SIZES[0], From::File).audit();
    group.bench_function(format!("{BURST} decisions in a row"), |bencher| {
        bencher.iter_custom(|decisions| {
            let mut time = Duration::ZERO;
            for burst in (0..decisions).step_by(BURST as usize) {
                // Another engine, whose queue is empty.
                let world = plan.start();
                let began = Instant::now();
                let count = BURST.min(decisions - burst);
                decide_many(&world.engine, &requests, burst as usize, count);
                time += began.elapsed();
            }
            time
        });
    });
    let world = plan.start();
    group.bench_function(
        format!("{SOME_QUERIES} decisions in a row, then a pause"),
        |bencher| {
            bencher.iter_custom(|decisions| {
                let mut time = Duration::ZERO;
                for burst in (0..decisions).step_by(SOME_QUERIES as usize) {
                    let count = SOME_QUERIES.min(decisions - burst);
                    let began = Instant::now();
                    decide_many(&world.engine, &requests, burst as usize, count);
                    time += began.elapsed();
                    thread::sleep(PAUSE);
                }
                time
            });
        },
    );
    group.bench_function("without a pause, at the pace of the writer", |bencher| {
        decide_each(bencher, &world.engine, &requests);
    });
    group.finish();
}

/// Finding one of many users takes one such read and more.
fn memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("memory");
    for size in [1, 16, 256] {
        let mut circle = Circle::of_mebibytes(size);
        group.bench_function(format!("one read at random in {size} MiB"), |bencher| {
            bencher.iter(|| circle.read());
        });
    }
    group.finish();
}

/// What is counted. Valgrind is slow: it reads a policy file of a million users for minutes.
struct Workload {
    name: &'static str,
    from: From,
    users: usize,
    scopes: Option<(Scopes, usize)>,
    audit: bool,
    decisions: u64,
}

const fn users(name: &'static str, from: From, users: usize) -> Workload {
    Workload {
        name,
        from,
        users,
        scopes: None,
        audit: false,
        decisions: 20_000,
    }
}

/// What the deciding thread does; the writer's work is not counted.
const fn audited(name: &'static str, users: usize) -> Workload {
    Workload {
        name,
        from: From::File,
        users,
        scopes: None,
        audit: true,
        // Together with as many that come first, no more than the queue holds.
        decisions: BURST,
    }
}

const fn scoped(name: &'static str, kind: Scopes, scopes: usize, decisions: u64) -> Workload {
    Workload {
        name,
        from: From::File,
        users: SOME,
        scopes: Some((kind, scopes)),
        audit: false,
        decisions,
    }
}

const WORKLOADS: [Workload; 16] = [
    users("policy-file-10", From::File, 10),
    audited("audit-10", 10),
    users("policy-file-100000", From::File, 100_000),
    users("cache-10", From::Cache, 10),
    users("cache-100000", From::Cache, 100_000),
    users("cache-1000000", From::Cache, 1_000_000),
    scoped("scopes-plain-10", Scopes::Plain, 10, 20_000),
    scoped("scopes-plain-10000", Scopes::Plain, 10_000, 20_000),
    scoped("scopes-named-10", Scopes::Named, 10, 20_000),
    scoped("scopes-named-10000", Scopes::Named, 10_000, 20_000),
    scoped("scopes-captures-10", Scopes::Captures, 10, 20_000),
    scoped("scopes-captures-10000", Scopes::Captures, 10_000, 20_000),
    scoped("scopes-within-10", Scopes::Within, 10, 20_000),
    scoped("scopes-within-10000", Scopes::Within, 10_000, 20_000),
    scoped("scopes-general-10", Scopes::General, 10, 20_000),
    scoped("scopes-general-10000", Scopes::General, 10_000, 20_000),
];

fn count(workload: &str) {
    let found = WORKLOADS.iter().find(|known| known.name == workload);
    let workload = found.expect("one of --workloads");
    let mut plan = Plan::new(workload.users, workload.from);
    if let Some((kind, count)) = workload.scopes {
        plan = plan.scopes(kind.entries(count));
    }
    if workload.audit {
        plan = plan.audit();
    }
    let world = plan.start();
    let requests = Requests::of_services(workload.users, Draw::Zipf);
    let decisions = workload.decisions;
    decide_many(&world.engine, &requests, decisions as usize, decisions);
    counted_decisions(&world, &requests, decisions);
    println!("{decisions}");
}

#[inline(never)]
fn counted_decisions(world: &World, requests: &Requests, count: u64) {
    decide_many(&world.engine, requests, 0, count);
}
