//! However many scopes there are, the first one of the file that matches decides.

use immuta_impersonation::name::Folding;
use immuta_impersonation::pattern::Shared;
use immuta_impersonation::scope::{Scope, Scopes, Subject};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

/// More scopes than are tried without an index, with literals and without, none of which matches anybody here.
fn others() -> Vec<Value> {
    (0..20)
        .flat_map(|number| {
            let long = format!("[a-z]{{{}}}", 60 + number);
            [
                json!({"original_user": format!("o{number}"), "new_user": format!("n{number}")}),
                json!({"original_group": ".*", "new_user": long}),
            ]
        })
        .collect()
}

fn compiled(scopes: &[Value], folding: Folding) -> Vec<Scope> {
    let mut shared = Shared::default();
    let scope = |scope: &Value| {
        let entry = serde_json::from_value(scope.clone()).unwrap();
        Scope::new(&entry, folding, &mut shared).unwrap_or_else(|error| panic!("{scope}: {error}"))
    };
    scopes.iter().map(scope).collect()
}

/// What these scopes decide among forty others, behind them and before them.
fn decide(scopes: &[Value], folding: Folding, subject: &Subject<'_>) -> Option<bool> {
    let first = compiled(scopes, folding)
        .iter()
        .find_map(|scope| scope.decide(subject));
    for all in [[scopes, &others()].concat(), [&others(), scopes].concat()] {
        let decided = Scopes::from(compiled(&all, folding)).decide(subject);
        assert_eq!(decided, first, "{all:?}");
    }
    first
}

fn decide_exact(scope: Value, impersonator: &str, target: &str) -> Option<bool> {
    decide_users(&[scope], Folding::Exact, impersonator, target)
}

fn decide_users(
    scopes: &[Value],
    folding: Folding,
    impersonator: &str,
    target: &str,
) -> Option<bool> {
    let subject = Subject {
        impersonator: &folding.fold(impersonator),
        impersonator_groups: &[],
        target: &folding.fold(target),
        target_groups: &[],
    };
    decide(scopes, folding, &subject)
}

#[test]
fn a_denial_before_an_allowance_denies_and_one_behind_it_does_not() {
    let broad = json!({"original_user": "svc_.*", "new_user": ".*"});
    let denial = json!({"original_user": "svc_a", "new_user": "carol", "allow": false});
    let decide = |scopes: &[Value], target| decide_users(scopes, Folding::Exact, "svc_a", target);
    assert_eq!(
        decide(&[denial.clone(), broad.clone()], "carol"),
        Some(false)
    );
    assert_eq!(
        decide(&[denial.clone(), broad.clone()], "alice"),
        Some(true)
    );
    assert_eq!(decide(&[broad, denial], "carol"), Some(true));
}

#[test]
fn a_scope_whose_literal_fits_but_which_does_not_match_is_passed_over() {
    let near = json!({"original_user": "svc_[a-c]+", "new_user": "p.+x", "allow": false});
    let next = json!({"original_user": "svc_d", "new_user": "pax"});
    let scopes = [near, next];
    assert_eq!(
        decide_users(&scopes, Folding::Exact, "svc_d", "pax"),
        Some(true)
    );
    assert_eq!(
        decide_users(&scopes, Folding::Exact, "svc_c", "pax"),
        Some(false)
    );
    assert_eq!(decide_users(&scopes, Folding::Exact, "svc_c", "px"), None);
}

#[test]
fn case_counts_only_where_it_is_meant_to() {
    let scope = || json!({"original_user": "Svc_K", "new_user": "ALICE|Bob.*"});
    assert_eq!(decide_exact(scope(), "Svc_K", "ALICE"), Some(true));
    assert_eq!(decide_exact(scope(), "svc_k", "ALICE"), None);
    assert_eq!(decide_exact(scope(), "Svc_K", "bobby"), None);
    let folded = |impersonator, target| {
        decide_users(&[scope()], Folding::CaseInsensitive, impersonator, target)
    };
    assert_eq!(folded("svc_k", "alice"), Some(true));
    assert_eq!(folded("SVC_\u{212a}", "BOBBY"), Some(true));
}

#[test]
fn a_pattern_that_ignores_case_by_itself_does_so_for_ascii_alone() {
    let scope = || json!({"original_user": "(?i)kim", "new_user": "al(?i:S)a"});
    assert_eq!(decide_exact(scope(), "KIM", "alSa"), Some(true));
    assert_eq!(decide_exact(scope(), "kIm", "alsa"), Some(true));
    assert_eq!(decide_exact(scope(), "\u{212a}im", "alsa"), None);
    assert_eq!(decide_exact(scope(), "kim", "al\u{17f}a"), None);
    assert_eq!(decide_exact(scope(), "kim", "Alsa"), None);
}

#[test]
fn the_kelvin_sign_is_a_k_only_where_names_are_folded() {
    let scope = || json!({"original_user": "\u{212a}im", "new_user": "É.*"});
    assert_eq!(decide_exact(scope(), "\u{212a}im", "École"), Some(true));
    assert_eq!(decide_exact(scope(), "kim", "École"), None);
    assert_eq!(decide_exact(scope(), "\u{212a}im", "école"), None);
    let folded = |name, target| decide_users(&[scope()], Folding::CaseInsensitive, name, target);
    assert_eq!(folded("kim", "école"), Some(true));
    assert_eq!(folded("KIM", "ÉCOLE"), Some(true));
    assert_eq!(folded("\u{212a}im", "ecole"), None);
}

#[test]
fn dots_escapes_and_quotes_mean_what_they_say() {
    let scope = || json!({"original_user": r"a\.b|\Qc.d\E|\x65.f", "new_user": r"x\.\w{2}"});
    for (impersonator, target, expected) in [
        ("a.b", "x.yz", Some(true)),
        ("axb", "x.yz", None),
        ("c.d", "x.yz", Some(true)),
        ("cxd", "x.yz", None),
        ("e.f", "x.yz", Some(true)),
        ("exf", "x.yz", Some(true)),
        ("a.b", "x.y", None),
        ("a.b", "xxyz", None),
    ] {
        let decided = decide_exact(scope(), impersonator, target);
        assert_eq!(decided, expected, "{impersonator} {target}");
    }
}

#[test]
fn anchors_do_not_hide_a_name() {
    let scope = || json!({"original_user": "^svc$|^app_.*$", "new_user": "(^a$|^b$)"});
    assert_eq!(decide_exact(scope(), "svc", "b"), Some(true));
    assert_eq!(decide_exact(scope(), "app_1", "a"), Some(true));
    assert_eq!(decide_exact(scope(), "^svc$", "a"), None);
}

#[test]
fn what_may_be_missing_is_not_asked_for() {
    let scope = || json!({"original_user": "(?:svc_)?a", "new_user": "(?:x|y|z?)b*c{0,2}d"});
    for (impersonator, target) in [("a", "d"), ("svc_a", "xbbccd"), ("a", "zd"), ("a", "bd")] {
        let decided = decide_exact(scope(), impersonator, target);
        assert_eq!(decided, Some(true), "{impersonator} {target}");
    }
    assert_eq!(decide_exact(scope(), "svc_", "d"), None);
}

#[test]
fn what_is_captured_may_be_anything() {
    let scope = || json!({"original_user": "svc_(.*)_(x?)", "new_user": "$1$2*_(?i:prod)|(?:$1)"});
    for (impersonator, target, expected) in [
        ("svc_a_x", "axxx_PROD", Some(true)),
        ("svc_a_", "a_prod", Some(true)),
        ("svc_a_", "a", Some(true)),
        ("svc__", "_prod", Some(true)),
        ("svc_A_", "a_prod", None),
        ("svc_._", "b_prod", None),
    ] {
        let decided = decide_exact(scope(), impersonator, target);
        assert_eq!(decided, expected, "{impersonator} {target}");
    }
    let folded = |impersonator, target| {
        decide_users(&[scope()], Folding::CaseInsensitive, impersonator, target)
    };
    assert_eq!(folded("SVC_\u{212a}_", "k_prod"), Some(true));
}

#[test]
fn one_of_several_groups_is_enough_and_none_is_not() {
    let decide = |scope: &Value, own: &[&str], targets: &[&str]| {
        let subject = Subject {
            impersonator: "svc",
            impersonator_groups: own,
            target: "alice",
            target_groups: targets,
        };
        decide(std::slice::from_ref(scope), Folding::Exact, &subject)
    };
    let scope = json!({"original_group": "bi|etl.*", "new_group": ".*_eu"});
    assert_eq!(
        decide(&scope, &["x", "etl_2", "bi"], &["y_us", "y_eu"]),
        Some(true)
    );
    assert_eq!(decide(&scope, &["bi", "bi"], &["a_eu", "b_eu"]), Some(true));
    assert_eq!(decide(&scope, &["x"], &["y_eu"]), None);
    assert_eq!(decide(&scope, &["bi"], &[]), None);
    assert_eq!(decide(&scope, &[], &["y_eu"]), None);
    // Groups are compared as they are.
    assert_eq!(decide(&scope, &["BI"], &["y_eu"]), None);
    let anyone = json!({"original_group": ".*", "new_user": "alice"});
    assert_eq!(decide(&anyone, &["x"], &[]), Some(true));
    assert_eq!(decide(&anyone, &[], &[]), None);
    assert_eq!(decide(&json!({"new_user": "alice"}), &[], &[]), Some(true));
}

/// Characters that are easily taken for another.
const ALPHABET: [&str; 12] = [
    "a", "b", "A", "k", "K", "\u{212a}", "s", "\u{17f}", "é", "É", ".", "_",
];

fn text(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(select(&ALPHABET[..]), 1..=most)
        .prop_map(|characters| characters.concat())
}

/// Patterns of which some are refused.
fn pattern() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        6 => text(3).prop_map(|text| regex::escape(&text)),
        1 => text(2).prop_map(|text| format!(r"\Q{text}\E")),
        1 => select(&["[ab]", "[^a]", "[a-z]", r"\w", r"\.", "[Kk]", "[^\u{212a}]", ".", "^", "$"][..])
            .prop_map(str::to_owned),
        1 => Just(".*".to_owned()),
    ];
    let tree = leaf.prop_recursive(3, 10, 4, |inner| {
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.concat()),
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            1 => (inner.clone(), select(&["*", "+", "?", "{2}", "{0}", "{1,2}", "*?"][..]))
                .prop_map(|(part, quantifier)| format!("(?:{part}){quantifier}")),
            1 => inner.clone().prop_map(|part| format!("(?i:{part})")),
            1 => inner.clone().prop_map(|part| format!("({part})")),
            1 => inner.prop_map(|part| format!("(?i){part}")),
        ]
    });
    prop_oneof![
        3 => text(3).prop_map(|text| regex::escape(&text)),
        2 => (text(2), text(1)).prop_map(|(start, end)| format!("{start}.*{end}")),
        1 => text(2).prop_map(|start| format!("{start}.*")),
        1 => text(2).prop_map(|end| format!(".*{end}")),
        5 => tree,
    ]
}

fn scope() -> impl Strategy<Value = Value> {
    let template = (
        pattern(),
        select(&["$1", "$0", "$1.*", "$1+", "$1?", "(?i:$1)"][..]),
        pattern(),
    );
    let users = prop_oneof![
        3 => (prop::option::of(pattern()), prop::option::of(pattern())),
        1 => (pattern(), template).prop_map(|(original, (before, capture, after))| {
            (Some(format!("({original}).*")), Some(format!("{before}{capture}{after}")))
        }),
        1 => (text(1), text(1)).prop_map(|(start, end)| {
            (Some(format!("{}(.*)", regex::escape(&start))), Some(format!("$1{}.*", regex::escape(&end))))
        }),
    ];
    let group = || prop::option::weighted(0.3, pattern());
    (users, group(), group(), any::<bool>()).prop_map(
        |((original, new), own_group, group, allow)| {
            let mut scope = Map::new();
            for (key, value) in [
                ("original_user", original),
                ("new_user", new),
                ("original_group", own_group),
                ("new_group", group),
            ] {
                scope.extend(value.map(|value| (key.to_owned(), value.into())));
            }
            scope.insert("allow".to_owned(), allow.into());
            scope.into()
        },
    )
}

#[derive(Debug)]
struct Someone {
    name: String,
    groups: Vec<String>,
}

fn someone() -> impl Strategy<Value = Someone> {
    (text(4), prop::collection::vec(text(3), 0..4))
        .prop_map(|(name, groups)| Someone { name, groups })
}

/// The index finds what trying one scope after the other finds. The seed is fixed.
#[test]
fn of_any_scopes_the_first_that_matches_decides() {
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: 16,
            ..Config::default()
        },
        TestRunner::deterministic().new_rng(),
    );
    let mut allowed = 0;
    let mut denied = 0;
    let mut unmatched = 0;
    let cases = (
        prop::collection::vec(scope(), 1..80),
        prop::collection::vec(someone(), 24),
        select(&[Folding::Exact, Folding::CaseInsensitive][..]),
    );
    let counts = std::cell::RefCell::new((&mut allowed, &mut denied, &mut unmatched));
    runner
        .run(&cases, |(mut entries, people, folding)| {
            entries.extend(others());
            let usable = |entry: &Value| {
                let entry = serde_json::from_value(entry.clone()).ok()?;
                Scope::new(&entry, folding, &mut Shared::default()).ok()
            };
            let one_by_one: Vec<Scope> = entries.iter().filter_map(usable).collect();
            let indexed = Scopes::from(entries.iter().filter_map(usable).collect::<Vec<_>>());
            prop_assert_eq!(indexed.len(), one_by_one.len());
            for impersonator in &people {
                for target in &people {
                    let groups = |someone: &Someone| -> Vec<String> { someone.groups.clone() };
                    let (own, others) = (groups(impersonator), groups(target));
                    let own: Vec<&str> = own.iter().map(String::as_str).collect();
                    let others: Vec<&str> = others.iter().map(String::as_str).collect();
                    let subject = Subject {
                        impersonator: &folding.fold(&impersonator.name),
                        impersonator_groups: &own,
                        target: &folding.fold(&target.name),
                        target_groups: &others,
                    };
                    let expected = one_by_one.iter().find_map(|scope| scope.decide(&subject));
                    prop_assert_eq!(
                        indexed.decide(&subject),
                        expected,
                        "{:?} as {:?}, {:?}",
                        impersonator,
                        target,
                        folding
                    );
                    let mut counts = counts.borrow_mut();
                    match expected {
                        Some(true) => *counts.0 += 1,
                        Some(false) => *counts.1 += 1,
                        None => *counts.2 += 1,
                    }
                }
            }
            Ok(())
        })
        .unwrap();
    assert!(
        allowed.min(denied).min(unmatched) > 500,
        "too much alike to show anything: {allowed} allowed, {denied} denied, {unmatched} not matched"
    );
}
