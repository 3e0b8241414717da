//! Administrators' patterns that match more than their authors may know.

use crate::pattern::Pattern;

/// What nobody calls an administrator or a group of them, and outsiders may be able to call themselves.
const ODD_NAMES: [&str; 10] = [
    "guest",
    "anonymous",
    "nobody",
    "everyone",
    "public",
    "test",
    "x",
    "12345",
    "somebody@elsewhere.example",
    "DOMAIN\\somebody",
];

/// A sentence for each way in which the pattern of this property seems too wide.
pub(super) fn warnings(property: &str, text: &str, pattern: &Pattern) -> Vec<String> {
    let mut warnings = Vec::new();
    let odd: Vec<String> = ODD_NAMES
        .iter()
        .filter(|name| pattern.matches(name))
        .map(|name| format!("{name:?}"))
        .collect();
    if !odd.is_empty() {
        warnings.push(format!(
            "{property}: \"{text}\" also matches {}; administrators may impersonate anybody, so match no more names than theirs",
            odd.join(", ")
        ));
    }
    if let Some(position) = pattern.single_dots().first() {
        warnings.push(format!(
            "{property}: the dot at position {position} of \"{text}\" stands for any character; if a dot is meant, write \\. (in a properties file \\\\.)"
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Folding;

    fn warned(text: &str) -> Vec<String> {
        warnings(
            "immuta.user.admin",
            text,
            &Pattern::new(text, Folding::Exact).unwrap(),
        )
    }

    #[test]
    fn patterns_for_administrators_only_are_not_warned_of() {
        for text in [
            "admin",
            "immuta_admin|admin_.+",
            "admin.*",
            r"(?:alice|bob)@corp\.example",
        ] {
            assert_eq!(warned(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn names_that_no_administrator_has_are_shown() {
        assert_eq!(
            warned("[a-z]{4,}"),
            [
                r#"immuta.user.admin: "[a-z]{4,}" also matches "guest", "anonymous", "nobody", "everyone", "public", "test"; administrators may impersonate anybody, so match no more names than theirs"#
            ]
        );
        assert!(warned(".+@.+")[0].contains("\"somebody@elsewhere.example\""));
        assert!(warned(r"\d+")[0].contains("\"12345\""));
    }

    #[test]
    fn a_dot_for_any_character_is_shown() {
        assert_eq!(
            warned("admin.omar"),
            [
                r#"immuta.user.admin: the dot at position 6 of "admin.omar" stands for any character; if a dot is meant, write \. (in a properties file \\.)"#
            ]
        );
    }
}
