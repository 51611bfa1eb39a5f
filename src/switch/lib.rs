//! dozvon-switch.
