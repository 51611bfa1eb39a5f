//! One fork of a caller's sound: what is said to the recogniser when, what it tells, and when it is over.
//!
//! Plain data and time passed in: the sockets are [`super::link`]'s. After any call that takes `now`, drain the
//! `poll_*`.

use super::dialect::Dialect;
use super::limits::{ANSWER_WITHIN, CONNECT_WITHIN, PING_EVERY, SOUND_OUT_MAX, STOP_WITHIN};
use crate::server::bot::dialect::Letter;
use dozvon_clock::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// Why nobody listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No way there: no name, no connection, no TLS.
    Unreachable,
    /// It would not have the connection.
    Refused,
    /// It hears as many callers as it may, or we have no room.
    Busy,
    /// It has failed too often just now and is left alone.
    Resting,
    /// It was not connected with in time.
    NoAnswer,
    /// Its connection is open and nobody is there.
    Stalled,
    /// Its connection broke, or it has closed it.
    Broken,
    /// A fault of ours.
    Ours,
}

impl Failure {
    /// All of them.
    pub(super) const ALL: [Failure; 8] = [
        Failure::Unreachable,
        Failure::Refused,
        Failure::Busy,
        Failure::Resting,
        Failure::NoAnswer,
        Failure::Stalled,
        Failure::Broken,
        Failure::Ours,
    ];

    /// The word of metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Failure::Unreachable => "unreachable",
            Failure::Refused => "refused",
            Failure::Busy => "busy",
            Failure::Resting => "resting",
            Failure::NoAnswer => "no_answer",
            Failure::Stalled => "stalled",
            Failure::Broken => "broken",
            Failure::Ours => "ours",
        }
    }
}

/// Where a fork is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The connection is being made.
    Connecting { until: Timestamp },
    /// Sound goes out, words come back.
    Listening,
    /// The last word is said, and the recogniser may still close by itself until then.
    Stopping { until: Timestamp },
    /// Nothing more is said.
    Closed,
}

/// What happens to a fork.
#[derive(Debug)]
pub(super) enum Input<'a> {
    /// The connection stands.
    Opened,
    /// There is none, or it broke.
    Failed(Failure),
    /// The recogniser has closed it.
    Ended,
    /// The recogniser says something.
    Text(&'a str),
    /// A sign of life that says nothing.
    Alive,
    /// A message that no protocol has.
    Unreadable,
    /// A packet of the caller's sound.
    Sound(&'a [u8]),
    /// Our side ends it.
    Close,
}

/// What is to be told of the fork.
#[derive(PartialEq, Eq)]
pub(super) enum News {
    /// The connection stands.
    Up,
    /// The recogniser works: it has said something that can be read, or has taken the connection where it need not.
    Works,
    /// The caller says this.
    Said(Arc<str>),
    /// Nobody listens any more. Told at most once.
    Over(Failure),
}

impl std::fmt::Debug for News {
    /// Nothing of what was said.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            News::Up => f.write_str("up"),
            News::Works => f.write_str("works"),
            News::Said(_) => f.write_str("something said"),
            News::Over(failure) => write!(f, "over: {}", failure.as_str()),
        }
    }
}

/// What a fork counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Packets of sound that were left out because the recogniser did not read them.
    pub(super) shed: u64,
    /// Messages that could not be read.
    pub(super) unreadable: u64,
}

/// One fork.
#[derive(Debug)]
pub(super) struct Fork {
    phase: Phase,
    dialect: Dialect,
    letters: VecDeque<Letter>,
    /// Letters that are sound.
    sounds: usize,
    news: VecDeque<News>,
    tally: Tally,
    opened_at: Timestamp,
    next_ping: Timestamp,
    /// A ping was sent, and nothing was heard since.
    pinged: bool,
    /// Since when sound waits to be answered, where it is.
    owed_since: Option<Timestamp>,
    /// What was told last: a recogniser says it again and again.
    said: Arc<str>,
    works: bool,
}

impl Fork {
    /// A fork on its way to a recogniser.
    pub(super) fn new(now: Timestamp, dialect: Dialect) -> Fork {
        Fork {
            phase: Phase::Connecting { until: now + CONNECT_WITHIN },
            dialect,
            letters: VecDeque::new(),
            sounds: 0,
            news: VecDeque::new(),
            tally: Tally::default(),
            opened_at: now,
            next_ping: Timestamp::FAR_FUTURE,
            pinged: false,
            owed_since: None,
            said: "".into(),
            works: false,
        }
    }

    // ---- what happens ---------------------------------------------------------------------------------------------

    /// Takes one thing that happened.
    pub(super) fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        use Phase::{Closed, Connecting, Listening, Stopping};
        match (self.phase, input) {
            (Closed, _) => {}
            (Connecting { .. }, Input::Opened) => self.open(now),
            (Connecting { .. } | Listening, Input::Failed(failure)) => self.fail(failure),
            (Listening, Input::Ended) => self.fail(Failure::Broken),
            (Stopping { .. }, Input::Failed(_) | Input::Ended) => self.phase = Closed,
            (Connecting { .. }, Input::Close) => self.phase = Closed,
            (Listening, Input::Close) => {
                // What was not sent yet is of no use any more.
                self.letters.clear();
                self.sounds = 0;
                let goodbye = self.dialect.close();
                self.letters.push_back(Letter::Text(goodbye));
                self.phase = Stopping { until: now + STOP_WITHIN };
            }
            (Listening, Input::Text(text)) => self.read(text),
            (Listening, Input::Alive) => self.pinged = false,
            (Listening, Input::Unreadable) => self.unreadable(),
            (Listening, Input::Sound(sound)) => self.hear(now, sound),
            // Before the connection there is nobody to speak, and after the goodbye nothing counts.
            (
                Connecting { .. },
                Input::Ended | Input::Text(_) | Input::Alive | Input::Unreadable | Input::Sound(_),
            )
            | (Listening, Input::Opened)
            | (
                Stopping { .. },
                Input::Opened
                | Input::Text(_)
                | Input::Alive
                | Input::Unreadable
                | Input::Sound(_)
                | Input::Close,
            ) => {}
        }
    }

    /// The time that [`Fork::poll_timeout`] named has come; too early does nothing.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        match self.phase {
            Phase::Connecting { until } if now >= until => self.fail(Failure::NoAnswer),
            Phase::Stopping { until } if now >= until => self.phase = Phase::Closed,
            Phase::Listening => {
                let owed = self.owed_since.is_some_and(|since| now >= since + ANSWER_WITHIN);
                let due = now >= self.next_ping;
                if owed || (due && self.pinged) {
                    self.fail(Failure::Stalled);
                } else if due {
                    self.letters.push_back(Letter::Ping);
                    (self.pinged, self.next_ping) = (true, now + PING_EVERY);
                }
            }
            Phase::Connecting { .. } | Phase::Stopping { .. } | Phase::Closed => {}
        }
    }

    fn open(&mut self, now: Timestamp) {
        self.phase = Phase::Listening;
        (self.opened_at, self.next_ping) = (now, now + PING_EVERY);
        self.letters.extend(self.dialect.open().into_iter().map(Letter::Text));
        self.news.push_back(News::Up);
        // One that has nothing to say until it hears a word can't be asked for more.
        if !self.dialect.answers_sound() {
            self.works();
        }
    }

    fn works(&mut self) {
        if !std::mem::replace(&mut self.works, true) {
            self.news.push_back(News::Works);
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.phase = Phase::Closed;
        self.letters.clear();
        self.news.push_back(News::Over(failure));
    }

    fn unreadable(&mut self) {
        self.pinged = false;
        self.tally.unreadable += 1;
    }

    fn read(&mut self, text: &str) {
        (self.pinged, self.owed_since) = (false, None);
        let Ok(said) = self.dialect.read(text) else {
            self.tally.unreadable += 1;
            return;
        };
        self.works();
        if let Some(said) = said.filter(|said| *said != self.said) {
            self.said = said.clone();
            self.news.push_back(News::Said(said));
        }
    }

    fn hear(&mut self, now: Timestamp, sound: &[u8]) {
        let after = now.since(self.opened_at);
        let Some(letter) = self.dialect.sound(after, sound) else { return };
        if self.sounds >= SOUND_OUT_MAX / self.dialect.packets_per_message() {
            let oldest = self.letters.iter().position(Letter::is_sound);
            oldest.and_then(|oldest| self.letters.remove(oldest));
            self.sounds -= 1;
            self.tally.shed += self.dialect.packets_per_message() as u64;
        }
        self.letters.push_back(letter);
        self.sounds += 1;
        if self.dialect.answers_sound() {
            self.owed_since.get_or_insert(now);
        }
    }

    // ---- what is to be done ---------------------------------------------------------------------------------------

    /// Whether there is something to send.
    pub(super) fn has_letter(&self) -> bool {
        !self.letters.is_empty()
    }

    /// The next thing to send.
    pub(super) fn poll_letter(&mut self) -> Option<Letter> {
        let letter = self.letters.pop_front()?;
        self.sounds -= usize::from(letter.is_sound());
        Some(letter)
    }

    /// The next thing to tell.
    pub(super) fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// When to call [`Fork::handle_timeout`].
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Connecting { until } | Phase::Stopping { until } => Some(until),
            Phase::Listening => {
                let owed = self.owed_since.map(|since| since + ANSWER_WITHIN);
                Some(owed.map_or(self.next_ping, |owed| owed.min(self.next_ping)))
            }
            Phase::Closed => None,
        }
    }

    /// What was counted since it was asked last.
    pub(super) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Whether it is over, all letters being sent.
    pub(super) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::bot::twilio::{Names, Writer};
    use crate::server::recogniser::limits::PACKET_BYTES;
    use std::time::Duration;

    const START: Timestamp = Timestamp::from_secs(1_000);
    const PACKET: [u8; PACKET_BYTES] = [0xff; PACKET_BYTES];

    fn connecting() -> Fork {
        Fork::new(START, Dialect::Vosk(Vec::new()))
    }

    fn listening() -> Fork {
        let mut fork = connecting();
        fork.handle(START, Input::Opened);
        assert_eq!(news(&mut fork), ["up"]);
        assert!(matches!(fork.poll_letter(), Some(Letter::Text(_))), "the configuration");
        fork
    }

    fn news(fork: &mut Fork) -> Vec<String> {
        std::iter::from_fn(|| fork.poll_news()).map(|news| format!("{news:?}")).collect()
    }

    fn after(secs: f64) -> Timestamp {
        START + Duration::from_secs_f64(secs)
    }

    #[test]
    fn what_is_said_is_told_once_as_long_as_it_is_the_same() {
        let mut fork = listening();
        for text in ["опер", "опер", "", "оператор"] {
            fork.handle(START, Input::Text(&format!("{{\"partial\": \"{text}\"}}")));
        }
        let told: Vec<News> = std::iter::from_fn(|| fork.poll_news()).collect();
        assert_eq!(told, [News::Works, News::Said("опер".into()), News::Said("оператор".into())]);
        assert!(!format!("{told:?}").contains("опер"), "no log shows it");
    }

    #[test]
    fn a_recogniser_that_reads_nothing_gets_the_newest_two_seconds() {
        let mut fork = listening();
        for _ in 0..SOUND_OUT_MAX {
            fork.handle(START, Input::Sound(&PACKET));
        }
        assert_eq!(fork.take_tally().shed, 0, "at the bound");
        for _ in 0..10 {
            fork.handle(START, Input::Sound(&PACKET));
        }
        assert_eq!(fork.take_tally().shed, 10);
        let letters = std::iter::from_fn(|| fork.poll_letter()).filter(Letter::is_sound).count();
        assert_eq!(letters, SOUND_OUT_MAX / 5);
    }

    #[test]
    fn each_way_to_fail_is_told_by_its_name_once() {
        let mut late = connecting();
        late.handle_timeout(after(2.9));
        assert!(!late.is_closed());
        late.handle_timeout(late.poll_timeout().unwrap());
        assert_eq!((news(&mut late), late.is_closed()), (vec!["over: no_answer".to_owned()], true));

        let mut refused = connecting();
        refused.handle(START, Input::Failed(Failure::Refused));
        refused.handle(START, Input::Failed(Failure::Broken));
        assert_eq!(news(&mut refused), ["over: refused"]);

        let mut closed = listening();
        closed.handle(START, Input::Ended);
        assert_eq!(news(&mut closed), ["over: broken"]);

        let mut silent = listening();
        silent.handle_timeout(after(5.0));
        assert_eq!(silent.poll_letter(), Some(Letter::Ping));
        silent.handle_timeout(after(10.0));
        assert_eq!(news(&mut silent), ["over: stalled"]);
    }

    #[test]
    fn one_that_answers_pings_and_no_sound_is_stuck_after_ten_seconds() {
        let mut fork = listening();
        (0..5).for_each(|_| fork.handle(after(1.0), Input::Sound(&PACKET)));
        for secs in [5.0, 10.0] {
            fork.handle_timeout(after(secs));
            fork.handle(after(secs), Input::Alive);
        }
        assert!(!fork.is_closed());
        assert_eq!(fork.poll_timeout(), Some(after(11.0)));
        fork.handle_timeout(after(11.0));
        assert_eq!(news(&mut fork), ["over: stalled"]);
    }

    #[test]
    fn without_sound_pings_are_enough_and_an_answer_pays_for_all() {
        let mut fork = listening();
        for turn in 1..100 {
            let now = after(5.0 * f64::from(turn));
            fork.handle_timeout(now);
            fork.handle(now, Input::Alive);
        }
        assert!(!fork.is_closed());
        let now = after(500.0);
        (0..50).for_each(|_| fork.handle(now, Input::Sound(&PACKET)));
        fork.handle(now, Input::Text("{\"partial\": \"\"}"));
        fork.handle(now, Input::Text("garbage"));
        assert_eq!((fork.owed_since, fork.take_tally().unreadable), (None, 1));
        assert!(!fork.is_closed(), "garbage costs nothing");
    }

    #[test]
    fn one_that_need_not_answer_works_as_soon_as_it_is_connected() {
        let names = Names::of([1; 32], "AClocal");
        let dialect = Dialect::MediaStream(Box::new(Writer::new(names)), "ru".into());
        let mut fork = Fork::new(START, dialect);
        fork.handle(START, Input::Opened);
        assert_eq!(news(&mut fork), ["up", "works"]);
        (0..99).for_each(|_| fork.handle(START, Input::Sound(&PACKET)));
        assert_eq!(fork.poll_timeout(), Some(after(5.0)), "no answer is awaited");
    }

    #[test]
    fn our_end_says_goodbye_in_place_of_what_waits() {
        let mut fork = listening();
        (0..20).for_each(|_| fork.handle(START, Input::Sound(&PACKET)));
        fork.handle(START, Input::Close);
        assert_eq!(fork.poll_letter(), Some(Letter::Text("{\"eof\" : 1}".into())));
        assert_eq!(fork.poll_letter(), None);
        fork.handle(START, Input::Text("{\"text\": \"пин код\"}"));
        assert_eq!(news(&mut fork), [""; 0], "what was said is nobody's any more");
        fork.handle_timeout(after(0.3));
        assert!(fork.is_closed());
        let mut early = connecting();
        early.handle(START, Input::Close);
        assert!(early.is_closed() && early.poll_news().is_none());
    }
}
