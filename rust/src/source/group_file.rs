//! Groups in the format of Trino's file group provider: `group:user,user` on each line.
//! <https://trino.io/docs/current/security/group-mapping.html#file-group-provider>

use std::collections::HashMap;
use std::fmt;

use crate::name::Folding;

/// The groups of each user.
#[derive(Debug, Default)]
pub struct GroupFile {
    groups: HashMap<String, Vec<String>>,
}

impl GroupFile {
    /// Reads a group file. User names are folded as they will be looked up; blank lines mean nothing.
    ///
    /// # Errors
    ///
    /// The text is not UTF-8, or a line is not a group and its users; the error names the line.
    pub fn parse(bytes: &[u8], folding: Folding) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())?;
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let (group, users) = line
                .split_once(':')
                .map(|(group, users)| (group.trim(), users))
                .filter(|(group, users)| !group.is_empty() && !users.contains(':'))
                .ok_or_else(|| format!("line {}: expected group:user,user", index + 1))?;
            for user in users
                .split(',')
                .map(str::trim)
                .filter(|user| !user.is_empty())
            {
                groups
                    .entry(folding.fold(user).into_owned())
                    .or_default()
                    .push(group.to_owned());
            }
        }
        Ok(GroupFile { groups })
    }

    /// The groups of the user of this folded name.
    pub fn groups(&self, folded: &str) -> impl Iterator<Item = &str> {
        self.groups
            .get(folded)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

impl fmt::Display for GroupFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "groups of {} users", self.groups.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, folding: Folding) -> Result<GroupFile, String> {
        GroupFile::parse(text.as_bytes(), folding)
    }

    #[test]
    fn a_line_gives_its_users_a_group() {
        let file = parse("bi:svc, alice\n\nfinance:alice,,\nempty:\n", Folding::Exact).unwrap();
        assert_eq!(file.groups("alice").collect::<Vec<_>>(), ["bi", "finance"]);
        assert_eq!(file.groups("svc").collect::<Vec<_>>(), ["bi"]);
        assert_eq!(file.groups("Alice").count(), 0);
    }

    #[test]
    fn user_names_are_folded_and_group_names_are_not() {
        let file = parse("BI:Alice", Folding::CaseInsensitive).unwrap();
        assert_eq!(file.groups("alice").collect::<Vec<_>>(), ["BI"]);
    }

    #[test]
    fn mistakes_name_their_line() {
        for text in ["bi:a\nnonsense", "bi:a\n:b", "bi:a\nx:y:z"] {
            let error = parse(text, Folding::Exact).unwrap_err();
            assert!(error.starts_with("line 2: "), "{error}");
        }
        assert!(GroupFile::parse(b"a:\xff", Folding::Exact).is_err());
    }
}
