//! What must hold of each text that comes from outside, whatever stands in it.
//!
//! Each target takes any bytes, gives them to a reader, and compares what comes out with what a second,
//! simpler reader makes of them; a difference is a panic. `./dev fuzz` runs the targets under libFuzzer,
//! and the tests here run them on every file of `fuzz/corpus/` and on random changes of those files.

mod api_answer;
mod audit_line;
mod expression;
mod members;
mod messages;
mod pattern;
mod policy_file;
#[cfg(test)]
mod tests;
mod user_mapping;

/// Something that takes bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the fuzz target, and of the folder with its corpus.
    pub name: &'static str,
    /// Panics where something does not hold that should.
    pub check: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 7] = [
    Target {
        name: "api_answer",
        check: api_answer::check,
    },
    Target {
        name: "audit_line",
        check: audit_line::check,
    },
    Target {
        name: "expression",
        check: expression::check,
    },
    Target {
        name: "messages",
        check: messages::check,
    },
    Target {
        name: "pattern",
        check: pattern::check,
    },
    Target {
        name: "policy_file",
        check: policy_file::check,
    },
    Target {
        name: "user_mapping",
        check: user_mapping::check,
    },
];

/// Runs the target of this name.
///
/// # Panics
///
/// Something does not hold that should, or there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("the target is in the list").check)(bytes);
}

/// Several texts in one input. No text has the byte 0xff between them.
fn fields(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0xff)
}

/// Whether a text stays on its line, drives no terminal and hides nothing. The characters are counted up here, since it
/// is the list in `audit` that is judged.
fn is_harmless(text: &str) -> bool {
    !text.chars().any(|character| {
        matches!(
            character,
            '\0'..='\x1f'
                | '\x7f'..='\u{9f}'
                | '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
    })
}
