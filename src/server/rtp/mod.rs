//! The media plane's sockets and threads; what is done with the packets is in `dozvon_media`.

mod worker;

pub(crate) use worker::{MediaStats, Workers};
