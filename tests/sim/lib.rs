//! Simulated worlds: the pure crates in virtual time, with seeded chance, faults, laws and an independent oracle.
//!
//! A world owns the clock. It asks the machine when it wants to be woken and the agenda what the people do next, goes
//! to the earlier of the two, and lets it happen; twelve hours of a bank pass in a second, and the same seed gives the
//! same day to the last event. The oracle sees the same inputs and the same events as the world, keeps a second picture
//! of its own, slow and simple, and holds every event against the laws.
//!
//! [`floor`] is the day of the ACD, with three hundred agents, judged by the [`oracle`]. [`house`] is the day of the
//! whole center, flows, bots, talks and callbacks included, with fewer people, judged by the [`books`]. A world around
//! the whole switch needs the same parts: an agenda, chance, faults, laws over what comes out.

pub mod books;
pub mod faults;
pub mod floor;
pub mod house;
pub mod oracle;
pub mod plan;
pub mod rng;
pub mod world;
