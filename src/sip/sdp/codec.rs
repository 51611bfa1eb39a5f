//! The codecs that are spoken, and the direction of a stream (RFC 3551 §6, RFC 7587, RFC 8866 §6.7).

use std::fmt;

/// A voice codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
    /// G.722, payload type 9; its RTP clock runs at 8000 although it samples at 16000 (RFC 3551 §4.5.2).
    G722,
    /// Opus, RTP clock 48000, always written with two channels (RFC 7587 §7).
    Opus,
}

impl Codec {
    /// Every codec that is spoken.
    pub const ALL: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];

    /// The encoding name as `a=rtpmap` writes it.
    pub fn encoding_name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }

    /// Ticks of the RTP clock per second.
    pub fn clock_rate(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => 8_000,
            Codec::Opus => 48_000,
        }
    }

    /// The payload type that we offer: the static one, or 111 for Opus, as browsers have it.
    pub fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
            Codec::Opus => 111,
        }
    }

    /// The codec of a static payload type that came without `a=rtpmap`.
    pub(super) fn of_static(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            9 => Some(Codec::G722),
            _ => None,
        }
    }

    /// The codec of an `a=rtpmap` encoding; the name in any case, the clock rate exact.
    pub(super) fn of_encoding(name: &str, clock_rate: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|c| c.encoding_name().eq_ignore_ascii_case(name) && c.clock_rate() == clock_rate)
    }

    /// What stands behind the payload type in `a=rtpmap`.
    pub(super) fn rtpmap(self) -> String {
        let channels = if self == Codec::Opus { "/2" } else { "" };
        format!("{}/{}{channels}", self.encoding_name(), self.clock_rate())
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encoding_name())
    }
}

/// Which way media flows, seen from the side that says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Both ways; what is meant when nothing is said.
    #[default]
    SendRecv,
    /// The sayer sends only: the other side is on hold.
    SendOnly,
    /// The sayer receives only.
    RecvOnly,
    /// No media at all.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The direction that an attribute of this name means.
    pub(super) fn of(attribute: &str) -> Option<Self> {
        let all = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];
        all.into_iter().find(|direction| direction.as_str() == attribute)
    }

    /// Made of its two halves.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the sayer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the sayer receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same stream seen from the other side.
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow.
    pub fn and(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_reverse_and_meet() {
        use Direction::*;
        assert_eq!(SendOnly.reversed(), RecvOnly);
        assert_eq!(Inactive.reversed(), Inactive);
        assert_eq!(SendOnly.reversed().and(SendRecv), RecvOnly);
        assert_eq!(SendOnly.and(RecvOnly), Inactive);
    }
}
