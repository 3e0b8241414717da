use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use super::{TARGETS, Target, run};

/// How many changed inputs each target gets. Longer runs are what `./dev fuzz` is for.
const CHANGED: u32 = 400;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    names.collect()
}

/// The files of a target's corpus, in an order that does not change.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = folder().join("corpus").join(target.name);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn every_target_has_a_program_and_a_corpus_and_no_others_exist() {
    let names: BTreeSet<String> = TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    assert_eq!(names_in(&folder().join("fuzz_targets")), names);
    assert_eq!(names_in(&folder().join("corpus")), names);
}

/// One function for each target, so that they run beside each other and a failure names its target.
macro_rules! targets {
    ($($name:ident)*) => {$(
        mod $name {
            use super::*;

            fn target() -> &'static Target {
                TARGETS.iter().find(|target| target.name == stringify!($name)).unwrap()
            }

            #[test]
            fn holds_for_its_corpus() {
                let corpus = corpus(target());
                assert!(corpus.len() >= 5, "a corpus of {} files", corpus.len());
                for bytes in corpus {
                    // Shown if this one fails.
                    println!("{:?}", String::from_utf8_lossy(&bytes));
                    run(target().name, &bytes);
                }
            }

            #[test]
            fn holds_for_changes_of_its_corpus() {
                holds_for_changes(target());
            }
        }
    )*};
}

targets!(api_answer audit_line expression messages pattern policy_file user_mapping);

fn holds_for_changes(target: &Target) {
    let corpus = corpus(target);
    let change = any::<(u8, Index, Index, Index, u8)>();
    let changes = prop::collection::vec(change, 1..6);
    let inputs = (any::<Index>(), changes).prop_map(move |(first, changes)| {
        let mut bytes = first.get(&corpus).clone();
        for (kind, at, end, other, byte) in changes {
            let at = at.index(bytes.len() + 1);
            let end = at + end.index((bytes.len() - at).min(16) + 1);
            let other = other.get(&corpus);
            match kind % 5 {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.insert(at, byte),
                2 => bytes[at..end]
                    .iter_mut()
                    .take(1)
                    .for_each(|changed| *changed ^= 1 << (byte % 8)),
                3 => {
                    let twice = bytes[at..end].to_vec();
                    bytes.splice(at..at, twice);
                }
                _ => {
                    let from = usize::from(byte) % (other.len() + 1);
                    let to = other.len().min(from + 24);
                    bytes.splice(at..end, other[from..to].iter().copied());
                }
            }
        }
        bytes
    });
    // The same inputs each time, so that a failure is one of the change under test.
    let config = Config {
        cases: CHANGED,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = proptest::test_runner::TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, rng)
        .run(&inputs, |bytes| {
            (target.check)(&bytes);
            Ok(())
        })
        .unwrap();
}
