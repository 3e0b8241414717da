//! What the benches decide on: engines that know so many users, and requests drawn from a seed.

pub mod memory;
pub mod reload;
pub mod requests;
pub mod resident;
pub mod scopes;
pub mod world;
