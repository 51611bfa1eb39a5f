//! A flow's own tests. (signatures)

/// One scripted call.
#[derive(Clone, Debug)]
pub struct Case {}
