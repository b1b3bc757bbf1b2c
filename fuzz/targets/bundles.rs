//! The fuzzer's entry to `pai_fuzz::bundles`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pai_fuzz::bundles::run(bytes));
