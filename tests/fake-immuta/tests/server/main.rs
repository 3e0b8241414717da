//! What the stand-in promises to those who test with it.

mod api;
mod catalogue;
mod client;
mod control;
mod credentials;
mod faults;
mod lifetime;
mod program;
mod tls;
