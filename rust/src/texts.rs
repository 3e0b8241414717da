//! The texts of a request that are kept, one after the other in one text, so that keeping a request takes no
//! memory of its own.

use crate::engine::Request;
use crate::name;

/// How long each of the texts is. None is much longer than a name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lengths {
    impersonator: u16,
    target: u16,
    principal: Option<u16>,
    query_id: Option<u16>,
}

/// The texts, read again.
pub(crate) struct Texts<'t> {
    pub impersonator: &'t str,
    pub target: &'t str,
    pub principal: Option<&'t str>,
    pub query_id: Option<&'t str>,
}

impl Lengths {
    /// Hands on the texts of a request, which are to be kept in a row.
    pub fn append(request: &Request<'_>, mut row: impl FnMut(&str)) -> Lengths {
        let principal = request.principal.as_ref();
        Lengths {
            impersonator: append(request.impersonator.as_str(), &mut row),
            target: append(request.target.as_str(), &mut row),
            principal: principal.map(|principal| append(principal.as_str(), &mut row)),
            query_id: request.query_id.as_ref().map(|id| append(id, &mut row)),
        }
    }

    /// How long the texts are together.
    pub fn sum(self) -> usize {
        [
            Some(self.impersonator),
            Some(self.target),
            self.principal,
            self.query_id,
        ]
        .into_iter()
        .flatten()
        .map(usize::from)
        .sum()
    }

    /// The texts that the row begins with.
    pub fn read(self, mut row: &str) -> Texts<'_> {
        let mut next = |length: u16| {
            let (text, rest) = row.split_at(length.into());
            row = rest;
            text
        };
        Texts {
            impersonator: next(self.impersonator),
            target: next(self.target),
            principal: self.principal.map(&mut next),
            query_id: self.query_id.map(&mut next),
        }
    }
}

/// Appends a text, in part where it is too long to be a name, and returns how much that is.
fn append(text: &str, row: &mut impl FnMut(&str)) -> u16 {
    const MORE: &str = "…";
    let length = match name::cut_short(text) {
        Some(part) => {
            row(part);
            row(MORE);
            part.len() + MORE.len()
        }
        None => {
            row(text);
            text.len()
        }
    };
    length as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::MAX_BYTES;

    #[test]
    fn texts_come_back_whole_whatever_is_missing() {
        for (principal, query_id) in [
            (None, None),
            (Some("svc@REALM"), None),
            (None, Some("q1")),
            (Some(""), Some("q1")),
            (Some("svc@REALM"), Some("")),
        ] {
            let mut request = Request::new("svc", "zoë");
            request.principal = principal.map(Into::into);
            request.query_id = query_id.map(Into::into);
            let mut row = "before".to_owned();
            let lengths = Lengths::append(&request, |text| row.push_str(text));
            row.push_str("after");
            let texts = lengths.read(&row["before".len()..]);
            assert_eq!((texts.impersonator, texts.target), ("svc", "zoë"));
            assert_eq!((texts.principal, texts.query_id), (principal, query_id));
        }
    }

    #[test]
    fn a_text_that_is_too_long_to_be_a_name_is_kept_in_part() {
        let long = "é".repeat(50_000);
        let mut row = String::new();
        let lengths = Lengths::append(&Request::new(&long, "alice"), |text| row.push_str(text));
        let texts = lengths.read(&row);
        let part = format!("{}…", "é".repeat(MAX_BYTES / 2));
        assert_eq!((texts.impersonator, texts.target), (&*part, "alice"));
    }
}
