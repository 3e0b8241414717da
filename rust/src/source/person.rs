//! A person: a user as one decision sees them, resolved once.
//!
//! Whoever asks names a user by some spelling. The canonical name is the source's spelling of the user's name in the
//! query engine. Rules are about people, so that rights are tried on the canonical name, and what takes rights away on
//! every name that the person has.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::source::group_file::GroupFile;
use crate::source::{Known, View};
use crate::user::User;
use crate::user_mapping::Mapped;

/// A name that somebody asks for, before the source is asked.
pub struct Named<'n> {
    pub(super) asked: &'n str,
    /// The spelling by which the user mapping takes the user.
    pub(super) canonical: Cow<'n, str>,
    pub(super) folded: Cow<'n, str>,
    /// Where there is a user mapping.
    pub(super) mapped: Option<Mapped>,
    /// Whether the source has names of the same kind, so that it can tell how the user is spelled.
    pub(super) source_spells: bool,
}

impl Named<'_> {
    /// Whether the user is to be named otherwise, whatever the source knows of them.
    pub fn is_other_spelling(&self) -> bool {
        !self.source_spells && self.asked != self.canonical
    }

    /// The name that is compared.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// What the user mapping makes of the name, where there is one.
    pub fn mapped(&self) -> Option<&Mapped> {
        self.mapped.as_ref()
    }

    /// The name that the source knows the user by; `None` if it knows no such user.
    pub(super) fn in_source(&self) -> Option<&str> {
        match &self.mapped {
            None => Some(&self.folded),
            Some(Mapped::To(name)) => Some(name),
            Some(Mapped::Nobody | Mapped::Forbidden) => None,
        }
    }
}

/// What the source says of a person.
pub enum Found<'v> {
    /// It knows them.
    Known(Known<'v>),
    /// It does not know them.
    Unknown,
    /// The user mapping forbids the name.
    Forbidden,
    /// It cannot answer. What it said last takes rights away, and gives none.
    Unavailable(Option<Known<'v>>),
}

/// A user as one decision sees them.
pub struct Person<'v> {
    asked: &'v str,
    canonical: Cow<'v, str>,
    folded: Cow<'v, str>,
    mapped: Option<Mapped>,
    found: Found<'v>,
    group_file: Option<&'v GroupFile>,
}

impl<'v> Person<'v> {
    pub(super) fn new(view: &'v View<'_>, named: Named<'v>, found: Found<'v>) -> Self {
        let Named {
            asked,
            mut canonical,
            mut folded,
            mapped,
            source_spells,
        } = named;
        if let (true, Found::Known(user) | Found::Unavailable(Some(user))) = (source_spells, &found)
        {
            // The user was found by the folded name, without the blanks that the user mapping takes away.
            if let Some(Mapped::To(name)) = &mapped {
                folded = Cow::Owned(name.clone());
            }
            let spelling = user.spelling().unwrap_or(&folded);
            if spelling != asked {
                canonical = Cow::Owned(spelling.to_owned());
            }
        }
        Person {
            asked,
            canonical,
            folded,
            mapped,
            found,
            group_file: view.group_file(),
        }
    }

    /// The canonical name; the name asked for where nobody knows another one.
    pub fn name(&self) -> &str {
        &self.canonical
    }

    /// The canonical name, as it is compared.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether this person is to be named otherwise.
    pub fn is_other_spelling(&self) -> bool {
        self.asked != self.canonical
    }

    /// What the source says of this person.
    pub fn found(&self) -> &Found<'v> {
        &self.found
    }

    /// Whether the account is disabled or has expired, by the last answer of the source.
    pub fn is_gone(&self, now: impl FnOnce() -> Timestamp) -> bool {
        self.last_known().is_some_and(|user| !user.is_enabled(now))
    }

    /// Every name that the person has: the canonical one first, then the one asked for and the one in the source.
    pub fn names<'p>(&'p self, folded_asked: &'p str) -> impl Iterator<Item = &'p str> + Clone {
        let mapped = match &self.mapped {
            Some(Mapped::To(name)) => Some(name.as_str()),
            _ => None,
        };
        let folded = self.folded();
        let asked = (folded_asked != folded).then_some(folded_asked);
        let mapped = mapped.filter(|name| *name != folded && *name != folded_asked);
        [Some(folded), asked, mapped].into_iter().flatten()
    }

    /// The name asked for.
    pub fn asked(&self) -> &'v str {
        self.asked
    }

    /// What the user mapping makes of the name, where there is one.
    pub fn mapped(&self) -> Option<&Mapped> {
        self.mapped.as_ref()
    }

    /// The groups by which something may be taken from the person: those of the last answer, if there is no other.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let own = self.last_known().into_iter();
        own.flat_map(|user| user.groups().iter().map(String::as_str))
            .chain(self.groups_of_file())
    }

    /// The groups by which the person may get something: none while the source cannot answer.
    pub fn certain_groups(&self) -> impl Iterator<Item = &str> {
        let certain = !matches!(self.found, Found::Unavailable(_));
        certain.then(|| self.groups()).into_iter().flatten()
    }

    fn groups_of_file(&self) -> impl Iterator<Item = &str> {
        let file = self.group_file.into_iter();
        file.flat_map(|file| file.groups(&self.folded))
    }

    fn last_known(&self) -> Option<&User> {
        match &self.found {
            Found::Known(user) | Found::Unavailable(Some(user)) => Some(user),
            Found::Unknown | Found::Forbidden | Found::Unavailable(None) => None,
        }
    }
}
