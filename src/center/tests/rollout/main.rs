//! Rollouts from the first draw to the last decision, in virtual time.

mod lab;
mod machine;
mod pipeline;
mod traps;
mod whole;
mod world;
