//! One bot's stream: what is said when, what becomes of it, and when it is over.
//!
//! Plain data and time passed in: the sockets are [`super::link`]'s. After any call that takes `now`,
//! drain the `poll_*`.

use super::dialect::{Dialect, Letter, Said, Unreadable};
use super::limits::{
    CATCH_UP_MAX, FRAME, FRAME_BYTES, LETTERS_MAX, PING_EVERY, SOUND_OUT_MAX, STOP_WITHIN,
};
use super::playout::Playout;
use dozvon_center::bot::{BotFailure, BotNote, BotOver};
use dozvon_center::ids::Key;
use dozvon_clock::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The connection is being made.
    Connecting,
    /// Sound goes both ways; nothing has been heard of the bot yet and something has to be until then.
    Unheard { until: Option<Timestamp> },
    /// Sound goes both ways.
    Talking,
    /// The bot's part is over, and we wait for the order to close. Sound goes on meanwhile.
    Leaving,
    /// `stop` is said, and the bot may still close by itself until then.
    Stopping { until: Timestamp },
    /// Nothing more is said.
    Closed,
}

/// What happens to a stream.
#[derive(Debug)]
pub(super) enum Input<'a> {
    /// The connection stands.
    Opened,
    /// There is none, or it broke.
    Failed(BotFailure),
    /// The bot has closed it, with this code.
    Ended(Option<u16>),
    /// The bot says something.
    Text(&'a str),
    /// The same, in a binary message.
    Binary(&'a [u8]),
    /// A sign of life that says nothing, or something that can't be read.
    Alive {
        /// Whether it should have said something.
        unreadable: bool,
    },
    /// A packet of the caller's sound.
    Caller(&'a [u8]),
    /// The caller has pressed a key.
    Key(Key),
    /// The bot says by another way that its part is over.
    Over(BotOver, BotNote),
    /// Our side ends it.
    Close,
}

/// What is to be told of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// The bot knows of the call.
    Up,
    /// Its part is over. Told at most once.
    Over(BotOver, Option<Box<BotNote>>),
}

/// What a stream counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Messages with the caller's sound that were left out because the bot did not read them.
    pub(super) to_bot_shed: u64,
    /// Frames of the bot's sound that had no room.
    pub(super) from_bot_shed: u64,
    /// Messages that could not be read.
    pub(super) unreadable: u64,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Stream {
    phase: Phase,
    dialect: Dialect,
    /// The bot has the call.
    taken: bool,
    /// The bot's sound is being heard.
    speaking: bool,
    parameters: Vec<(&'static str, String)>,
    first_sound_within: Option<Duration>,
    playout: Playout,
    letters: VecDeque<Letter>,
    /// Letters that are the caller's sound.
    sounds: usize,
    frames_due: u32,
    news: VecDeque<News>,
    waited: Vec<Duration>,
    tally: Tally,
    opened_at: Timestamp,
    next_frame: Timestamp,
    next_ping: Timestamp,
    /// A ping was sent, and nothing was heard since.
    pinged: bool,
}

impl Stream {
    /// A stream on its way to a bot, which shall be told this and be heard within that.
    pub(super) fn new(
        dialect: Dialect,
        parameters: Vec<(&'static str, String)>,
        first_sound_within: Option<Duration>,
    ) -> Stream {
        Stream {
            phase: Phase::Connecting,
            dialect,
            taken: false,
            speaking: false,
            parameters,
            first_sound_within,
            playout: Playout::default(),
            letters: VecDeque::new(),
            sounds: 0,
            frames_due: 0,
            news: VecDeque::new(),
            waited: Vec::new(),
            tally: Tally::default(),
            opened_at: Timestamp::EPOCH,
            next_frame: Timestamp::FAR_FUTURE,
            next_ping: Timestamp::FAR_FUTURE,
            pinged: false,
        }
    }

    // ---- what happens ---------------------------------------------------------------------------------------------

    /// Takes one thing that happened.
    pub(super) fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        use Phase::{Closed, Connecting, Leaving, Stopping, Talking, Unheard};
        match (self.phase, input) {
            (Closed, _) => {}
            (Connecting, Input::Opened) => self.open(now),
            (Connecting, Input::Failed(failure)) => {
                self.over(BotOver::Failed(failure), BotNote::default());
                self.phase = Closed;
            }
            (Connecting, Input::Close) => self.phase = Closed,
            (Connecting, Input::Over(over, note)) => {
                self.over(over, note);
                self.phase = Closed;
            }
            // Before the first message of ours there is nobody who could know of the call.
            (
                Connecting,
                Input::Ended(_)
                | Input::Text(_)
                | Input::Binary(_)
                | Input::Alive { .. }
                | Input::Caller(_)
                | Input::Key(_),
            ) => {}

            (Unheard { .. } | Talking, Input::Text(text)) => {
                let said = self.dialect.read(text);
                self.said(now, said);
            }
            (Unheard { .. } | Talking, Input::Binary(bytes)) => {
                let said = self.dialect.read_binary(bytes);
                self.said(now, said);
            }
            (Unheard { .. } | Talking, Input::Caller(sound)) => self.caller_said(now, sound),
            (Unheard { .. } | Talking, Input::Key(key)) => {
                if self.taken {
                    let text = self.dialect.key(key);
                    self.post(text);
                }
            }
            (Unheard { .. } | Talking, Input::Over(over, note)) => {
                self.over(over, note);
                self.phase = Leaving;
            }
            // 1000 is a normal closure (RFC 6455 §7.4.1): the bot has finished.
            (Unheard { .. } | Talking, Input::Ended(Some(1000))) => {
                self.over(BotOver::Done, BotNote::default());
                self.phase = Closed;
            }
            (Unheard { .. } | Talking, Input::Ended(_)) => {
                self.over(BotOver::Failed(BotFailure::Broken), BotNote::default());
                self.phase = Closed;
            }
            (Unheard { .. } | Talking, Input::Failed(failure)) => {
                self.over(BotOver::Failed(failure), BotNote::default());
                self.phase = Closed;
            }
            (Unheard { .. } | Talking | Leaving, Input::Close) => {
                let text = self.dialect.close();
                self.post(text);
                self.phase = Stopping { until: now + STOP_WITHIN };
            }
            (Unheard { .. } | Talking | Leaving | Stopping { .. }, Input::Alive { unreadable }) => {
                self.pinged = false;
                self.tally.unreadable += u64::from(unreadable);
            }
            (Leaving | Stopping { .. }, Input::Ended(_) | Input::Failed(_)) => self.phase = Closed,
            // Its part is over: what it says now is not heard any more.
            (
                Leaving | Stopping { .. },
                Input::Text(_)
                | Input::Binary(_)
                | Input::Caller(_)
                | Input::Key(_)
                | Input::Over(..),
            )
            | (Stopping { .. }, Input::Close) => {}
            (Unheard { .. } | Talking | Leaving | Stopping { .. }, Input::Opened) => {
                unreachable!("a stream is opened once")
            }
        }
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        match self.phase {
            Phase::Connecting | Phase::Closed => {}
            Phase::Stopping { until } => {
                if until <= now {
                    self.phase = Phase::Closed;
                }
            }
            Phase::Unheard { until: Some(until) } if until <= now => {
                self.give_up(BotFailure::NoAudio)
            }
            Phase::Unheard { .. } | Phase::Talking | Phase::Leaving => {
                self.pace(now);
                self.ping(now);
            }
        }
    }

    /// When [`Stream::handle_timeout`] has something to do next.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let next = self.next_frame.min(self.next_ping);
        match self.phase {
            Phase::Connecting | Phase::Closed => None,
            Phase::Stopping { until } => Some(until),
            Phase::Unheard { until } => Some(until.map_or(next, |until| until.min(next))),
            Phase::Talking | Phase::Leaving => Some(next),
        }
    }

    // ---- what comes out -------------------------------------------------------------------------------------------

    /// The next frame to be sent to the caller.
    pub(super) fn poll_frame(&mut self, now: Timestamp) -> Option<[u8; FRAME_BYTES]> {
        self.frames_due = self.frames_due.checked_sub(1)?;
        let tick = self.playout.tick(now);
        self.waited.extend(tick.waited);
        for mark in tick.marks {
            self.give_back(&mark);
        }
        self.speaks(tick.speaks);
        Some(tick.frame)
    }

    /// Whether there is a letter to be sent.
    pub(super) fn has_letter(&self) -> bool {
        !self.letters.is_empty()
    }

    /// The next letter to be sent to the bot, in order.
    pub(super) fn poll_letter(&mut self) -> Option<Letter> {
        let letter = self.letters.pop_front()?;
        if letter.is_sound() {
            self.sounds -= 1;
        }
        Some(letter)
    }

    /// What is to be told.
    pub(super) fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// How long pieces of sound have waited that were played since the last time.
    pub(super) fn take_waited(&mut self) -> std::vec::Drain<'_, Duration> {
        self.waited.drain(..)
    }

    /// What was counted since the last time.
    pub(super) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Nothing more comes of it: the connection may be dropped.
    pub(super) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    // ---- inside ---------------------------------------------------------------------------------------------------

    fn open(&mut self, now: Timestamp) {
        (self.opened_at, self.next_frame, self.next_ping) = (now, now, now + PING_EVERY);
        self.phase = Phase::Unheard { until: None };
        for text in self.dialect.open(&std::mem::take(&mut self.parameters)) {
            self.post(text);
        }
        if self.dialect.takes_at_once() {
            self.take(now);
        }
    }

    /// The bot has the call: from now on it hears the caller, and has to be heard.
    fn take(&mut self, now: Timestamp) {
        if !std::mem::replace(&mut self.taken, true) {
            let until = self.first_sound_within.map(|within| now + within);
            self.phase = Phase::Unheard { until };
            self.news.push_back(News::Up);
        }
    }

    /// Sends a mark back whose sound is over.
    fn give_back(&mut self, mark: &str) {
        if let Some(text) = self.dialect.mark(mark) {
            self.post(text);
        }
    }

    /// Tells the bot when its sound begins to be heard, and when all of it has been.
    fn speaks(&mut self, speaks: bool) {
        if std::mem::replace(&mut self.speaking, speaks) != speaks
            && let Some(text) = self.dialect.playback(speaks)
        {
            self.post(text);
        }
    }

    fn over(&mut self, over: BotOver, note: BotNote) {
        let note = (!note.is_empty()).then(|| Box::new(note));
        self.news.push_back(News::Over(over, note));
    }

    /// The bot is of no use any more; its connection is dropped when we are told to close it.
    fn give_up(&mut self, failure: BotFailure) {
        self.over(BotOver::Failed(failure), BotNote::default());
        self.phase = Phase::Leaving;
    }

    fn said(&mut self, now: Timestamp, said: Result<Said, Unreadable>) {
        self.pinged = false;
        match said {
            Ok(Said::Ready) => self.take(now),
            Ok(Said::Sound(sound)) => {
                if !sound.is_empty() {
                    self.phase = Phase::Talking;
                }
                let beyond = self.playout.add(now, sound);
                self.tally.from_bot_shed += beyond.div_ceil(FRAME_BYTES) as u64;
            }
            Ok(Said::Mark(name)) => {
                if let Some(name) = self.playout.mark(name) {
                    self.give_back(&name);
                }
            }
            Ok(Said::Clear) => {
                for name in self.playout.clear() {
                    self.give_back(&name);
                }
            }
            Ok(Said::Transfer(note)) => self.leave(BotOver::Transfer, note),
            Ok(Said::HangUp { failed: false, note }) => self.leave(BotOver::Done, note),
            Ok(Said::HangUp { failed: true, note }) => {
                self.leave(BotOver::Failed(BotFailure::Said), note);
            }
            Ok(Said::Unknown) => {}
            Err(Unreadable) => self.tally.unreadable += 1,
        }
    }

    fn leave(&mut self, over: BotOver, note: BotNote) {
        self.over(over, note);
        self.phase = Phase::Leaving;
    }

    /// The caller's sound goes out; at the bound the oldest that waits is left out.
    fn caller_said(&mut self, now: Timestamp, sound: &[u8]) {
        if !self.taken {
            return;
        }
        if self.sounds >= SOUND_OUT_MAX
            && let Some(oldest) = self.letters.iter().position(Letter::is_sound)
        {
            self.letters.remove(oldest);
            self.sounds -= 1;
            self.tally.to_bot_shed += 1;
        }
        let letter = self.dialect.sound(now.since(self.opened_at), sound);
        self.letters.push_back(letter);
        self.sounds += 1;
    }

    /// Says something that must not be left out.
    fn post(&mut self, text: String) {
        if self.letters.len() - self.sounds < LETTERS_MAX {
            self.letters.push_back(Letter::Text(text));
        } else if matches!(self.phase, Phase::Unheard { .. } | Phase::Talking) {
            self.give_up(BotFailure::Stalled);
        }
    }

    fn pace(&mut self, now: Timestamp) {
        while self.next_frame <= now {
            self.next_frame = self.next_frame + FRAME;
            self.frames_due += 1;
        }
        // The clock was late: what is beyond is left out, and the sound waits a little longer.
        self.frames_due = self.frames_due.min(CATCH_UP_MAX);
    }

    fn ping(&mut self, now: Timestamp) {
        if self.next_ping > now {
            return;
        }
        self.next_ping = now + PING_EVERY;
        if std::mem::replace(&mut self.pinged, true) {
            if self.phase != Phase::Leaving {
                self.give_up(BotFailure::Stalled);
            }
        } else if self.letters.len() - self.sounds < LETTERS_MAX {
            let letter = self.dialect.ping();
            self.letters.push_back(letter);
        }
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
