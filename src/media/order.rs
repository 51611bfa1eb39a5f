//! What the media plane is told ([`Order`]) and what it tells back ([`Report`]).
//!
//! The brain decides, media obeys: an order names a session by id, a report never asks for an answer. Both are plain
//! data on bounded channels; a packet never visits the brain.

use crate::limits::REPLY_STEPS;
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

/// One measuring of two sessions that talk with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeasureId(pub u64);

/// One of the two sessions of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one named first.
    First,
    /// The one named second.
    Second,
}

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
        /// Where the peer receives RTCP; `None` = `remote` port + 1. The same as `remote`: RTP and RTCP share one port
        /// on both sides (RFC 5761), and ours for RTCP may be closed.
        rtcp: Option<SocketAddr>,
        /// Agreed format.
        format: Format,
        /// Agreed direction, from our side.
        direction: Direction,
    },
    /// The peer is known to send packets all the time: without any for this long, in place of the configured time,
    /// [`Report::Silent`] is made.
    Expect {
        /// The session.
        session: SessionId,
        /// The longest silence that is none.
        within: Duration,
    },
    /// The peer is this machine: no network delays its packets, so they are held back for
    /// [`NEAR_PLAYOUT`](crate::limits::NEAR_PLAYOUT) in place of the configured time. Counts for conversations that
    /// begin after it.
    Near {
        /// The session.
        session: SessionId,
    },
    /// Play the clips once, one after the other; replaces what was playing; answer with [`Report::Played`] at the end,
    /// when the last of it has been heard. Begins with the first agreement; passes its time unheard while the peer
    /// holds us. A session in a conversation is taken out of it, as [`Order::Unbridge`] does. Clips beyond
    /// [`PLAY_CLIPS_MAX`](crate::limits::PLAY_CLIPS_MAX) and unknown ones are left out.
    Play {
        /// The session that hears it.
        session: SessionId,
        /// Echoed in the report.
        play: PlayId,
        /// What to play, in order; an empty list is done at once.
        clips: Vec<ClipId>,
    },
    /// Play the clips once to this session alone, instead of what it hears otherwise: a conversation, a loop, a play,
    /// its echo. What it hears goes on afterwards by itself; a conversation has meanwhile moved on, a loop or a play
    /// goes on where it was. Who hears the session goes on hearing it. [`Report::Played`] follows when the last of it
    /// has been heard. A second announcement replaces the first, of which nothing is reported; [`Order::Hear`] and
    /// [`Order::Bridge`] change what is heard after it; every other order that changes what is heard ends it. Clips are
    /// taken as in [`Order::Play`].
    Announce {
        /// The session that hears it.
        session: SessionId,
        /// Echoed in the report.
        play: PlayId,
        /// What to play, in order; an empty list is done at once.
        clips: Vec<ClipId>,
    },
    /// Play a clip for ever (music, ringback). The same clip ordered again later goes on where it was. A session in a
    /// conversation is taken out of it, as [`Order::Unbridge`] does.
    Loop {
        /// The session that hears it.
        session: SessionId,
        /// What to play.
        clip: ClipId,
    },
    /// Stop an announcement; without one stop playing, looping or echoing, and send silence until told otherwise. No
    /// [`Report::Played`] follows. Whom the session hears is left as it is.
    Stop {
        /// The session.
        session: SessionId,
    },
    /// Send keys to the peer: RFC 4733 when agreed, else in-band tones; 100 ms on, 60 ms off. Meanwhile nothing else
    /// is sent: a prompt waits, a conversation is not heard. Keys beyond
    /// [`DIAL_QUEUE_MAX`](crate::limits::DIAL_QUEUE_MAX) are dropped.
    Dial {
        /// The session.
        session: SessionId,
        /// Keys in order.
        digits: Vec<Digit>,
    },
    /// From now on the session hears the sum of these sessions' voices, and nothing else; none = silence. It stops
    /// playing, looping and echoing. All are of the same worker; the session itself and unknown ones are left out.
    /// Refused, and nothing changed, beyond [`HEARD_MAX`](crate::limits::HEARD_MAX) sessions, or when one of them is
    /// heard by [`LISTENERS_MAX`](crate::limits::LISTENERS_MAX) already.
    ///
    /// One voice of the same codec and packet length is relayed as it is, at once, whatever that session hears itself;
    /// all else is decoded, mixed and encoded. Nothing is heard of a session before both are agreed. A session that
    /// closes drops out of all lists. Keys are reported as ever; they pass on only between two sessions that hear each
    /// other and nobody else: as the other side can take them, as events or as tones.
    Hear {
        /// The listener.
        session: SessionId,
        /// Whom it hears.
        from: Vec<SessionId>,
    },
    /// Connect two sessions: both leave the conversation they are in, as [`Order::Unbridge`] does, and then `a` hears
    /// `b` and `b` hears `a`, as two [`Order::Hear`] do. Two that are so connected already are left as they are.
    Bridge {
        /// One side.
        a: SessionId,
        /// The other side.
        b: SessionId,
    },
    /// Take the session out of its conversation: it hears nobody and nobody hears it any more. The other side of a
    /// bridge falls silent too; in a conference the others go on.
    Unbridge {
        /// The session.
        session: SessionId,
    },
    /// Mute a session, or let it be heard again: while muted nobody hears it, in whatever conversation it is or will
    /// be. It hears on, its keys are reported and pass as ever, and [`Report::Silent`] is made as ever. A measure takes
    /// it for silent.
    Mute {
        /// The session.
        session: SessionId,
        /// Whether nobody shall hear it.
        muted: bool,
    },
    /// Begin to measure how two sessions talk, by the activity of their voices; it does not matter whom they hear.
    /// A measure of that id which is paused goes on; one that runs takes the new `unheard_after`. Refused when one of
    /// the sessions is unknown, both are the same, the id is in use for others, or
    /// [`MEASURES_MAX`](crate::limits::MEASURES_MAX) run already.
    Measure {
        /// Echoed in the reports.
        measure: MeasureId,
        /// One side.
        first: SessionId,
        /// The other side.
        second: SessionId,
        /// Silence of a side after which [`Report::Unheard`] is made.
        unheard_after: Duration,
    },
    /// Let the time of a measure stand still until [`Order::Measure`] of the same id (a hold): voices are not counted,
    /// and nobody is reported unheard. A silence of both ends here. Refused for an unknown measure.
    PauseMeasure {
        /// Which.
        measure: MeasureId,
    },
    /// End a measure, running or paused: [`Report::Measured`] follows at once. Refused for an unknown one.
    Unmeasure {
        /// Which.
        measure: MeasureId,
    },
    /// Send the peer's own sound back to it (the echo service). A session in a conversation is taken out of it, as
    /// [`Order::Unbridge`] does.
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

/// What one side of a measured conversation said. Voice is counted as ITU-T P.56 counts active speech: pauses shorter
/// than 200 ms belong to it, and each talkspurt is that much longer than its sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// Time of voice.
    pub voice: Duration,
    /// Measured time until its first voice began; `None` = it said nothing.
    pub first_voice_after: Option<Duration>,
}

/// Silences of both sides together that lasted longer than [`SILENCE_MIN`](crate::limits::SILENCE_MIN).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silences {
    /// How many.
    pub count: u32,
    /// The longest.
    pub longest: Duration,
    /// All of them, each from the end of the voice before it.
    pub total: Duration,
}

/// How soon the first session replied to what the second one said: from the end of the one's voice to the beginning of
/// the other's. Who goes on speaking before there is a reply has not ended, and a voice that ends while the other
/// speaks asks for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replies {
    /// How many took so many steps of [`REPLY_STEP`](crate::limits::REPLY_STEP); no more than fit are counted.
    pub by_step: [u16; REPLY_STEPS],
    /// How long the last words had waited for a reply when the measure ended; zero: it had come.
    pub owed: Duration,
}

impl Default for Replies {
    fn default() -> Replies {
        Replies { by_step: [0; REPLY_STEPS], owed: Duration::ZERO }
    }
}

/// What a measure has found, in steps of 20 ms; paused time is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// Measured time.
    pub lasted: Duration,
    /// The first session.
    pub first: Spoken,
    /// The second session.
    pub second: Spoken,
    /// Time in which both spoke, the 200 ms that end each talkspurt left out: taking turns is no talking over.
    pub both: Duration,
    /// How many times both spoke at once.
    pub both_times: u32,
    /// Long silences of both.
    pub silences: Silences,
    /// Replies of the first session.
    pub replies: Replies,
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
    /// All clips of an [`Order::Play`] or [`Order::Announce`] were played to the end.
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
    /// A side of a measure has not been heard for its `unheard_after`, since the measure began or went on or since its
    /// last voice: no packets, no voice in them, or muted. Once per silence.
    Unheard {
        /// Which measure.
        measure: MeasureId,
        /// Which side.
        side: Side,
    },
    /// A side reported [`Report::Unheard`] is heard now.
    HeardAgain {
        /// Which measure.
        measure: MeasureId,
        /// Which side.
        side: Side,
    },
    /// A measure is over: by [`Order::Unmeasure`], or because one of its sessions closes.
    Measured {
        /// Which.
        measure: MeasureId,
        /// What it has found.
        conversation: Conversation,
    },
    /// The session is gone and its ports are free.
    Closed {
        /// The session.
        session: SessionId,
        /// Final counts.
        quality: Quality,
    },
}
