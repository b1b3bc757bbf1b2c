//! Policy tests: cases beside the manifests, held against what the gateway would do.

pub mod cases;
pub mod trial;
pub mod coverage;
pub mod mutate;
pub mod report;
