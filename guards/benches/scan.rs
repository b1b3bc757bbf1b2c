//! How long a scan takes.

fn main() {}
