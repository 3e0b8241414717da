//! Mistakes of ours, for the operator's log instead of the host's standard error.

use std::panic::{self, PanicHookInfo};
use std::sync::Once;

use parking_lot::Mutex;

use crate::log::{Level, Message};

/// A mistake that is made again at each decision must not fill the log.
const MOST_AT_ONCE: usize = 5;

static INSTALLED: Once = Once::new();
static REPORTED: Mutex<Reported> = Mutex::new(Reported {
    texts: Vec::new(),
    left_out: 0,
});

struct Reported {
    texts: Vec<String>,
    left_out: usize,
}

/// From now on panics of this library's threads are kept here. Doing it again has no effect.
pub fn report() {
    INSTALLED.call_once(|| panic::set_hook(Box::new(keep)));
}

fn keep(info: &PanicHookInfo<'_>) {
    let mut reported = REPORTED.lock();
    if reported.texts.len() < MOST_AT_ONCE {
        reported.texts.push(info.to_string().replace('\n', " "));
    } else {
        reported.left_out += 1;
    }
}

/// Takes what was reported since the last time, of all engines: a panic does not tell whose it is.
pub fn drain() -> Vec<Message> {
    let (texts, left_out) = {
        let mut reported = REPORTED.lock();
        let texts = std::mem::take(&mut reported.texts);
        (texts, std::mem::take(&mut reported.left_out))
    };
    let more = (left_out > 0).then(|| format!("and {left_out} more panics of the engine"));
    texts
        .into_iter()
        .map(|text| format!("this is a mistake in the engine; please report it: {text}"))
        .chain(more)
        .map(|text| Message {
            level: Level::Error,
            text,
        })
        .collect()
}
