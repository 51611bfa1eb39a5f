//! The patch panel: the one room where SIP words meet business words.
//!
//! [`Switch`] owns the SIP endpoint, the center and the table of legs between them. It has one owner, waits for
//! nothing and locks nothing; the roof and the simulator press the same bell.

pub mod border;
pub mod config;
pub mod network;
