//! The SIP endpoint: bytes in, bytes and events out.

mod command;
mod config;
mod event;
mod guard;
mod ids;
mod path;

pub use crate::registrar::{Binding, Ha1Pair};
pub use command::{Credentials, DialogId, Invite, Party, Reason, Refusal, Target};
pub use config::{Bounds, Config, Local, Network, Rate};
pub use event::{Cause, Direction, Event, SecurityKind};
pub use path::{ConnectionId, Input, Path, Protocol, Transmit};

use dozvon_clock::Timestamp;
use std::collections::BTreeMap;

/// How full the tables are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transactions, both roles.
    pub transactions: usize,
    /// INVITE sessions not yet forgotten.
    pub dialogs: usize,
    /// Contacts bound.
    pub bindings: usize,
}

/// The endpoint.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
}

#[allow(unused_variables, missing_docs)]
impl Endpoint {
    pub fn new(config: Config, now: Timestamp) -> Self { Self { config } }
    pub fn handle(&mut self, now: Timestamp, input: Input<'_>) {}
    pub fn handle_timeout(&mut self, now: Timestamp) {}
    pub fn poll_timeout(&self) -> Option<Timestamp> { None }
    pub fn poll_transmit(&mut self) -> Option<Transmit> { None }
    pub fn poll_event(&mut self) -> Option<Event> { None }
    pub fn ring(&mut self, now: Timestamp, dialog: DialogId, sdp: Option<&[u8]>) {}
    pub fn answer(&mut self, now: Timestamp, dialog: DialogId, sdp: &[u8]) {}
    pub fn refuse(&mut self, now: Timestamp, dialog: DialogId, refusal: Refusal) {}
    pub fn challenge(&mut self, now: Timestamp, dialog: DialogId) {}
    pub fn invite(&mut self, now: Timestamp, invite: Invite) -> DialogId { DialogId(0) }
    pub fn bye(&mut self, now: Timestamp, dialog: DialogId, reason: Option<Reason>) {}
    pub fn reoffer(&mut self, now: Timestamp, dialog: DialogId, sdp: &[u8]) {}
    pub fn accept_offer(&mut self, now: Timestamp, dialog: DialogId, sdp: &[u8]) {}
    pub fn refuse_offer(&mut self, now: Timestamp, dialog: DialogId, status: u16, warning: Option<&str>) {}
    pub fn info(&mut self, now: Timestamp, dialog: DialogId, content_type: &str, body: &[u8]) {}
    pub fn set_accounts(&mut self, accounts: BTreeMap<String, Ha1Pair>) {}
    pub fn contacts(&self, user: &str) -> Vec<Binding> { let _ = &self.config; Vec::new() }
    pub fn draining(&mut self, draining: bool) {}
    pub fn counts(&self) -> Counts { Counts::default() }
}
