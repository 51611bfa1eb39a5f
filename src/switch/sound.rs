//! The sound of one line: its media session, its port, and the offer/answer that settles the format.
//!
//! Translates between the two rooms' words for codecs and directions; decides nothing about calls.

use dozvon_media::order::{Codec, Direction, Format, Order, SessionId, TelephoneEvent};
use dozvon_sip::sdp::{self, Agreed, Description, NotAcceptable, Origin, Ours};
use std::net::SocketAddr;

/// One line's media session and what was agreed for it.
#[derive(Clone, Debug)]
pub(crate) struct Sound {
    pub(crate) session: SessionId,
    /// The media worker that has it. Two lines that may be joined have the same one.
    pub(crate) worker: u16,
    /// Our RTP address.
    pub(crate) local: SocketAddr,
    codecs: Vec<sdp::Codec>,
    origin: Origin,
    /// The last offer of ours that waits for an answer, or was answered.
    offered: Option<String>,
    pub(crate) agreed: Option<Agreed>,
}

impl Sound {
    pub(crate) fn new(
        session: SessionId,
        worker: u16,
        local: SocketAddr,
        codecs: &[Codec],
    ) -> Sound {
        let codecs = codecs.iter().copied().map(to_sdp).collect();
        let origin = Origin::new(session.0);
        Sound { session, worker, local, codecs, origin, offered: None, agreed: None }
    }

    /// The same line's sound at another session: the description goes on with its next version, nothing is agreed.
    pub(crate) fn moved(&self, session: SessionId, worker: u16, local: SocketAddr) -> Sound {
        Sound { session, worker, local, offered: None, agreed: None, ..self.clone() }
    }

    /// The order that makes the session.
    pub(crate) fn open(&self) -> Order {
        Order::Open { session: self.session, local: self.local }
    }

    /// Prefers the codec that another line has agreed on, so that nothing need be transcoded between the two.
    pub(crate) fn prefer(&mut self, other: &Sound) {
        if let Some(agreed) = &other.agreed {
            self.codecs = sdp::order_for_leg(&self.codecs, agreed.codec);
        }
    }

    /// Has this codec alone, whatever else we speak.
    pub(crate) fn speak_only(&mut self, codec: Codec) {
        self.codecs = vec![to_sdp(codec)];
    }

    /// The far side is at this address, agreed without any description: its first codec, 20 ms a packet, keys as
    /// events. Its RTCP would come to the same port (RFC 5761).
    pub(crate) fn joined(&mut self, far: SocketAddr) {
        self.agree_with(far, Some((101, 8_000)), sdp::Direction::SendRecv);
    }

    /// The same for a far side that only hears: nothing comes from there, and no keys go there.
    pub(crate) fn overheard(&mut self, far: SocketAddr) {
        self.agree_with(far, None, sdp::Direction::SendOnly);
    }

    fn agree_with(
        &mut self,
        far: SocketAddr,
        telephone_event: Option<(u8, u32)>,
        direction: sdp::Direction,
    ) {
        let codec = self.codecs.first().copied().unwrap_or(sdp::Codec::Pcmu);
        self.agreed = Some(Agreed {
            remote: far,
            rtcp: Some(far),
            codec,
            payload_type: codec.payload_type(),
            telephone_event,
            ptime_ms: 20,
            direction,
        });
    }

    /// Our offer.
    pub(crate) fn offer(&mut self) -> Vec<u8> {
        // A first offer asks for no shared port: a phone that takes it wrongly has no RTCP. One that is shared stays
        // so.
        let rtcp_mux =
            self.agreed.as_ref().is_some_and(|agreed| agreed.rtcp == Some(agreed.remote));
        let offer = sdp::offer(&Ours { rtcp_mux, ..self.ours() }, &mut self.origin);
        self.offered = Some(offer.clone());
        offer.into_bytes()
    }

    /// Our answer to their offer; what was agreed is in `agreed` afterwards.
    pub(crate) fn answer(&mut self, offer: &[u8]) -> Result<Vec<u8>, NotAcceptable> {
        let offer = Description::parse(offer).map_err(|_| NotAcceptable::NoAudio)?;
        let ours = Ours { rtcp_mux: true, ..self.ours() };
        let answer = sdp::answer(&offer, &ours, &mut self.origin)?;
        self.agreed = Some(answer.agreed);
        Ok(answer.body.into_bytes())
    }

    /// Their answer to our offer.
    pub(crate) fn answered(&mut self, answer: &[u8]) -> Result<(), NotAcceptable> {
        let offer = self.offered.as_ref().ok_or(NotAcceptable::Mismatch)?;
        let offer = Description::parse(offer.as_bytes()).map_err(|_| NotAcceptable::Mismatch)?;
        let answer = Description::parse(answer).map_err(|_| NotAcceptable::NoAudio)?;
        self.agreed = Some(sdp::read_answer(&offer, &answer)?);
        Ok(())
    }

    /// The order that tells the session what was agreed.
    pub(crate) fn agree(&self) -> Option<Order> {
        let agreed = self.agreed.as_ref()?;
        Some(Order::Agree {
            session: self.session,
            remote: agreed.remote,
            rtcp: agreed.rtcp,
            format: Format {
                codec: from_sdp(agreed.codec),
                payload_type: agreed.payload_type,
                ptime_ms: packet_time(agreed.ptime_ms),
                telephone_event: agreed
                    .telephone_event
                    .map(|(payload_type, clock_hz)| TelephoneEvent { payload_type, clock_hz }),
            },
            direction: direction(agreed.direction),
        })
    }

    /// Whether the other side holds us: it does not want to hear us, or has gone silent altogether.
    pub(crate) fn is_held(&self) -> bool {
        self.agreed
            .as_ref()
            .is_some_and(|agreed| !agreed.direction.sends() || agreed.remote.ip().is_unspecified())
    }

    fn ours(&self) -> Ours {
        Ours::new(self.local, &self.codecs)
    }
}

/// The packet time that the media plane can make: a multiple of its 20 ms tick, from 20 to 60.
fn packet_time(ptime_ms: u16) -> u8 {
    match ptime_ms {
        0..=39 => 20,
        40..=59 => 40,
        _ => 60,
    }
}

const fn to_sdp(codec: Codec) -> sdp::Codec {
    match codec {
        Codec::Pcmu => sdp::Codec::Pcmu,
        Codec::Pcma => sdp::Codec::Pcma,
        Codec::G722 => sdp::Codec::G722,
        Codec::Opus => sdp::Codec::Opus,
    }
}

const fn from_sdp(codec: sdp::Codec) -> Codec {
    match codec {
        sdp::Codec::Pcmu => Codec::Pcmu,
        sdp::Codec::Pcma => Codec::Pcma,
        sdp::Codec::G722 => Codec::G722,
        sdp::Codec::Opus => Codec::Opus,
    }
}

const fn direction(direction: sdp::Direction) -> Direction {
    match direction {
        sdp::Direction::SendRecv => Direction::SendRecv,
        sdp::Direction::SendOnly => Direction::SendOnly,
        sdp::Direction::RecvOnly => Direction::RecvOnly,
        sdp::Direction::Inactive => Direction::Inactive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(codecs: &[Codec]) -> Sound {
        Sound::new(SessionId(1), 0, "127.0.0.1:16000".parse().unwrap(), codecs)
    }

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

    #[test]
    fn our_first_common_codec_is_agreed_and_ordered() {
        let mut sound = sound(&[Codec::Pcma, Codec::Pcmu]);
        sound.answer(OFFER.as_bytes()).unwrap();
        let Some(Order::Agree { remote, format, direction, .. }) = sound.agree() else {
            panic!("something was agreed")
        };
        assert_eq!(remote, "192.0.2.5:4000".parse().unwrap());
        assert_eq!((format.codec, format.payload_type), (Codec::Pcma, 8));
        let events = TelephoneEvent { payload_type: 101, clock_hz: 8000 };
        assert_eq!(format.telephone_event, Some(events));
        assert_eq!(direction, Direction::SendRecv);
    }

    #[test]
    fn one_port_for_rtp_and_rtcp_is_taken_when_offered_and_kept_until_it_is_not() {
        let one_port = |sound: &Sound| {
            let Some(Order::Agree { remote, rtcp, .. }) = sound.agree() else {
                panic!("something was agreed")
            };
            rtcp == Some(remote)
        };
        let mut line = sound(&[Codec::Pcmu]);
        assert!(!String::from_utf8(line.offer()).unwrap().contains("rtcp-mux"), "not asked for");
        let answer = line.answer(format!("{OFFER}a=rtcp-mux\r\n").as_bytes()).unwrap();
        assert!(String::from_utf8(answer).unwrap().contains("a=rtcp-mux") && one_port(&line));
        assert!(String::from_utf8(line.offer()).unwrap().contains("a=rtcp-mux"), "it stays so");
        line.answered(OFFER.as_bytes()).unwrap();
        assert!(!one_port(&line), "both must want it, each time");
    }

    #[test]
    fn a_reoffer_to_send_only_is_a_hold_and_back_again() {
        let mut sound = sound(&[Codec::Pcmu]);
        sound.answer(OFFER.as_bytes()).unwrap();
        assert!(!sound.is_held());
        sound.answer(format!("{OFFER}a=sendonly\r\n").as_bytes()).unwrap();
        assert!(sound.is_held());
        sound.answer(OFFER.as_bytes()).unwrap();
        assert!(!sound.is_held());
        sound.answer(OFFER.replace("c=IN IP4 192.0.2.5", "c=IN IP4 0.0.0.0").as_bytes()).unwrap();
        assert!(sound.is_held(), "the old way of holding");
    }

    #[test]
    fn the_second_line_offers_the_codec_of_the_first_one_first() {
        let mut caller = sound(&[Codec::Pcmu]);
        caller.answer(OFFER.as_bytes()).unwrap();
        let mut agent = sound(&[Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu]);
        agent.prefer(&caller);
        let offer = String::from_utf8(agent.offer()).unwrap();
        assert!(offer.contains("RTP/AVP 0 111 9 8"), "{offer}");
    }
}
