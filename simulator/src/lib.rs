//! A fake LLM provider on a real socket that behaves like the real one, and misbehaves on order.
//!
//! It shares no code with the gateway, wire types included: answers are written by hand, so that a mistake in the
//! gateway is not made here as well. Every answer has the header `x-pai-simulated: true`, and every text begins
//! with `[simulated]`, so that none is ever taken for a real one.

pub mod scenario;
pub mod log;
mod orders;
mod marker;
mod anthropic;
mod deliver;
mod connection;
mod server;

pub use log::{Entry, Log, Reported};
pub use scenario::{Cut, Fault, Scenario, UsageReport};
pub use server::{Settings, Simulator, SimulatorError};
