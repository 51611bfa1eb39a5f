//! The dozvon binary.

fn main() {}
