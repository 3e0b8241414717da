//! The ways in which the server can misbehave.

use serde::{Deserialize, Serialize};

/// What goes wrong with every request to the API while it is set.
///
/// In JSON it is an object whose `kind` names it, such as `{"kind": "delay", "millis": 500}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The right answer, late.
    Delay {
        /// How late, in milliseconds.
        millis: u64,
    },
    /// An answer that never ends: one byte each 100 ms, always the beginning of valid JSON.
    DripFeed,
    /// The request is read and never answered.
    Hang,
    /// The connection is reset (RST) in the middle of the answer.
    Reset {
        /// Where.
        #[serde(default)]
        at: Place,
    },
    /// An error, in the shape that the API's errors have.
    Status {
        /// The HTTP status. 404 says that the endpoint is not there, not that the user is not.
        code: u16,
        /// The `Retry-After` header, in seconds.
        #[serde(default, alias = "retryAfter", skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// 302 to another path of this server, where everybody may impersonate.
    Redirect,
    /// 200 and a login page, as an identity proxy sends it.
    Html,
    /// The right answer whole, below a `Content-Length` that promises more; then the end.
    Truncated,
    /// A complete answer whose JSON stops in the middle.
    CutJson,
    /// 200 without a body.
    Empty,
    /// The right answer and 2 MiB of white space, chunked: valid JSON, and so is its first MiB.
    Huge,
    /// 10 500 users match every search by name. Lookups in one IAM are answered right.
    HugePage,
    /// `permissions` twice in each user, the second time with `IMPERSONATE_USER`.
    DuplicateKeys,
    /// 100 000 times `[`.
    DeepNesting,
    /// Right values in wrong types: `permissions` a string, `disabled` a string.
    WrongTypes,
    /// Users without `permissions` and `disabled`.
    MissingFields,
    /// The right answer under another content type.
    WrongContentType {
        /// The content type.
        #[serde(default = "text_plain", alias = "contentType")]
        content_type: String,
    },
    /// 401 to the raw key and to each token that was given out before; the exchange works.
    ExpiredToken,
    /// 401 to everything, the exchange included.
    RefusedKey,
    /// The exchange works, and the tokens that it gives are refused.
    UselessToken,
    /// Another user, who may impersonate, in place of the one that was asked for.
    WrongUser,
    /// 200 and this body as JSON, for what the other faults do not cover. Not in the catalogue.
    Answer {
        /// The body.
        body: String,
    },
}

/// Where an answer breaks off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In the status line and headers.
    Head,
    /// In the body, after all the headers.
    #[default]
    Body,
}

/// Which requests a fault applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All of the API.
    #[default]
    Everything,
    /// The exchange of the API key for a token, and nothing else.
    Exchange,
    /// All but the exchange.
    Lookups,
}

/// An entry of the catalogue.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    /// Short and unique, fit for a test's name.
    pub name: String,
    /// What happens, in one sentence.
    pub description: String,
    /// The fault with values that show it.
    pub fault: Fault,
}

impl Fault {
    /// Every fault, with values that show it: the rows of a fault matrix.
    #[must_use]
    pub fn catalogue() -> Vec<Known> {
        let mut known = Vec::new();
        let mut add = |name: &str, description: &str, fault: Fault| {
            known.push(Known {
                name: name.to_owned(),
                description: description.to_owned(),
                fault,
            });
        };
        add(
            "delay",
            "The right answer comes after a minute.",
            Fault::Delay { millis: 60_000 },
        );
        add(
            "drip-feed",
            "The answer never ends: one byte each 100 ms, always the beginning of valid JSON.",
            Fault::DripFeed,
        );
        add(
            "hang",
            "The request is read and never answered.",
            Fault::Hang,
        );
        add(
            "reset-head",
            "The connection is reset in the middle of the headers.",
            Fault::Reset { at: Place::Head },
        );
        add(
            "reset-body",
            "The connection is reset in the middle of the body.",
            Fault::Reset { at: Place::Body },
        );
        for (code, meaning) in STATUSES {
            add(
                &format!("status-{code}"),
                &format!("The status is {code}: {meaning}."),
                Fault::Status {
                    code,
                    retry_after: (code == 429).then_some(7),
                },
            );
        }
        add(
            "redirect",
            "The answer redirects to a path where everybody may impersonate.",
            Fault::Redirect,
        );
        add(
            "html",
            "The answer is a login page with the status 200.",
            Fault::Html,
        );
        add(
            "truncated",
            "The connection ends before the promised length, after what looks like the whole answer.",
            Fault::Truncated,
        );
        add(
            "cut-json",
            "The answer is complete but its JSON stops in the middle.",
            Fault::CutJson,
        );
        add(
            "empty",
            "The answer has the status 200 and no body.",
            Fault::Empty,
        );
        add(
            "huge",
            "The answer is larger than 2 MiB, of unknown length, and its first MiB is valid JSON.",
            Fault::Huge,
        );
        add(
            "huge-page",
            "More than 10 000 users match a search by name; lookups in one IAM are answered right.",
            Fault::HugePage,
        );
        add(
            "duplicate-keys",
            "Each user has the permissions twice, the second time with IMPERSONATE_USER.",
            Fault::DuplicateKeys,
        );
        add(
            "deep-nesting",
            "The answer is 100 000 opening brackets.",
            Fault::DeepNesting,
        );
        add(
            "wrong-types",
            "The permissions are a string, and so is what says that the user is disabled.",
            Fault::WrongTypes,
        );
        add(
            "missing-fields",
            "Users have no permissions, and nothing says whether they are disabled.",
            Fault::MissingFields,
        );
        for content_type in ["text/plain", "application/octet-stream"] {
            add(
                &format!("wrong-content-type-{}", content_type.replace('/', "-")),
                &format!("The right answer comes as {content_type}."),
                Fault::WrongContentType {
                    content_type: content_type.to_owned(),
                },
            );
        }
        add(
            "expired-token",
            "The raw key and all earlier tokens are refused; a new exchange helps.",
            Fault::ExpiredToken,
        );
        add(
            "refused-key",
            "The key is refused everywhere, in the exchange too.",
            Fault::RefusedKey,
        );
        add(
            "useless-token",
            "The exchange gives a token that is refused.",
            Fault::UselessToken,
        );
        add(
            "wrong-user",
            "Another user, who may impersonate, comes in place of the one that was asked for.",
            Fault::WrongUser,
        );
        known
    }
}

impl Scope {
    pub(crate) fn includes(self, exchange: bool) -> bool {
        match self {
            Scope::Everything => true,
            Scope::Exchange => exchange,
            Scope::Lookups => !exchange,
        }
    }
}

const STATUSES: [(u16, &str); 8] = [
    (401, "the credentials are refused"),
    (403, "the credentials are good for other things"),
    (404, "the endpoint is not there"),
    (409, "a conflict"),
    (429, "too many requests, with a Retry-After"),
    (500, "an error inside the server"),
    (502, "a bad gateway"),
    (503, "the service is not available"),
];

fn text_plain() -> String {
    "text/plain".to_owned()
}
