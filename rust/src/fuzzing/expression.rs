//! Expressions: exactly the words in the code are replaced, and nothing of the session is left.
//!
//! The input is the expression, the user and the groups; without them, o'brien and none.

use std::sync::LazyLock;

use regex::Regex;

use super::fields;
use crate::expression::{ExpressionError, for_user};

/// A second lexer: strings, names in quotation marks, comments, words, blanks, and single characters.
static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    let quoted = |mark: &str| format!("{mark}(?:[^{mark}]|{mark}{mark})*{mark}");
    let all = [
        &quoted("'"),
        &quoted("\""),
        &quoted("`"),
        r"(?<gap>--[^\r\n]*|/\*(?s:.*?)\*/|[ \t\r\n]+)",
        "[A-Za-z0-9_]+",
        "(?s:.)",
    ];
    Regex::new(&all.join("|")).expect("it is a pattern")
});

pub(super) fn check(bytes: &[u8]) {
    let mut texts = fields(bytes).map(String::from_utf8_lossy);
    let expression = texts.next().unwrap_or_default();
    let user = texts.next().unwrap_or("o'brien".into());
    let groups: Vec<_> = texts.collect();
    match (
        for_user(&expression, &user, &groups),
        expected(&expression, &user, &groups),
    ) {
        (Ok(rewritten), Expected::Text(text)) => {
            assert_eq!(rewritten, text);
            let again = for_user(&rewritten, "somebody else", &["another group"]);
            assert_eq!(again.as_deref(), Ok(&*rewritten), "something is left");
        }
        (Err(ExpressionError::Unclosed { .. }), Expected::Unclosed)
        | (Err(ExpressionError::NotPlain { .. }), Expected::NotPlain) => {}
        (found, expected) => panic!("{found:?} is not {expected:?}"),
    }
}

#[derive(Debug)]
enum Expected {
    Text(String),
    Unclosed,
    NotPlain,
}

fn expected(expression: &str, user: &str, groups: &[impl AsRef<str>]) -> Expected {
    let mut all: Vec<(&str, bool)> = TOKENS
        .captures_iter(expression)
        .map(|found| {
            (
                found.get(0).map_or("", |token| token.as_str()),
                found.name("gap").is_none(),
            )
        })
        .collect();
    if all
        .windows(2)
        .any(|pair| pair[0].0 == "/" && pair[1].0.starts_with('*'))
        || all
            .iter()
            .any(|(token, _)| ["'", "\"", "`"].contains(token))
    {
        return Expected::Unclosed;
    }
    let user = format!("CAST({} AS varchar)", string(user));
    let groups: Vec<String> = groups.iter().map(|group| string(group.as_ref())).collect();
    let arrays: Vec<String> = groups.chunks(254).map(|part| part.join(", ")).collect();
    let groups = format!(
        "CAST(ARRAY[{}] AS array(varchar))",
        arrays.join("] || ARRAY[")
    );
    let code: Vec<usize> = (0..all.len()).filter(|index| all[*index].1).collect();
    let original: Vec<&str> = code.iter().map(|index| all[*index].0).collect();
    let mut not_plain = false;
    for (at, token) in original.iter().enumerate() {
        let quoted = token.starts_with(['"', '`']);
        let inside = token.get(1..token.len() - 1).filter(|_| quoted);
        let name = inside.unwrap_or(token).to_ascii_lowercase();
        let meant = match name.as_str() {
            "current_user" if !quoted => {
                all[code[at]].0 = &user;
                continue;
            }
            "current_groups" => &groups,
            // A word cannot have this character.
            "$current_user" if quoted => &user,
            _ => continue,
        };
        if original.get(at + 1) != Some(&"(") {
            continue;
        }
        if at > 0 && original[at - 1] == "." || original.get(at + 2) != Some(&")") {
            not_plain = true;
            continue;
        }
        for (token, _) in &mut all[code[at]..=code[at + 2]] {
            *token = "";
        }
        all[code[at]].0 = meant;
    }
    if not_plain {
        return Expected::NotPlain;
    }
    Expected::Text(all.iter().map(|(token, _)| *token).collect())
}

fn string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
