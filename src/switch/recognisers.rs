//! Forks of callers' sound to recognisers: a session of its own that hears the caller's, and that nobody hears. Its far
//! side is the roof's connector.
//!
//! The caller's session goes on as it is, whatever becomes of the fork: what the connector does not take is lost there.

use crate::border::{ForkCall, ForkNews, ForkOrder, Output};
use crate::line::{Kind, Line, Owner};
use crate::switch::Switch;
use dozvon_center::border::LegEvent;
use dozvon_center::ids::{ForkId, LegId};
use dozvon_center::recogniser::{Recognised, Spoken};
use dozvon_clock::Timestamp;
use dozvon_media::order::{Codec, Order};
use std::net::SocketAddr;
use std::sync::Arc;

/// Whom a recogniser is to hear.
pub(crate) struct Wanted {
    pub(crate) fork: ForkId,
    pub(crate) recogniser: Arc<str>,
    pub(crate) language: Arc<str>,
    pub(crate) secrets: bool,
}

impl Switch {
    /// Lets a recogniser hear a line. Where that can't be, the center is told at once.
    pub(crate) fn open_fork(&mut self, now: Timestamp, leg: LegId, wanted: Wanted) {
        let Wanted { fork, recogniser, language, secrets } = wanted;
        let owner = Owner::Leg(leg);
        // Keys in the sound are a secret that a recogniser would hear.
        let may = |line: &&Line| {
            let agreed = line.sound.agreed.as_ref();
            !secrets || agreed.is_some_and(|agreed| agreed.telephone_event.is_some())
        };
        let beside = self.lines.get(owner).filter(may);
        let beside = beside.map(|line| (line.sound.local.ip(), line.sound.worker, line.call));
        let sound = beside
            .and_then(|(family, worker, call)| Some((self.open_sound(now, family, worker)?, call)));
        let Some((mut sound, call)) = sound else {
            let over = LegEvent::Recognised(fork, Recognised::Over);
            self.news.push_back((leg, over));
            return;
        };
        sound.speak_only(Codec::Pcmu);
        let open = ForkCall { fork, recogniser, language, call, sound: sound.local };
        // The call's figures are those of its parties; a fork is none.
        let line = Line::new(Kind::Fork { leg, fork }, Vec::new(), sound);
        self.lines.insert(Owner::Fork(fork), line);
        if let Some(line) = self.lines.get_mut(owner) {
            line.fork = Some(fork);
        }
        self.outputs.push_back(Output::Fork(ForkOrder::Open(Box::new(open))));
    }

    /// What the connector tells of a fork. News of one that is gone crossed our order to close it.
    pub(crate) fn fork_news(&mut self, now: Timestamp, news: ForkNews) {
        match news {
            ForkNews::Up { fork, sound } => self.fork_up(fork, sound),
            ForkNews::Said { fork, text } => {
                let line = self.lines.get(Owner::Fork(fork));
                if let Some(Kind::Fork { leg, fork }) = line.map(|line| line.kind) {
                    let words = Recognised::Words(Spoken(text));
                    self.tell(Owner::Leg(leg), LegEvent::Recognised(fork, words));
                }
            }
            ForkNews::Over { fork } => self.take_down(now, Owner::Fork(fork), None),
        }
    }

    fn fork_up(&mut self, fork: ForkId, far: SocketAddr) {
        let Some(line) = self.lines.get_mut(Owner::Fork(fork)) else { return };
        line.sound.overheard(far);
        let (order, worker, kind) = (line.sound.agree(), line.sound.worker, line.kind);
        if let Some(order) = order {
            self.order(worker, order);
        }
        if let Kind::Fork { leg, .. } = kind {
            self.let_fork_hear(Owner::Leg(leg));
        }
    }

    /// The fork of a line, if it has one, hears it: what is played to a line takes it out of all it is heard in.
    pub(crate) fn let_fork_hear(&mut self, owner: Owner) {
        let Some(line) = self.lines.get(owner) else { return };
        let (Some(fork), heard) = (line.fork, line.sound.session) else { return };
        self.order_line(Owner::Fork(fork), |session| Order::Hear { session, from: vec![heard] });
    }

    /// A fork is gone: its line has none any more, the connector and the center are told.
    pub(crate) fn fork_gone(&mut self, leg: LegId, fork: ForkId) {
        if let Some(line) = self.lines.get_mut(Owner::Leg(leg)) {
            line.fork = None;
        }
        self.outputs.push_back(Output::Fork(ForkOrder::Close { fork }));
        self.tell(Owner::Leg(leg), LegEvent::Recognised(fork, Recognised::Over));
    }
}
