//! Names of things: small newtypes, `Display` as logs, records and screens show them.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// One customer's contact with us, from the first ring to the last leg's end.
    CallId(u64), "call-"
);
id!(
    /// One side of a call: the caller, an agent's phone, a bot, a number called for a transfer.
    LegId(u64), "leg-"
);
id!(
    /// An agent, by position in the policy.
    AgentId(u32), "agent-"
);
id!(
    /// A queue, by position in the policy.
    QueueId(u16), "queue-"
);
id!(
    /// A skill, by position in the policy's skill table.
    SkillId(u16), "skill-"
);
id!(
    /// A voice bot, by position in the policy.
    BotId(u16), "bot-"
);
id!(
    /// One attempt to ring one agent for one call. Never used twice.
    OfferId(u64), "offer-"
);
id!(
    /// One request to be called back.
    CallbackId(u64), "callback-"
);
id!(
    /// One order to play prompts on a leg.
    PlayId(u64), "play-"
);
id!(
    /// One measure of how a talk goes by ear. Never used twice.
    MeasureId(u64), "measure-"
);
id!(
    /// One fork of a caller's sound to a recogniser. Never used twice.
    ForkId(u64), "fork-"
);

/// One asking of an endpoint for a call. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId {
    /// The call.
    pub call: CallId,
    /// The how many-th of this call.
    pub number: u32,
}

impl fmt::Display for LookupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lookup-{}-{}", self.call.0, self.number)
    }
}

/// A key of the telephone: `0-9`, `*`, `#`, `A-D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Key(char);

impl Key {
    /// The key for a character; lower-case letters are taken as upper case.
    pub const fn new(c: char) -> Option<Key> {
        match c {
            '0'..='9' | '*' | '#' | 'A'..='D' => Some(Key(c)),
            'a'..='d' => Some(Key(c.to_ascii_uppercase())),
            _ => None,
        }
    }

    /// Its character.
    pub const fn as_char(self) -> char {
        self.0
    }
}

impl TryFrom<char> for Key {
    type Error = String;

    fn try_from(c: char) -> Result<Key, String> {
        Key::new(c).ok_or_else(|| format!("`{c}` is no telephone key: 0-9, *, #, A-D"))
    }
}

impl From<Key> for char {
    fn from(key: Key) -> char {
        key.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
