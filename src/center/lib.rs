//! dozvon-center.
