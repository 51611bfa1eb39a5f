//! A message that owns its bytes, for transactions and logs that keep one. Marks are made again on each look (§17).

use super::parse::{Message, ParseError};
use std::sync::Arc;

/// The bytes of one message, known to parse. Cloning shares them.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedMessage(Arc<[u8]>);

impl OwnedMessage {
    /// Keeps bytes that parse as a message.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Message::parse(bytes).map(|message| Self::from(&message))
    }

    /// The message with its parts marked; costs one parse.
    pub fn get(&self) -> Message<'_> {
        Message::parse(&self.0).expect("only bytes that parse are kept")
    }

    /// Start line to end of body, as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&Message<'_>> for OwnedMessage {
    fn from(message: &Message<'_>) -> Self {
        Self(message.as_bytes().into())
    }
}

impl std::fmt::Debug for OwnedMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(f)
    }
}
