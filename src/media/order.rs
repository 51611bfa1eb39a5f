//! What the media plane is told ([`Order`]) and what it tells back ([`Report`]).
//!
//! The brain decides, media obeys: an order names a session by id, a report never asks for an answer. Both are plain
//! data on bounded channels; a packet never visits the brain.

use std::net::SocketAddr;
use std::time::Duration;

/// One leg's sound: one RTP socket pair, one remote party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// One order to play something; comes back in [`Report::Played`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayId(pub u64);

/// A prompt, tone or piece of music in the clip library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClipId(pub u32);

/// The audio codecs dozvon speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s, static payload type 9; its RTP clock is 8000 Hz by mistake of history (RFC 3551 §4.5.2).
    G722,
    /// Opus (RFC 7587), RTP clock 48000 Hz.
    Opus,
}

/// Which way sound may flow, from our point of view (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// We may send, the peer is silent or on hold.
    SendOnly,
    /// The peer sends, we stay silent (the peer holds us).
    RecvOnly,
    /// Nothing flows.
    Inactive,
}

/// The negotiated audio format of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The codec both sides agreed on.
    pub codec: Codec,
    /// RTP payload type for the codec, the same number in both directions.
    pub payload_type: u8,
    /// Milliseconds of sound in each packet we send: a multiple of 20 from 20 to 60; anything else is rounded down to
    /// one. Opus is always sent in packets of 20 ms, which every receiver takes (RFC 7587 §4.2).
    pub ptime_ms: u8,
    /// RFC 4733 payload type and clock, when agreed; without it keys are detected in-band.
    pub telephone_event: Option<TelephoneEvent>,
}

/// The negotiated telephone-event payload (RFC 4733).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// RTP payload type.
    pub payload_type: u8,
    /// RTP clock rate in hertz: that of the audio it belongs to.
    pub clock_hz: u32,
}

/// A key of the telephone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digit {
    /// 0 to 9.
    Num(u8),
    /// `*`
    Star,
    /// `#`
    Pound,
    /// A to D.
    Letter(u8),
}

impl Digit {
    /// The key for a character `0-9 * # A-D` (lower case too).
    pub const fn from_char(c: char) -> Option<Digit> {
        match c {
            '0'..='9' => Some(Digit::Num(c as u8 - b'0')),
            '*' => Some(Digit::Star),
            '#' => Some(Digit::Pound),
            'A'..='D' => Some(Digit::Letter(c as u8 - b'A')),
            'a'..='d' => Some(Digit::Letter(c as u8 - b'a')),
            _ => None,
        }
    }

    /// The character of this key.
    pub const fn to_char(self) -> char {
        match self {
            Digit::Num(n) => (b'0' + n) as char,
            Digit::Star => '*',
            Digit::Pound => '#',
            Digit::Letter(n) => (b'A' + n) as char,
        }
    }
}

/// What the brain orders. An order for an unknown session is counted and dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Bind the port pair (RTP on `local`, RTCP one above) and create the session, silent until [`Order::Agree`].
    Open {
        /// The new session.
        session: SessionId,
        /// Local RTP address with an even port.
        local: SocketAddr,
    },
    /// Set or change remote address, format and direction after an offer/answer exchange.
    Agree {
        /// The session.
        session: SessionId,
        /// Where the peer said it receives RTP.
        remote: SocketAddr,
        /// Where the peer receives RTCP; `None` = `remote` port + 1.
        rtcp: Option<SocketAddr>,
        /// Agreed format.
        format: Format,
        /// Agreed direction, from our side.
        direction: Direction,
    },
    /// Play the clips once, one after the other; replaces what was playing; answer with [`Report::Played`] at the end,
    /// when the last of it has been heard. Begins with the first agreement; passes its time unheard while the peer
    /// holds us. A bridged session is taken out of its bridge. Clips beyond
    /// [`PLAY_CLIPS_MAX`](crate::limits::PLAY_CLIPS_MAX) and unknown ones are left out.
    Play {
        /// The session that hears it.
        session: SessionId,
        /// Echoed in the report.
        play: PlayId,
        /// What to play, in order; an empty list is done at once.
        clips: Vec<ClipId>,
    },
    /// Play a clip for ever (music, ringback). The same clip ordered again later goes on where it was. A bridged
    /// session is taken out of its bridge.
    Loop {
        /// The session that hears it.
        session: SessionId,
        /// What to play.
        clip: ClipId,
    },
    /// Stop playing, looping or echoing; the session sends silence until told otherwise. No [`Report::Played`] follows.
    /// A bridge is left as it is.
    Stop {
        /// The session.
        session: SessionId,
    },
    /// Send keys to the peer: RFC 4733 when agreed, else in-band tones; 100 ms on, 60 ms off. Meanwhile nothing else
    /// is sent: a prompt waits, a bridge is cut. Keys beyond
    /// [`DIAL_QUEUE_MAX`](crate::limits::DIAL_QUEUE_MAX) are dropped.
    Dial {
        /// The session.
        session: SessionId,
        /// Keys in order.
        digits: Vec<Digit>,
    },
    /// Connect two sessions of the same worker; both stop playing. A session already bridged is unbridged first. Sound
    /// passes once both are agreed: relayed as it is between equal codecs and packet lengths, else transcoded. Keys
    /// pass as the other side can take them, as events or as tones, and are reported as ever.
    Bridge {
        /// One side.
        a: SessionId,
        /// The other side.
        b: SessionId,
    },
    /// Take the session out of its bridge, both sides fall silent.
    Unbridge {
        /// Either side.
        session: SessionId,
    },
    /// Send the peer's own sound back to it (the echo service). A bridged session is taken out of its bridge.
    Echo {
        /// The session.
        session: SessionId,
    },
    /// End the session; its ports go into cool-down. Answered with [`Report::Closed`], the last report of a session.
    Close {
        /// The session.
        session: SessionId,
    },
}

/// How a key reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitSource {
    /// RFC 4733 telephone-event.
    Event,
    /// Detected in the audio.
    Inband,
}

/// Packet counts and quality of a session since it opened.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// RTP packets received.
    pub received: u64,
    /// RTP packets sent.
    pub sent: u64,
    /// Packets that never came, by sequence numbers (RFC 3550 A.3).
    pub lost: u64,
    /// Interarrival jitter in seconds (RFC 3550 §6.4.1).
    pub jitter_secs: f64,
    /// Packets thrown away because they came from a stranger's address.
    pub strangers: u64,
    /// Round trip in seconds from the last RTCP report block, when one came.
    pub round_trip_secs: Option<f64>,
}

/// What a media worker reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// The ports could not be bound: the leg can't go on. Made by the shell, which owns the sockets.
    OpenFailed {
        /// The session, which does not exist.
        session: SessionId,
        /// Why, for the log.
        error: String,
    },
    /// The first RTP packet of the peer has come: once in a session.
    Heard {
        /// The session.
        session: SessionId,
    },
    /// A key was pressed: once per press, at its beginning.
    Digit {
        /// The session.
        session: SessionId,
        /// Which key.
        digit: Digit,
        /// How it came.
        source: DigitSource,
    },
    /// All clips of a [`Order::Play`] were played to the end.
    Played {
        /// The session.
        session: SessionId,
        /// Which order.
        play: PlayId,
    },
    /// No RTP has come for the configured time, although the direction allows it. Reported once per silence.
    Silent {
        /// The session.
        session: SessionId,
        /// How long nothing came.
        silence: Duration,
    },
    /// The session is gone and its ports are free.
    Closed {
        /// The session.
        session: SessionId,
        /// Final counts.
        quality: Quality,
    },
}
