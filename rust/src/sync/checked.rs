//! Locks that are the model checker's inside of a check, and real ones anywhere else.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Instant;

use shuttle::rand::{Rng, thread_rng};

/// One wait in so many runs out of its time. All others last until somebody ends them, so that the check finds
/// those whom nobody wakes: nobody can run any more.
const RUNS_OUT: u32 = 8;

fn in_check() -> bool {
    shuttle::current::try_get_current_task().is_some()
}

pub enum Mutex<T> {
    Real(parking_lot::Mutex<T>),
    Checked(shuttle::sync::Mutex<T>),
}

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        if in_check() {
            Mutex::Checked(shuttle::sync::Mutex::new(value))
        } else {
            Mutex::Real(parking_lot::Mutex::new(value))
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        match self {
            Mutex::Real(mutex) => MutexGuard::Real(mutex.lock()),
            Mutex::Checked(mutex) => MutexGuard::Checked {
                mutex,
                held: Some(mutex.lock().unwrap_or_else(PoisonError::into_inner)),
            },
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

pub enum MutexGuard<'m, T> {
    Real(parking_lot::MutexGuard<'m, T>),
    Checked {
        mutex: &'m shuttle::sync::Mutex<T>,
        /// `None` while it waits.
        held: Option<shuttle::sync::MutexGuard<'m, T>>,
    },
}

const TOGETHER: &str = "a lock and what waits with it are made in the same place";
const WAITS: &str = "nobody uses a guard that waits";

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            MutexGuard::Real(guard) => guard,
            MutexGuard::Checked { held, .. } => held.as_ref().expect(WAITS),
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            MutexGuard::Real(guard) => guard,
            MutexGuard::Checked { held, .. } => held.as_mut().expect(WAITS),
        }
    }
}

pub enum Condvar {
    Real(parking_lot::Condvar),
    Checked(shuttle::sync::Condvar),
}

pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub fn new() -> Self {
        if in_check() {
            Condvar::Checked(shuttle::sync::Condvar::new())
        } else {
            Condvar::Real(parking_lot::Condvar::new())
        }
    }

    pub fn notify_one(&self) {
        match self {
            Condvar::Real(condvar) => {
                condvar.notify_one();
            }
            Condvar::Checked(condvar) => condvar.notify_one(),
        }
    }

    pub fn notify_all(&self) {
        match self {
            Condvar::Real(condvar) => {
                condvar.notify_all();
            }
            Condvar::Checked(condvar) => condvar.notify_all(),
        }
    }

    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        match (self, guard) {
            (Condvar::Real(condvar), MutexGuard::Real(guard)) => condvar.wait(guard),
            (Condvar::Checked(condvar), MutexGuard::Checked { held, .. }) => {
                let guard = held.take().expect(WAITS);
                *held = Some(condvar.wait(guard).unwrap_or_else(PoisonError::into_inner));
            }
            _ => unreachable!("{TOGETHER}"),
        }
    }

    pub fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        limit: Instant,
    ) -> WaitTimeoutResult {
        match (self, guard) {
            (Condvar::Real(condvar), MutexGuard::Real(guard)) => {
                WaitTimeoutResult(condvar.wait_until(guard, limit).timed_out())
            }
            (Condvar::Checked(condvar), MutexGuard::Checked { mutex, held }) => {
                let guard = held.take().expect(WAITS);
                let timed_out = thread_rng().gen_ratio(1, RUNS_OUT);
                let locked = if timed_out {
                    // Others may do anything meanwhile.
                    drop(guard);
                    mutex.lock()
                } else {
                    condvar.wait(guard)
                };
                *held = Some(locked.unwrap_or_else(PoisonError::into_inner));
                WaitTimeoutResult(timed_out)
            }
            _ => unreachable!("{TOGETHER}"),
        }
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}
