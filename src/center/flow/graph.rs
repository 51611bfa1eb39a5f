//! Pictures of a flow.
