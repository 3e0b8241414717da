//! Sizes in the syntax of Trino's properties: a number and a unit, `100MB`, `1.5GB`, `0B`.

/// Trino's units, each 1024 times the one before.
const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];

/// Reads a size in bytes, or says what one looks like.
///
/// # Errors
///
/// The text has no unit, an unknown unit, a sign, or is more than a file can have.
pub fn parse(text: &str) -> Result<u64, String> {
    let explain = || {
        format!(
            "\"{text}\" is not a size; write a number and a unit ({}), such as 100MB",
            UNITS.join(", ")
        )
    };
    let trimmed = text.trim();
    let unit_at = trimmed
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or_else(explain)?;
    let (number, unit) = trimmed.split_at(unit_at);
    let number = number.trim_end();
    let has_digits_outside = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit());
    let power = UNITS.iter().position(|known| *known == unit);
    let (true, Some(power)) = (has_digits_outside, power) else {
        return Err(explain());
    };
    let bytes = number.parse::<f64>().map_err(|_| explain())? * 1024_f64.powi(power as i32);
    // Above, a float no longer knows each byte.
    if bytes > (1_u64 << 53) as f64 {
        return Err(format!("\"{text}\" is more than 8PB"));
    }
    Ok(bytes.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trinos_sizes_are_read() {
        for (text, bytes) in [
            ("0B", 0),
            ("1kB", 1024),
            ("100MB", 104_857_600),
            (" 1.5 GB ", 1_610_612_736),
            ("2TB", 2_199_023_255_552),
            ("8PB", 9_007_199_254_740_992),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn anything_else_is_explained() {
        for text in [
            "", "100", "MB", "-1MB", "1mb", "1KB", "1e3B", ".5MB", "1.MB", "1 2MB", "1MBs", "9PB",
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(&format!("\"{text}\"")), "{problem}");
        }
    }
}
