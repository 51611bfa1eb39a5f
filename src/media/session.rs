//! One session: whom it hears, what it says, and what it has counted.
//!
//! It never sees another session: the bank hands over packets, frames and sound. Bounds are in [`crate::limits`].

use crate::bank::{Channel, MediaConfig, Sink, Slot};
use crate::clip::Library;
use crate::codec::{Decoder, Encoder, Rate};
use crate::dtmf::{Detector, EVENT_BYTES, KeyEvent, KeyReceiver, KeySender, KeyStep};
use crate::latch::{Latch, LatchRules, Verdict};
use crate::limits::{BURST_PACKETS_MAX, PACKET_FRAMES_MAX};
use crate::mix::Ear;
use crate::order::{
    ClipId, Codec, Digit, DigitSource, Direction, Format, Quality, Report, SessionId,
};
use crate::playout::Content;
use crate::rtcp;
use crate::rtp::{Arrival, Packet, Random, Reception, Stream};
use crate::source::{Clips, Link, LoopPlaces, Played, Source};
use crate::tone::Tone;
use crate::vad::Activity;
use dozvon_clock::Timestamp;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// Level of each tone of a key sent in the sound, in dBm0.
const KEY_DBM0: f64 = -9.0;
/// Power that our events claim, in -dBm0.
const KEY_VOLUME: u8 = 9;
/// A relay that has been quiet for so long is filled with silence.
const RELAY_GAP: Duration = Duration::from_millis(200);
/// Opus complexity for live sound: 5 costs three times the CPU of 0 and is clearly better for speech.
const LIVE_COMPLEXITY: i32 = 5;

impl Direction {
    /// Whether we may send.
    pub const fn sends(self) -> bool {
        match self {
            Direction::SendRecv | Direction::SendOnly => true,
            Direction::RecvOnly | Direction::Inactive => false,
        }
    }

    /// Whether the peer may send.
    pub const fn receives(self) -> bool {
        match self {
            Direction::SendRecv | Direction::RecvOnly => true,
            Direction::SendOnly | Direction::Inactive => false,
        }
    }
}

impl Format {
    /// Frames of 20 ms in each packet we send. Opus frames are never packed: a receiver takes any length (RFC 7587
    /// §4.2), and packing would need all of them in one mode.
    pub fn frames_per_packet(&self) -> u8 {
        match self.codec {
            Codec::Pcmu | Codec::Pcma | Codec::G722 => {
                (self.ptime_ms / 20).clamp(1, PACKET_FRAMES_MAX)
            }
            Codec::Opus => 1,
        }
    }
}

/// What a session needs from its bank to say something.
pub(crate) struct Voice<'a, S> {
    pub(crate) now: Timestamp,
    pub(crate) library: &'a Library,
    pub(crate) config: &'a MediaConfig,
    pub(crate) scratch: &'a mut Vec<u8>,
    pub(crate) reports: &'a mut VecDeque<Report>,
    pub(crate) sink: &'a mut S,
}

/// What is agreed with the peer.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    pub(crate) format: Format,
    pub(crate) direction: Direction,
    latch: Latch,
    rtcp: SocketAddr,
    /// RTCP goes where RTP goes (RFC 5761).
    one_port: bool,
    rtcp_heard_from: Option<SocketAddr>,
}

impl Agreed {
    /// Beside the learned source when there is one: the SDP's RTCP address is behind the same NAT.
    fn rtcp_target(&self) -> SocketAddr {
        let target = self.latch.target();
        match self.rtcp_heard_from {
            _ if self.one_port => target,
            Some(address) => address,
            None if target == self.latch.named() => self.rtcp,
            None => SocketAddr::new(target.ip(), target.port().saturating_add(1)),
        }
    }
}

/// Keys in the sound of a peer that has no events.
#[derive(Debug)]
struct KeyEar {
    decoder: Decoder,
    detector: Detector,
    next_sequence: Option<u16>,
}

/// Encoder for sound that is made or mixed here.
#[derive(Debug)]
pub(crate) struct Mouth {
    pub(crate) rate: Rate,
    pub(crate) encoder: Encoder,
    coded: Vec<u8>,
}

impl Mouth {
    pub(crate) fn new(codec: Codec, rate: Rate) -> Self {
        Self { rate, encoder: Encoder::new(codec, rate, LIVE_COMPLEXITY), coded: Vec::new() }
    }
}

/// What the bank has to do with an accepted packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// Nothing.
    Dropped,
    /// Nothing, and count it: far more packets came than a sound can have.
    Flooded,
    /// Pass on sound.
    Audio(Arrival),
    /// Pass on an event; the key when it is a new press.
    Event(Arrival, Option<Digit>),
}

/// The state of one session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    slot: Slot,
    pub(crate) agreed: Option<Agreed>,
    pub(crate) source: Source,
    /// What is played to it instead of its source.
    announcement: Option<Box<Clips>>,
    loops: LoopPlaces,
    /// The places of the sessions that hear this one.
    pub(crate) heard_by: Vec<usize>,
    /// Nobody shall hear it.
    pub(crate) muted: bool,

    reception: Reception,
    strangers: u64,
    last_heard: Option<Timestamp>,
    /// Packets since the last tick.
    burst: u16,
    /// Since when silence counts.
    listening_since: Timestamp,
    silence_reported: bool,
    /// The longest silence, where it is not the configured one.
    expected_within: Option<Duration>,
    /// The peer is this machine.
    pub(crate) near: bool,
    keys_in: KeyReceiver,
    key_ear: Option<Box<KeyEar>>,
    /// The peer's voice for those who mix it.
    pub(crate) ear: Option<Box<Ear>>,
    /// The peer's voice for measures.
    activity: Option<Box<Activity>>,

    stream: Stream,
    pub(crate) keys_out: KeySender,
    key_timestamp: u32,
    key_tone: Option<Tone>,
    pub(crate) mouth: Option<Box<Mouth>>,
    pack: Vec<u8>,
    packed: u8,
    pack_timestamp: u32,
    last_sent: Timestamp,
    silence_frame: u32,

    next_rtcp: Timestamp,
    sender_report: Option<(u32, Timestamp)>,
    round_trip_secs: Option<f64>,
}

impl Session {
    pub(crate) fn new(now: Timestamp, id: SessionId, slot: Slot, random: &mut Random) -> Self {
        Self {
            id,
            slot,
            agreed: None,
            source: Source::Idle,
            announcement: None,
            loops: LoopPlaces::default(),
            heard_by: Vec::new(),
            muted: false,
            reception: Reception::default(),
            strangers: 0,
            last_heard: None,
            burst: 0,
            listening_since: now,
            silence_reported: false,
            expected_within: None,
            near: false,
            keys_in: KeyReceiver::default(),
            key_ear: None,
            ear: None,
            activity: None,
            stream: Stream::new(random),
            keys_out: KeySender::default(),
            key_timestamp: 0,
            key_tone: None,
            mouth: None,
            pack: Vec::new(),
            packed: 0,
            pack_timestamp: 0,
            last_sent: now,
            silence_frame: 0,
            next_rtcp: Timestamp::FAR_FUTURE,
            sender_report: None,
            round_trip_secs: None,
        }
    }

    /// Takes a new or renewed agreement; the bank links voices anew afterwards.
    pub(crate) fn agree(
        &mut self,
        now: Timestamp,
        remote: (SocketAddr, Option<SocketAddr>),
        format: Format,
        direction: Direction,
        config: &MediaConfig,
        random: &mut Random,
    ) {
        let rules = LatchRules { window: config.latch_window, probation: config.latch_probation };
        let latch = match self.agreed.take() {
            None => {
                self.next_rtcp = now + jittered(config.rtcp_interval, random);
                Latch::new(now, remote.0, rules)
            }
            Some(before) => {
                if before.format.codec.clock_hz() != format.codec.clock_hz() {
                    self.stream.renew(random);
                }
                if before.format != format {
                    self.drop_codecs();
                }
                if before.format != format || !before.direction.sends() {
                    self.turn();
                }
                let mut latch = before.latch;
                latch.renew(now, remote.0);
                latch
            }
        };
        let beside = SocketAddr::new(remote.0.ip(), remote.0.port().saturating_add(1));
        let rtcp = remote.1.unwrap_or(beside);
        (self.listening_since, self.silence_reported) = (now, false);
        let one_port = rtcp == remote.0;
        let rtcp_heard_from = None;
        self.agreed = Some(Agreed { format, direction, latch, rtcp, one_port, rtcp_heard_from });
    }

    /// Another sound begins: half-filled packets of the old one are dropped, the first new one is marked.
    pub(crate) fn turn(&mut self) {
        self.stream.turn();
        self.pack.clear();
        self.packed = 0;
    }

    /// Releases everything that depends on the codec.
    fn drop_codecs(&mut self) {
        self.ear = None;
        if let Some(activity) = &mut self.activity {
            activity.forget_decoder();
        }
        self.mouth = None;
        self.key_ear = None;
        self.key_tone = None;
    }

    /// Changes what the session hears; remembers where a loop was.
    pub(crate) fn hear(&mut self, source: Source) {
        if let Source::Loop { clip, frame } = self.source {
            self.loops.leave(clip, frame);
        }
        self.source = source;
        // The ear for keys stays: a key that stops a prompt is still being held down when the next sound begins.
        self.speak_with(None);
        if self.announcement.is_none() {
            self.turn();
        }
    }

    /// Changes the encoder of what is mixed for this session.
    pub(crate) fn speak_with(&mut self, mouth: Option<Mouth>) {
        (self.mouth, self.key_tone) = (mouth.map(Box::new), None);
    }

    /// Plays clips instead of what the session hears, or ends that.
    pub(crate) fn announce(&mut self, clips: Option<Clips>) {
        if clips.is_some() || self.announcement.is_some() {
            self.announcement = clips.map(Box::new);
            self.turn();
        }
    }

    /// Whether an announcement is being played.
    pub(crate) fn is_announcing(&self) -> bool {
        self.announcement.is_some()
    }

    /// What was relayed has a gap that is not a loss: it goes on with the next number and a marker.
    pub(crate) fn lose_relay(&mut self) {
        if self.source.link() == Some(Link::Relay) && !self.is_announcing() {
            self.turn();
        }
    }

    /// Begins or goes on with a loop.
    pub(crate) fn hear_loop(&mut self, clip: ClipId) {
        if matches!(self.source, Source::Loop { clip: current, .. } if current == clip) {
            return;
        }
        let frame = self.loops.find(clip);
        self.hear(Source::Loop { clip, frame });
    }

    // ---- hearing -----------------------------------------------------------------------------------------------

    /// Judges and counts a packet of the RTP socket.
    pub(crate) fn receive(
        &mut self,
        now: Timestamp,
        from: SocketAddr,
        packet: &Packet<'_>,
        reports: &mut VecDeque<Report>,
    ) -> Accepted {
        let Some(agreed) = &mut self.agreed else { return Accepted::Dropped };
        let format = agreed.format;
        let is_event =
            format.telephone_event.is_some_and(|e| e.payload_type == packet.payload_type);
        if !is_event && packet.payload_type != format.payload_type {
            return Accepted::Dropped;
        }
        match agreed.latch.judge(now, from, packet.ssrc, packet.sequence) {
            Verdict::Accepted => {}
            Verdict::Stranger => {
                self.strangers += 1;
                return Accepted::Dropped;
            }
        }
        let clock_hz = (!is_event).then_some(format.codec.clock_hz());
        self.burst = self.burst.saturating_add(1);
        if self.burst > BURST_PACKETS_MAX {
            return Accepted::Flooded;
        }
        let arrival = match self.reception.arrive(now, packet, clock_hz) {
            None | Some(Arrival::Duplicate | Arrival::Jump) => return Accepted::Dropped,
            Some(arrival @ (Arrival::Start | Arrival::Next | Arrival::Late)) => arrival,
        };
        if arrival == Arrival::Start {
            self.keys_in = KeyReceiver::default();
            self.key_ear = None;
        }
        if self.last_heard.is_none() {
            reports.push_back(Report::Heard { session: self.id });
        }
        (self.last_heard, self.silence_reported) = (Some(now), false);
        if !agreed.direction.receives() {
            return Accepted::Dropped;
        }
        if is_event {
            let digit = self.keys_in.receive(packet, arrival == Arrival::Late);
            if let Some(digit) = digit {
                let source = DigitSource::Event;
                reports.push_back(Report::Digit { session: self.id, digit, source });
            }
            Accepted::Event(arrival, digit)
        } else {
            Accepted::Audio(arrival)
        }
    }

    /// Looks for keys in the sound of a peer that has no other way to send them.
    pub(crate) fn listen_for_keys(
        &mut self,
        packet: &Packet<'_>,
        arrival: Arrival,
        sound: &mut Vec<i16>,
        reports: &mut VecDeque<Report>,
    ) {
        let Some(agreed) = &self.agreed else { return };
        if agreed.format.telephone_event.is_some() || arrival == Arrival::Late {
            return;
        }
        let codec = agreed.format.codec;
        let ear = self.key_ear.get_or_insert_with(|| {
            let decoder = Decoder::new(codec, Rate::Narrow);
            Box::new(KeyEar { decoder, detector: Detector::default(), next_sequence: None })
        });
        if ear.next_sequence.is_some_and(|next| next != packet.sequence) {
            ear.detector.lose();
        }
        ear.next_sequence = Some(packet.sequence.wrapping_add(1));
        sound.clear();
        ear.decoder.decode(packet.payload, sound);
        let (session, source) = (self.id, DigitSource::Inband);
        ear.detector.hear(sound, |digit| {
            reports.push_back(Report::Digit { session, digit, source });
        });
    }

    /// Keeps a packet for those who mix this voice, and looks for voice in it if a measure wants that.
    pub(crate) fn take_in(
        &mut self,
        now: Timestamp,
        packet: &Packet<'_>,
        arrival: Arrival,
        content: Content,
    ) {
        if let Some(ear) = &mut self.ear {
            ear.push(now, packet.sequence, packet.payload, arrival, content);
        }
        if let (Some(activity), Some(agreed)) = (&mut self.activity, &self.agreed)
            && content == Content::Audio
            && arrival != Arrival::Late
        {
            activity.hear_packet(agreed.format.codec, packet.payload, self.ear.is_some());
        }
    }

    /// Takes the next 20 ms of the peer's voice, for those who mix it.
    pub(crate) fn listen(&mut self, now: Timestamp) {
        let Some(ear) = &mut self.ear else { return };
        ear.listen(now);
        if let (Some(activity), Some(frame)) = (&mut self.activity, ear.heard()) {
            activity.hear_decoded(ear.codec(), frame);
        }
    }

    /// The next 20 ms of the peer's voice; `None` when there is nothing but silence.
    pub(crate) fn voice(&self, rate: Rate) -> Option<&[i16]> {
        self.ear.as_ref().filter(|_| !self.muted)?.voice(rate)
    }

    /// Another measure looks at the voice of this session.
    pub(crate) fn attend(&mut self) {
        self.activity.get_or_insert_default().measures += 1;
    }

    /// A measure that looked at it is over.
    pub(crate) fn unattend(&mut self) {
        if let Some(activity) = &mut self.activity {
            activity.measures -= 1;
        }
        self.activity.take_if(|activity| activity.measures == 0);
    }

    /// Whether a measure looks at it.
    pub(crate) fn is_attended(&self) -> bool {
        self.activity.is_some()
    }

    /// Whether its peer is speaking and may be heard.
    pub(crate) fn is_voice(&self) -> bool {
        !self.muted && self.activity.as_ref().is_some_and(|activity| activity.is_voice())
    }

    /// Forgets the sound in which keys were looked for.
    pub(crate) fn stop_listening_for_keys(&mut self) {
        self.key_ear = None;
    }

    /// Takes a packet of the RTCP socket.
    pub(crate) fn receive_rtcp(&mut self, now: Timestamp, from: SocketAddr, datagram: &[u8]) {
        let Some(agreed) = &mut self.agreed else { return };
        let known = from.ip().to_canonical() == agreed.latch.target().ip().to_canonical();
        if !known && from != agreed.rtcp {
            self.strangers += 1;
            return;
        }
        let Some(heard) = rtcp::read(datagram, self.stream.ssrc()) else { return };
        if from != agreed.rtcp && from != agreed.latch.target() {
            agreed.rtcp_heard_from = Some(from);
        }
        if let Some(report) = heard.sender_report {
            self.sender_report = Some((report, now));
        }
        if let Some(secs) = heard.echo.and_then(|echo| rtcp::round_trip_secs(now, echo)) {
            self.round_trip_secs = Some(secs);
        }
    }

    // ---- speaking ----------------------------------------------------------------------------------------------

    /// Where sound may be sent to now.
    fn target(&self) -> Option<SocketAddr> {
        let agreed = self.agreed.as_ref().filter(|agreed| agreed.direction.sends())?;
        let target = agreed.latch.target();
        (target.port() != 0 && !target.ip().is_unspecified()).then_some(target)
    }

    /// Passes on a packet of sound from a session of the same codec, at once.
    #[inline]
    pub(crate) fn relay<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        arrival: Arrival,
        voice: &mut Voice<'_, S>,
    ) {
        let Some(target) = self.target() else { return };
        let Some(format) = self.agreed.as_ref().map(|agreed| agreed.format) else { return };
        if self.keys_out.is_busy() || self.is_announcing() {
            return;
        }
        if self.packed > 0 {
            // Silence that was filling the gap.
            self.pack.clear();
            self.packed = 0;
        }
        let ticks = ticks_of(format.codec, packet.payload);
        if let Some((sequence, timestamp, marker)) = self.stream.relayed(packet, arrival, ticks) {
            let payload_type = format.payload_type;
            let ssrc = self.stream.ssrc();
            Packet { payload_type, marker, sequence, timestamp, ssrc, payload: packet.payload }
                .write(voice.scratch);
            self.last_sent = voice.now;
            voice.sink.send(self.slot, Channel::Rtp, target, voice.scratch);
        }
    }

    /// Passes on an event packet; `false` when the peer has not agreed to events.
    pub(crate) fn relay_event<S: Sink>(
        &mut self,
        packet: &Packet<'_>,
        arrival: Arrival,
        clock_hz: u32,
        voice: &mut Voice<'_, S>,
    ) -> bool {
        let Some(agreed) = &self.agreed else { return true };
        let Some(event) = agreed.format.telephone_event else { return false };
        let (Some(target), Some(mut key)) = (self.target(), KeyEvent::read(packet.payload)) else {
            return true;
        };
        if event.clock_hz != clock_hz && clock_hz != 0 {
            let duration =
                u64::from(key.duration) * u64::from(event.clock_hz) / u64::from(clock_hz);
            key.duration = u16::try_from(duration).unwrap_or(u16::MAX);
        }
        if let Some((sequence, timestamp, marker)) = self.stream.relayed(packet, arrival, 0) {
            let (payload_type, ssrc) = (event.payload_type, self.stream.ssrc());
            let payload = &key.write();
            Packet { payload_type, marker, sequence, timestamp, ssrc, payload }
                .write(voice.scratch);
            self.last_sent = voice.now;
            voice.sink.send(self.slot, Channel::Rtp, target, voice.scratch);
        }
        true
    }

    /// One frame of time passes: says what there is to say. `sound` is what was mixed for it.
    pub(crate) fn tick<S: Sink>(&mut self, sound: Option<&[i16]>, voice: &mut Voice<'_, S>) {
        self.burst = 0;
        if let Some(activity) = &mut self.activity {
            activity.pass();
        }
        let Some(format) = self.agreed.as_ref().map(|agreed| agreed.format) else { return };
        self.stream.advance(format.codec.frame_ticks());
        match self.keys_out.next_step() {
            Some(step) => self.send_key(step, format, voice),
            None if self.send_announcement(format, voice) => {}
            None => self.send_source(sound, format, voice),
        }
        self.watch_silence(voice);
    }

    /// Sends a frame of the announcement; `false` when there is none, or it has just ended.
    fn send_announcement<S: Sink>(&mut self, format: Format, voice: &mut Voice<'_, S>) -> bool {
        let Some(clips) = &mut self.announcement else { return false };
        match clips.next(voice.library, format.codec, format.frames_per_packet()) {
            Played::Frame(frame) => self.send_clip(frame, format, voice),
            Played::Tail => self.send_silence(format, voice),
            Played::Ended(play) => {
                voice.reports.push_back(Report::Played { session: self.id, play });
                self.announce(None);
                return false;
            }
        }
        true
    }

    fn send_source<S: Sink>(
        &mut self,
        sound: Option<&[i16]>,
        format: Format,
        voice: &mut Voice<'_, S>,
    ) {
        let library = voice.library;
        match &mut self.source {
            Source::Idle => self.send_silence(format, voice),
            Source::Clips(clips) => {
                match clips.next(library, format.codec, format.frames_per_packet()) {
                    Played::Frame(frame) => self.send_clip(frame, format, voice),
                    Played::Tail => self.send_silence(format, voice),
                    Played::Ended(play) => {
                        voice.reports.push_back(Report::Played { session: self.id, play });
                        self.source = Source::Idle;
                        self.stream.turn();
                        self.send_silence(format, voice);
                    }
                }
            }
            Source::Loop { clip, frame } => {
                let number = if *frame < library.frames(*clip) { *frame } else { 0 };
                *frame = number + 1;
                let payload = library.frame(*clip, format.codec, number);
                self.send_clip(payload, format, voice);
            }
            Source::Echo | Source::Voices { .. } => match sound {
                Some(sound) => self.send_sound(sound, format, voice),
                None if voice.now.since(self.last_sent) >= RELAY_GAP => {
                    self.send_silence(format, voice);
                }
                None => {}
            },
        }
    }

    /// Sends a frame of a clip, or silence for one that the library does not have.
    fn send_clip<S: Sink>(
        &mut self,
        frame: Option<&[u8]>,
        format: Format,
        voice: &mut Voice<'_, S>,
    ) {
        match frame {
            Some(frame) => self.send_frame(Some(frame), format, voice),
            None => self.send_silence(format, voice),
        }
    }

    fn send_silence<S: Sink>(&mut self, format: Format, voice: &mut Voice<'_, S>) {
        if voice.config.continuous {
            let frames = voice.library.frames(Library::SILENCE).max(1);
            self.silence_frame = (self.silence_frame + 1) % frames;
            let frame = voice.library.frame(Library::SILENCE, format.codec, self.silence_frame);
            // In a relay the gap goes on until a packet comes: its timer must not start again.
            let last_sent = self.last_sent;
            self.send_frame(frame, format, voice);
            if matches!(self.source, Source::Echo | Source::Voices { .. }) {
                self.last_sent = last_sent;
            }
        } else {
            self.flush(format, voice);
        }
    }

    /// Encodes sound of a mix or of a key.
    fn send_sound<S: Sink>(&mut self, sound: &[i16], format: Format, voice: &mut Voice<'_, S>) {
        let mut mouth = match self.mouth.take() {
            Some(mouth) => mouth,
            None => Box::new(Mouth::new(format.codec, Rate::Narrow)),
        };
        mouth.coded.clear();
        mouth.encoder.encode(sound, &mut mouth.coded);
        self.send_frame(Some(&mouth.coded), format, voice);
        self.mouth = Some(mouth);
    }

    /// Sends a frame, alone or once enough of them fill a packet. `None` lets its time pass.
    fn send_frame<S: Sink>(
        &mut self,
        frame: Option<&[u8]>,
        format: Format,
        voice: &mut Voice<'_, S>,
    ) {
        let Some(frame) = frame.filter(|_| self.target().is_some()) else {
            self.pack.clear();
            self.packed = 0;
            return;
        };
        let wanted = format.frames_per_packet();
        if wanted == 1 {
            let timestamp = self.stream.next_timestamp();
            self.transmit(frame, timestamp, format.codec.frame_ticks(), format, voice);
            return;
        }
        if self.packed == 0 {
            self.pack_timestamp = self.stream.next_timestamp();
        }
        self.pack.extend_from_slice(frame);
        self.packed += 1;
        if self.packed >= wanted {
            self.flush(format, voice);
        }
    }

    /// Sends a packet that is not full, if there is one.
    fn flush<S: Sink>(&mut self, format: Format, voice: &mut Voice<'_, S>) {
        if self.packed > 0 {
            let mut pack = std::mem::take(&mut self.pack);
            let ticks = format.codec.frame_ticks() * u32::from(self.packed);
            self.transmit(&pack, self.pack_timestamp, ticks, format, voice);
            pack.clear();
            (self.pack, self.packed) = (pack, 0);
        }
    }

    fn transmit<S: Sink>(
        &mut self,
        payload: &[u8],
        timestamp: u32,
        ticks: u32,
        format: Format,
        voice: &mut Voice<'_, S>,
    ) {
        let Some(target) = self.target() else { return };
        let (sequence, marker) = self.stream.own(timestamp, ticks, payload.len());
        let (payload_type, ssrc) = (format.payload_type, self.stream.ssrc());
        Packet { payload_type, marker, sequence, timestamp, ssrc, payload }.write(voice.scratch);
        self.last_sent = voice.now;
        voice.sink.send(self.slot, Channel::Rtp, target, voice.scratch);
    }

    /// One frame of dialling, in place of all other sound.
    fn send_key<S: Sink>(&mut self, step: KeyStep, format: Format, voice: &mut Voice<'_, S>) {
        match format.telephone_event {
            Some(event) => {
                self.flush(format, voice);
                self.send_event(step, event.payload_type, event.clock_hz, voice);
            }
            None => self.send_tone(step, format, voice),
        }
        if !self.keys_out.is_busy() {
            self.key_tone = None;
            match self.source.link() {
                Some(Link::Mix(_)) => {}
                Some(Link::Waiting | Link::Relay) | None => self.mouth = None,
            }
            self.stream.turn();
        }
    }

    fn send_event<S: Sink>(
        &mut self,
        step: KeyStep,
        payload_type: u8,
        clock_hz: u32,
        voice: &mut Voice<'_, S>,
    ) {
        let (digit, frames, end) = match step {
            KeyStep::Down { digit, frames, end } => (digit, frames, end),
            KeyStep::Again { digit, frames } => (digit, frames, true),
            KeyStep::Pause => return,
        };
        let Some(target) = self.target() else { return };
        let marker = frames == 1;
        if marker {
            self.key_timestamp = self.stream.next_timestamp();
        }
        let duration = u16::try_from(clock_hz / 50 * u32::from(frames)).unwrap_or(u16::MAX);
        let event = KeyEvent { code: KeyEvent::code(digit), end, volume: KEY_VOLUME, duration };
        let sequence = self.stream.event(EVENT_BYTES);
        let (timestamp, ssrc) = (self.key_timestamp, self.stream.ssrc());
        let payload = &event.write();
        Packet { payload_type, marker, sequence, timestamp, ssrc, payload }.write(voice.scratch);
        self.last_sent = voice.now;
        voice.sink.send(self.slot, Channel::Rtp, target, voice.scratch);
    }

    fn send_tone<S: Sink>(&mut self, step: KeyStep, format: Format, voice: &mut Voice<'_, S>) {
        let rate = self.mouth.as_ref().map_or(Rate::Narrow, |mouth| mouth.rate);
        let samples = rate.samples(20);
        let mut sound = Vec::with_capacity(samples);
        match step {
            KeyStep::Down { digit, frames, .. } => {
                let mut tone = match self.key_tone.take().filter(|_| frames > 1) {
                    Some(tone) => tone,
                    None => Tone::key(rate, digit, KEY_DBM0),
                };
                tone.fill(samples, &mut sound);
                self.key_tone = Some(tone);
            }
            KeyStep::Again { .. } | KeyStep::Pause => sound.resize(samples, 0),
        }
        self.send_sound(&sound, format, voice);
    }

    // ---- watching ----------------------------------------------------------------------------------------------

    /// Packets come all the time, or the peer is gone.
    pub(crate) fn expect_within(&mut self, within: Duration) {
        self.expected_within = Some(within);
    }

    fn watch_silence<S>(&mut self, voice: &mut Voice<'_, S>) {
        let listens = self.agreed.as_ref().is_some_and(|agreed| agreed.direction.receives());
        if !listens || self.silence_reported {
            return;
        }
        let since = self.last_heard.map_or(self.listening_since, |t| t.max(self.listening_since));
        let silence = voice.now.since(since);
        if silence >= self.expected_within.unwrap_or(voice.config.rtp_timeout) {
            self.silence_reported = true;
            voice.reports.push_back(Report::Silent { session: self.id, silence });
        }
    }

    /// Sends a report when it is time for one.
    pub(crate) fn tick_rtcp<S: Sink>(&mut self, random: &mut Random, voice: &mut Voice<'_, S>) {
        if voice.now >= self.next_rtcp {
            self.next_rtcp = voice.now + jittered(voice.config.rtcp_interval, random);
            self.send_rtcp(false, voice);
        }
    }

    /// Sends a report; with goodbye it is the last packet of the session.
    pub(crate) fn send_rtcp<S: Sink>(&mut self, goodbye: bool, voice: &mut Voice<'_, S>) {
        let Some(agreed) = &self.agreed else { return };
        let target = agreed.rtcp_target();
        let channel = if agreed.one_port { Channel::Rtp } else { Channel::Rtcp };
        if target.port() == 0 || target.ip().is_unspecified() {
            return;
        }
        let now = voice.now;
        let sender = (self.stream.packets() > 0).then(|| rtcp::SenderInfo {
            timestamp: self.stream.clock(),
            packets: self.stream.packets() as u32,
            octets: self.stream.octets() as u32,
        });
        let block = self.reception.report().map(|reception| {
            let (last_report, delay) = self.sender_report.map_or((0, 0), |(report, at)| {
                let delay = now.since(at).as_micros() * 65_536 / 1_000_000;
                (report, u32::try_from(delay).unwrap_or(u32::MAX))
            });
            rtcp::Block { reception, last_report, delay }
        });
        let (ssrc, cname) = (self.stream.ssrc(), voice.config.cname.as_str());
        rtcp::Compound { ssrc, sender, block, cname, goodbye }.write(now, voice.scratch);
        voice.sink.send(self.slot, channel, target, voice.scratch);
    }

    /// Time passes unused: the worker was late.
    pub(crate) fn skip(&mut self, frames: u32) {
        if let Some(agreed) = &self.agreed {
            self.stream.advance(agreed.format.codec.frame_ticks().wrapping_mul(frames));
        }
    }

    /// Counts so far.
    pub(crate) fn quality(&self) -> Quality {
        Quality {
            received: self.reception.received(),
            sent: self.stream.packets(),
            lost: self.reception.lost(),
            jitter_secs: self.reception.jitter_secs(),
            strangers: self.strangers,
            round_trip_secs: self.round_trip_secs,
        }
    }
}

/// RTP clock ticks that a payload lasts.
#[inline]
fn ticks_of(codec: Codec, payload: &[u8]) -> u32 {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => payload.len() as u32,
        Codec::Opus => crate::codec::opus::ticks(payload).unwrap_or(codec.frame_ticks()),
    }
}

/// Between half and one and a half times the interval, so that reports of many sessions don't march (RFC 3550 §6.3.1).
fn jittered(interval: Duration, random: &mut Random) -> Duration {
    interval.mul_f64(0.5 + (random.next() >> 11) as f64 / (1u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_holds_one_to_three_frames_and_opus_always_one() {
        let frames = |codec, ptime_ms| {
            Format { codec, payload_type: 0, ptime_ms, telephone_event: None }.frames_per_packet()
        };
        for (ptime_ms, expected) in [(0, 1), (10, 1), (20, 1), (30, 1), (40, 2), (60, 3), (255, 3)]
        {
            assert_eq!(frames(Codec::Pcma, ptime_ms), expected, "{ptime_ms} ms");
            assert_eq!(frames(Codec::Opus, ptime_ms), 1);
        }
    }
}
