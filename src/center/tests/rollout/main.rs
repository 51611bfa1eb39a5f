//! Rollouts from the first draw to the last decision, in virtual time.

mod pipeline;
mod world;
