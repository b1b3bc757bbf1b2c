//! What must hold whatever comes in, once for the fuzzer and once for `tests/fuzz.rs`.

pub mod manifests;
pub mod bundles;
