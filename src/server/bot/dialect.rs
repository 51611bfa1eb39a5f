//! The protocol that a bot speaks over its WebSocket: what is said and understood is the same, the words differ.

use super::audiohook::Session;
use super::twilio::{self, Names, Writer};
use crate::server::config::BotProtocol;
use dozvon_center::bot::BotNote;
use dozvon_center::ids::Key;
use std::time::Duration;

/// What a bot says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It has taken the call.
    Ready,
    /// Sound to be played, µ-law.
    Sound(Vec<u8>),
    /// To be told when all sound before has been heard.
    Mark(String),
    /// Forget the sound that waits.
    Clear,
    /// The caller is to go to people.
    Transfer(BotNote),
    /// It is done; or, `failed`, it can't go on.
    HangUp { failed: bool, note: BotNote },
    /// Something that means nothing here.
    Unknown,
}

/// A message that can't be read, or is of another stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// What is to be sent to the far side.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Letter {
    /// A message.
    Text(String),
    /// The caller's sound in a message, which may be left out.
    TextSound(String),
    /// The same as it is.
    Sound(Vec<u8>),
    /// A ping of the WebSocket.
    Ping,
}

impl Letter {
    /// Whether it may be left out.
    pub(crate) const fn is_sound(&self) -> bool {
        match self {
            Letter::TextSound(_) | Letter::Sound(_) => true,
            Letter::Text(_) | Letter::Ping => false,
        }
    }
}

/// A protocol, and where it stands.
#[derive(Debug)]
pub(super) enum Dialect {
    /// Twilio Media Streams.
    Twilio(Writer),
    /// Genesys AudioHook.
    AudioHook(Session),
}

impl Dialect {
    /// A stream that nothing has been said on.
    pub(super) fn new(protocol: BotProtocol, names: Names) -> Dialect {
        match protocol {
            BotProtocol::Twilio => Dialect::Twilio(Writer::new(names)),
            BotProtocol::AudioHook => Dialect::AudioHook(Session::new(&names)),
        }
    }

    /// Whether the bot has the call as soon as it is told of it; otherwise it says so itself.
    pub(super) const fn takes_at_once(&self) -> bool {
        match self {
            Dialect::Twilio(_) => true,
            Dialect::AudioHook(_) => false,
        }
    }

    /// The first messages, before any sound.
    pub(super) fn open(&mut self, told: &[(&'static str, String)]) -> Vec<String> {
        match self {
            Dialect::Twilio(writer) => vec![Writer::connected(), writer.start(told)],
            Dialect::AudioHook(session) => vec![session.open(told)],
        }
    }

    /// Sound of the caller, so long after the start.
    pub(super) fn sound(&mut self, after: Duration, sound: &[u8]) -> Letter {
        match self {
            Dialect::Twilio(writer) => Letter::TextSound(writer.media(after, sound)),
            Dialect::AudioHook(session) => {
                session.sent_frame();
                Letter::Sound(sound.to_vec())
            }
        }
    }

    /// The caller has pressed a key.
    pub(super) fn key(&mut self, key: Key) -> String {
        match self {
            Dialect::Twilio(writer) => writer.dtmf(key),
            Dialect::AudioHook(session) => session.dtmf(key),
        }
    }

    /// A mark comes back, where there are marks.
    pub(super) fn mark(&mut self, name: &str) -> Option<String> {
        match self {
            Dialect::Twilio(writer) => Some(writer.mark(name)),
            Dialect::AudioHook(_) => None,
        }
    }

    /// The bot's sound begins to be heard, or all of it has been; where that is said.
    pub(super) fn playback(&mut self, begins: bool) -> Option<String> {
        match self {
            Dialect::Twilio(_) => None,
            Dialect::AudioHook(session) => Some(session.playback(begins)),
        }
    }

    /// Asks whether the bot is there.
    pub(super) fn ping(&mut self) -> Letter {
        match self {
            Dialect::Twilio(_) => Letter::Ping,
            Dialect::AudioHook(session) => Letter::Text(session.ping()),
        }
    }

    /// The last message.
    pub(super) fn close(&mut self) -> String {
        match self {
            Dialect::Twilio(writer) => writer.stop(),
            Dialect::AudioHook(session) => session.close(),
        }
    }

    /// Reads a message in text.
    ///
    /// # Errors
    /// It is none of the protocol, or of another stream.
    pub(super) fn read(&mut self, text: &str) -> Result<Said, Unreadable> {
        match self {
            Dialect::Twilio(writer) => twilio::read(text, writer.stream()),
            Dialect::AudioHook(session) => session.read(text),
        }
    }

    /// Reads a binary message.
    ///
    /// # Errors
    /// The protocol has none.
    pub(super) fn read_binary(&self, bytes: &[u8]) -> Result<Said, Unreadable> {
        match self {
            Dialect::Twilio(_) => Err(Unreadable),
            Dialect::AudioHook(_) => Ok(Said::Sound(bytes.to_vec())),
        }
    }
}
