//! Durations in the syntax of Trino's properties: a number and a unit, `30s`, `1.5h`, `500 ms`.

use std::time::Duration;

use fundu::TimeUnit::{Day, Hour, MicroSecond, MilliSecond, Minute, NanoSecond, Second};
use fundu::{CustomDurationParser, CustomTimeUnit};

/// Reads a duration, or says what one looks like.
///
/// # Errors
///
/// The text has no unit, an unknown unit, a sign, or is longer than a century.
pub fn parse(text: &str) -> Result<Duration, String> {
    let explain = || {
        format!(
            "\"{text}\" is not a duration; write a number and a unit (ns, us, ms, s, m, h, d), such as 30s or 10m"
        )
    };
    let trimmed = text.trim();
    if !trimmed.starts_with(|c: char| c.is_ascii_digit())
        || !trimmed.ends_with(|c: char| c.is_ascii_alphabetic())
    {
        return Err(explain());
    }
    let mut parser = CustomDurationParser::with_time_units(&[
        CustomTimeUnit::with_default(NanoSecond, &["ns"]),
        CustomTimeUnit::with_default(MicroSecond, &["us"]),
        CustomTimeUnit::with_default(MilliSecond, &["ms"]),
        CustomTimeUnit::with_default(Second, &["s"]),
        CustomTimeUnit::with_default(Minute, &["m"]),
        CustomTimeUnit::with_default(Hour, &["h"]),
        CustomTimeUnit::with_default(Day, &["d"]),
    ]);
    parser
        .disable_exponent(true)
        .disable_infinity(true)
        .allow_time_unit_delimiter(true);
    let duration: Duration = parser
        .parse(trimmed)
        .ok()
        .and_then(|duration| duration.try_into().ok())
        .ok_or_else(explain)?;
    // A limit keeps sums of durations far from overflow.
    if duration > Duration::from_secs(100 * 366 * 24 * 3600) {
        return Err(format!("\"{text}\" is longer than a century"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trinos_durations_are_read() {
        for (text, expected) in [
            ("30s", Duration::from_secs(30)),
            ("10m", Duration::from_secs(600)),
            ("1.5h", Duration::from_secs(5400)),
            ("500 ms", Duration::from_millis(500)),
            ("250us", Duration::from_micros(250)),
            ("7ns", Duration::from_nanos(7)),
            ("2d", Duration::from_secs(172_800)),
            ("0s", Duration::ZERO),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_explained() {
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1 week",
            "1M",
            "1e3s",
            "inf",
            "1s2m",
            "99999999d",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
