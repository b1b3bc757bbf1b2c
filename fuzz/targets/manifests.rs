//! The fuzzer's entry to `pai_fuzz::manifests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pai_fuzz::manifests::run(bytes));
