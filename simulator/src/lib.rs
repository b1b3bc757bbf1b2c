//! Fake LLM providers on a real socket that behave like the real ones, and misbehave on order; and a fake [`classifier`].
//!
//! They share no code with the gateway, wire types included: answers are written by hand, so that a mistake in the
//! gateway is not made here as well. Every answer has the header `x-pai-simulated: true`, and every text begins
//! with `[simulated]` (or is JSON, where JSON was asked for, with the same word in it), so that none is ever taken for a
//! real one.

pub mod scenario;
pub mod log;
mod orders;
mod marker;
mod receive;
mod refusal;
mod count;
mod schema;
mod seal;
mod speech;
mod house;
mod form;
mod anthropic;
mod openai;
mod azure;
mod gemini;
mod openrouter;
mod vllm;
mod respond;
mod deliver;
mod routes;
mod connection;
mod server;
pub mod classifier;

pub use log::{Entry, Log, Reported};
pub use scenario::{Cut, Fault, Scenario, UsageReport};
pub use server::{Settings, Simulator, SimulatorError};
