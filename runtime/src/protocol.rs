//! Protocols as the gateway reads them: only what routing, bounding and metering need; bytes stay bytes.

pub(crate) mod anthropic;
