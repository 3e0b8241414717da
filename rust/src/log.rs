//! What the engine has to say to the operator.
//!
//! The engine never writes to a log itself: the host drains the messages and puts them where its own
//! log goes, since no thread of the engine may call into the host.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// How many messages are kept for a host that does not come for them.
const CAPACITY: usize = 1000;

/// How urgent a message is. The number crosses the language border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// For the record.
    Info = 0,
    /// Works, but somebody should look.
    Warning = 1,
    /// Something does not work.
    Error = 2,
}

/// A message for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How urgent it is.
    pub level: Level,
    /// The text: a line, or a block of them.
    pub text: String,
}

/// Messages that wait for the host. The oldest go first when nobody drains them.
#[derive(Default)]
pub struct Log {
    messages: Mutex<VecDeque<Message>>,
}

impl Log {
    /// Adds a message.
    pub fn push(&self, level: Level, text: impl Into<String>) {
        let mut messages = self.messages.lock();
        if messages.len() == CAPACITY {
            messages.pop_front();
        }
        messages.push_back(Message {
            level,
            text: text.into(),
        });
    }

    /// Takes the waiting messages, oldest first.
    pub fn drain(&self) -> Vec<Message> {
        self.messages.lock().drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_nobody_drains_keeps_the_newest_messages() {
        let log = Log::default();
        for number in 0..=CAPACITY {
            log.push(Level::Info, number.to_string());
        }
        let messages = log.drain();
        assert_eq!(messages.len(), CAPACITY);
        assert_eq!(messages[0].text, "1");
        assert!(log.drain().is_empty());
    }
}
