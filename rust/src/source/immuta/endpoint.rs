//! Where Immuta is, and the addresses of what is asked there.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

/// What a URL may hold as it is, wherever it stands: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A valid base URL of Immuta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    base: Url,
}

impl Endpoint {
    /// Reads a base URL: `https`, or `http` where that is allowed, a host, and possibly a port and a
    /// path. A slash at the end means nothing.
    ///
    /// # Errors
    ///
    /// Says what is wrong. The text is not repeated, since it may hold a password.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, String> {
        // The parser would mend all of these.
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err("the URL has a blank, a control character or a backslash".to_owned());
        }
        let lower = text.to_ascii_lowercase();
        let rest = ["https://", "http://"]
            .into_iter()
            .find_map(|scheme| lower.strip_prefix(scheme));
        if rest.is_none_or(|rest| rest.starts_with('/')) {
            return Err("write a URL that starts with https:// and a host, such as \
                 https://immuta.example.com"
                .to_owned());
        }
        let mut base = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
        if base.scheme() != "https" && !allow_http {
            return Err(
                "the API key would travel unencrypted; write https://, or set \
                 immuta.impersonation.allow-http=true"
                    .to_owned(),
            );
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(
                "a user name or password in the URL is not used; remove it, and write the key into \
                 immuta.apikey-file"
                    .to_owned(),
            );
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err("a base URL has no ? and no #; remove what follows it".to_owned());
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(Endpoint { base })
    }

    /// Whether the connection is encrypted.
    pub(super) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The address of these path segments below the base. `None` if a segment cannot stand in a path:
    /// it is empty, or one of the two that mean a folder, `.` and `..`, however they are encoded.
    pub(super) fn path(&self, segments: &[&str]) -> Option<Url> {
        let mut path = self.base.path().trim_end_matches('/').to_owned();
        for segment in segments {
            if segment.is_empty() {
                return None;
            }
            path.push('/');
            path.extend(utf8_percent_encode(segment, RESERVED));
        }
        let mut url = self.base.clone();
        url.set_path(&path);
        (url.path() == path).then_some(url)
    }

    /// The address of a query below the base.
    pub(super) fn query(&self, segments: &[&str], parameters: &[(&str, &str)]) -> Option<Url> {
        let mut url = self.path(segments)?;
        let query: Vec<String> = parameters
            .iter()
            .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, RESERVED)))
            .collect();
        url.set_query(Some(&query.join("&")));
        Some(url)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        Endpoint::parse(text, true).unwrap()
    }

    #[test]
    fn a_slash_at_the_end_means_nothing() {
        for text in ["https://i.example/base", "https://i.example/base/"] {
            let endpoint = endpoint(text);
            assert_eq!(endpoint.to_string(), "https://i.example/base");
            assert_eq!(
                endpoint.path(&["bim", "user"]).unwrap().as_str(),
                "https://i.example/base/bim/user"
            );
        }
        let plain = endpoint("http://127.0.0.1:3000/");
        assert_eq!(plain.to_string(), "http://127.0.0.1:3000");
        assert_eq!(
            plain.path(&["bim"]).unwrap().as_str(),
            "http://127.0.0.1:3000/bim"
        );
    }

    #[test]
    fn an_unencrypted_endpoint_must_be_allowed_even_on_loopback() {
        for text in ["http://i.example", "http://127.0.0.1:1", "HTTP://localhost"] {
            let problem = Endpoint::parse(text, false).unwrap_err();
            assert!(problem.contains("allow-http"), "{problem}");
            assert!(Endpoint::parse(text, true).is_ok(), "{text}");
        }
        assert!(Endpoint::parse("HTTPS://i.example", false).is_ok());
    }

    #[test]
    fn what_is_no_base_url_is_refused_without_being_repeated() {
        for text in [
            "",
            "i.example",
            "i.example:443",
            "ftp://hunter2",
            "https:i.example",
            "https://",
            "https:///hunter2:1",
            "https://hunter2@i.example",
            "https://u:hunter2@i.example",
            "https://:hunter2@i.example",
            "https://i.example/?hunter2",
            "https://i.example?",
            "https://i.example#hunter2",
            "https://i.example#",
            "https://i.example/a b",
            "https://i.exa\nmple",
            "https:\\\\i.example",
            "https://i.example:hunter2",
            "https://hun[ter2",
            " https://i.example",
        ] {
            let problem = Endpoint::parse(text, true).unwrap_err();
            assert!(!problem.contains("hunter2"), "{text}: {problem}");
        }
    }

    #[test]
    fn a_segment_stays_one_segment_whatever_it_holds() {
        let url = endpoint("https://i.example/base")
            .path(&["user", "a/b\\c?d#e%2F f;g+é.:@"])
            .unwrap();
        assert_eq!(
            url.as_str(),
            "https://i.example/base/user/a%2Fb%5Cc%3Fd%23e%252F%20f%3Bg%2B%C3%A9.%3A%40"
        );
    }

    #[test]
    fn a_segment_that_means_a_folder_is_refused() {
        let endpoint = endpoint("https://i.example/base");
        for segment in [".", "..", ""] {
            assert_eq!(endpoint.path(&["user", segment]), None, "{segment:?}");
            assert_eq!(endpoint.path(&["iam", segment, "user"]), None);
        }
        // These look like folders only to who decodes twice.
        for segment in ["%2e", "%2E%2e", "...", ".a", "a.."] {
            assert!(endpoint.path(&["user", segment]).is_some(), "{segment:?}");
        }
    }

    #[test]
    fn a_parameter_stays_one_parameter_whatever_it_holds() {
        let url = endpoint("https://i.example")
            .query(
                &["bim", "user"],
                &[("userid", "a&size=1+ é%#.."), ("size", "2")],
            )
            .unwrap();
        assert_eq!(
            url.as_str(),
            "https://i.example/bim/user?userid=a%26size%3D1%2B%20%C3%A9%25%23..&size=2"
        );
    }
}
