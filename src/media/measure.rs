//! Measures of a conversation: how long each side speaks, when they speak at once, when nobody does.
//!
//! A [`Measure`] is fed with time and with who speaks; whom the sessions hear does not matter to it.

use crate::bank::{Bank, Ordered};
use crate::limits::{FRAME, MEASURES_MAX, REPLY_STEP, REPLY_STEPS, SILENCE_MIN};
use crate::order::{Conversation, MeasureId, Replies, Report, SessionId, Side, Silences, Spoken};
use crate::vad::{BEGIN_FRAMES, HANGOVER};
use std::collections::VecDeque;
use std::time::Duration;

/// One measure, running or paused.
#[derive(Debug)]
pub(crate) struct Measure {
    /// The places of both sessions in the bank.
    places: [usize; 2],
    unheard_after: Duration,
    paused: bool,
    found: Conversation,
    /// How long both have been speaking.
    overlap: Duration,
    /// How long nobody has been speaking.
    quiet: Duration,
    watches: [Watch; 2],
    turn: Turn,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The second side speaks, and may be replied to when it ends.
    Asks,
    /// It has ended so long ago, and nobody has spoken since.
    Owes(Duration),
    /// Nothing waits for a reply.
    Open,
}

/// Whether a side is heard.
#[derive(Clone, Copy, Debug, Default)]
struct Watch {
    silent_for: Duration,
    reported: bool,
}

impl Measure {
    fn new(places: [usize; 2], unheard_after: Duration) -> Self {
        Self {
            places,
            unheard_after,
            paused: false,
            found: Conversation::default(),
            overlap: Duration::ZERO,
            quiet: Duration::ZERO,
            watches: [Watch::default(); 2],
            turn: Turn::Open,
        }
    }

    /// Lets time pass in which these sides spoke.
    fn pass(
        &mut self,
        id: MeasureId,
        time: Duration,
        speak: [bool; 2],
        out: &mut VecDeque<Report>,
    ) {
        let before = self.found.lasted;
        self.found.lasted += time;
        self.found.first.pass(before, time, speak[0]);
        self.found.second.pass(before, time, speak[1]);
        self.overlap = if speak == [true, true] { self.overlap + time } else { Duration::ZERO };
        // The hangover of who has just ended is no talking over.
        if self.overlap > HANGOVER {
            self.found.both += time.min(self.overlap - HANGOVER);
            self.found.both_times += u32::from(self.overlap <= HANGOVER + time);
        }
        if speak == [false, false] {
            self.quiet += time;
        } else {
            self.found.silences.end(std::mem::take(&mut self.quiet));
        }
        self.turn = match (self.turn, speak) {
            (_, [false, true]) => Turn::Asks,
            (Turn::Asks, [false, false]) => Turn::Owes(time),
            (Turn::Owes(owed), [false, false]) => Turn::Owes(owed + time),
            (Turn::Owes(owed), [true, _]) => {
                self.found.replies.came(real(owed));
                Turn::Open
            }
            (Turn::Asks | Turn::Open, [true, _]) | (Turn::Open, [false, false]) => Turn::Open,
        };
        for ((watch, speaks), side) in self.watches.iter_mut().zip(speak).zip(SIDES) {
            watch.silent_for = if speaks { Duration::ZERO } else { watch.silent_for + time };
            if speaks && std::mem::take(&mut watch.reported) {
                out.push_back(Report::HeardAgain { measure: id, side });
            } else if watch.silent_for >= self.unheard_after && !watch.reported {
                watch.reported = true;
                out.push_back(Report::Unheard { measure: id, side });
            }
        }
    }

    fn pause(&mut self) {
        self.paused = true;
        self.turn = Turn::Open;
        self.overlap = Duration::ZERO;
        self.found.silences.end(std::mem::take(&mut self.quiet));
        self.watches.iter_mut().for_each(|watch| watch.silent_for = Duration::ZERO);
    }

    fn end(mut self) -> Conversation {
        if let Turn::Owes(owed) = self.turn {
            self.found.replies.owed = real(owed);
        }
        self.pause();
        self.found
    }
}

/// The sides in the order in which they are named.
const SIDES: [Side; 2] = [Side::First, Side::Second];

impl Spoken {
    fn pass(&mut self, before: Duration, time: Duration, speaks: bool) {
        if speaks {
            self.voice += time;
            // It had begun some frames before it was believed.
            let begun = before.saturating_sub(FRAME * u32::from(BEGIN_FRAMES - 1));
            self.first_voice_after.get_or_insert(begun);
        }
    }
}

/// How long nobody spoke, of the time in which nobody was believed to: a voice is believed some frames after it began,
/// and for a while after it has ended.
fn real(quiet: Duration) -> Duration {
    (quiet + HANGOVER).saturating_sub(FRAME * u32::from(BEGIN_FRAMES - 1))
}

impl Replies {
    fn came(&mut self, after: Duration) {
        let step = (after.as_millis() / REPLY_STEP.as_millis()) as usize;
        let count = &mut self.by_step[step.min(REPLY_STEPS - 1)];
        *count = count.saturating_add(1);
    }
}

impl Silences {
    fn end(&mut self, quiet: Duration) {
        if quiet > SILENCE_MIN {
            self.count += 1;
            self.longest = self.longest.max(quiet);
            self.total += quiet;
        }
    }
}

impl Bank {
    /// Begins a measure or lets it go on.
    pub(crate) fn measure(
        &mut self,
        id: MeasureId,
        sessions: [SessionId; 2],
        unheard_after: Duration,
    ) -> Ordered {
        let place = |session| self.slots.get(&session).copied();
        let (Some(first), Some(second)) = (place(sessions[0]), place(sessions[1])) else {
            return self.refuse();
        };
        let places = [first, second];
        let has_room = self.measures.len() < MEASURES_MAX;
        match self.measures.get_mut(&id) {
            Some(measure) if measure.places == places => {
                (measure.unheard_after, measure.paused) = (unheard_after, false);
            }
            None if first != second && has_room => {
                self.measures.insert(id, Measure::new(places, unheard_after));
                places.into_iter().for_each(|place| self.at(place).attend());
            }
            Some(_) | None => return self.refuse(),
        }
        Ordered::Obeyed
    }

    /// Lets the time of a measure stand still.
    pub(crate) fn pause_measure(&mut self, id: MeasureId) -> Ordered {
        match self.measures.get_mut(&id) {
            Some(measure) => measure.pause(),
            None => return self.refuse(),
        }
        Ordered::Obeyed
    }

    /// Ends a measure and reports what it has found.
    pub(crate) fn unmeasure(&mut self, id: MeasureId) -> Ordered {
        let Some(measure) = self.measures.remove(&id) else { return self.refuse() };
        measure.places.into_iter().for_each(|place| self.at(place).unattend());
        self.reports.push_back(Report::Measured { measure: id, conversation: measure.end() });
        Ordered::Obeyed
    }

    /// Ends the measures of a session that closes.
    pub(crate) fn unmeasure_session(&mut self, index: usize) {
        if !self.at(index).is_attended() {
            return;
        }
        let of_it = self.measures.iter().filter(|(_, measure)| measure.places.contains(&index));
        let ids: Vec<MeasureId> = of_it.map(|(id, _)| *id).collect();
        for id in ids {
            self.unmeasure(id);
        }
    }

    /// Lets frames of time pass for all measures.
    pub(crate) fn tick_measures(&mut self, frames: u32) {
        let sessions = &self.sessions;
        let speaks = |place: usize| sessions[place].as_ref().is_some_and(|s| s.is_voice());
        for (id, measure) in self.measures.iter_mut().filter(|(_, measure)| !measure.paused) {
            let speak = measure.places.map(speaks);
            measure.pass(*id, FRAME * frames, speak, &mut self.reports);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: MeasureId = MeasureId(7);

    /// Passes seconds written as a line of who speaks: `1`, `2`, `b`oth, `.` nobody, `p` paused. Answers the reports,
    /// each with its second.
    fn told(line: &str) -> (Conversation, Vec<(usize, Report)>) {
        let (mut measure, mut out, mut told) =
            (Measure::new([0, 1], Duration::from_secs(4)), VecDeque::new(), Vec::new());
        for (second, who) in line.chars().enumerate() {
            for _ in 0..50 {
                match who {
                    'p' => measure.pause(),
                    _ => {
                        let speak = ["1b".contains(who), "2b".contains(who)];
                        measure.pass(ID, FRAME, speak, &mut out);
                    }
                }
            }
            told.extend(out.drain(..).map(|report| (second, report)));
        }
        (measure.end(), told)
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn voices_talk_over_and_silences_are_added_up() {
        let (found, _) = told("..1bb2.b......1......");
        assert_eq!(found.lasted, secs(21));
        assert_eq!((found.first.voice, found.second.voice), (secs(5), secs(4)));
        // The hangover is taken off each time.
        assert_eq!((found.both, found.both_times), (secs(3) - HANGOVER * 2, 2));
        let silences = Silences { count: 2, longest: secs(6), total: secs(12) };
        assert_eq!(found.silences, silences);
        let begun = |spoken: Spoken| spoken.first_voice_after.map(|t| t.as_millis());
        assert_eq!((begun(found.first), begun(found.second)), (Some(1980), Some(2980)));
    }

    #[test]
    fn replies_are_counted_by_how_long_they_took() {
        let step = |after: u64| {
            let real = secs(after) + HANGOVER - FRAME * u32::from(BEGIN_FRAMES - 1);
            (real.as_millis() / REPLY_STEP.as_millis()) as usize
        };
        let replies = |line: &str| told(line).0.replies;
        let found = replies("1.2..1..2.1.2............1");
        let mut expected = Replies::default();
        for after in [2, 1, 12] {
            expected.by_step[step(after).min(REPLY_STEPS - 1)] += 1;
        }
        assert_eq!(found, expected, "who is spoken to first has not replied");
        for (line, why) in [
            ("1..1..1", "nobody asked"),
            ("2b1..1", "they spoke at once"),
            ("1b2p.1", "the time between is not known"),
            ("..2", "he speaks still"),
        ] {
            assert_eq!(replies(line), Replies::default(), "{why}");
        }
        assert_eq!(replies("2.2.2.1").by_step.iter().sum::<u16>(), 1, "he went on by himself");
        assert!(replies("12...").owed > secs(3), "he left without a reply");
        assert_eq!(replies("12..1..").owed, secs(0));
    }

    #[test]
    fn a_silence_of_just_the_bound_does_not_count_and_who_says_nothing_has_no_first_voice() {
        let (found, _) = told("1.....1");
        assert_eq!(found.silences, Silences::default());
        assert_eq!(found.second, Spoken::default());
        assert_eq!(told("").0, Conversation::default());
    }

    #[test]
    fn paused_time_is_left_out_and_a_silence_does_not_reach_across_it() {
        let (found, _) = told("1....pppppppp...1");
        assert_eq!((found.lasted, found.silences), (secs(9), Silences::default()));
        let (found, _) = told("1......pppp......1");
        assert_eq!(found.silences, Silences { count: 2, longest: secs(6), total: secs(12) });
    }

    #[test]
    fn a_side_unheard_is_reported_once_in_each_silence_and_when_it_is_back() {
        let unheard = |side| Report::Unheard { measure: ID, side };
        let again = |side| Report::HeardAgain { measure: ID, side };
        let (first, second) = (Side::First, Side::Second);
        let (_, reports) = told("222222221111111112");
        let expected =
            [(3, unheard(first)), (8, again(first)), (11, unheard(second)), (17, again(second))];
        assert_eq!(reports, expected);
        let (_, reports) = told("22pppppp222ppp2222ppp2222221");
        assert_eq!(
            reports,
            [(17, unheard(first)), (27, again(first))],
            "a pause begins the waiting anew, but not the silence"
        );
    }
}
