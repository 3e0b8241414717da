//! The locks of what is checked under schedules that a model checker chooses.
//!
//! They are `parking_lot`'s. In the unit tests each is made for where it is made: inside of a check it is
//! the model checker's, which decides who runs next whenever one is used.

#[cfg(test)]
mod checked;

#[cfg(test)]
pub use checked::{Condvar, Mutex, MutexGuard};
#[cfg(not(test))]
pub use parking_lot::{Condvar, Mutex, MutexGuard};
