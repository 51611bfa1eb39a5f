//! What a bot says, played to the caller at the speed of speech: sound of any length comes in, a frame every 20 ms goes
//! out, and marks come back when the sound before them has been heard.
//!
//! Plain data and time passed in: knows no socket and no clock.

use super::limits::{FRAME_BYTES, MARKS_MAX, PLAYOUT_BYTES_MAX};
use dozvon_clock::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// Silence in µ-law.
const SILENCE: u8 = 0xff;

#[derive(Debug)]
enum Item {
    /// Sound, played up to `at`, and when it came.
    Sound {
        bytes: Vec<u8>,
        at: usize,
        came: Timestamp,
    },
    Mark(String),
}

/// The sound and the marks that wait.
#[derive(Debug, Default)]
pub(super) struct Playout {
    queue: VecDeque<Item>,
    bytes: usize,
    marks: usize,
    /// Marks whose sound is in the frame sent last.
    passing: Vec<String>,
    /// A part of a frame was kept back once already, for more to come.
    held: bool,
}

/// What is due at a tick.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tick {
    /// The frame to be sent now.
    pub(super) frame: [u8; FRAME_BYTES],
    /// Marks whose sound has been heard.
    pub(super) marks: Vec<String>,
    /// How long each piece of sound that begins in this frame has waited.
    pub(super) waited: Vec<Duration>,
    /// Whether the bot is being heard: there is sound in this frame, or some waits.
    pub(super) speaks: bool,
}

impl Playout {
    /// Takes sound to be played after all that waits; answers how many bytes had no room.
    pub(super) fn add(&mut self, now: Timestamp, mut bytes: Vec<u8>) -> usize {
        let room = PLAYOUT_BYTES_MAX - self.bytes;
        let beyond = bytes.len().saturating_sub(room);
        bytes.truncate(room);
        if !bytes.is_empty() {
            self.bytes += bytes.len();
            self.queue.push_back(Item::Sound { bytes, at: 0, came: now });
        }
        beyond
    }

    /// Takes a mark to be told when all sound before it has been heard; gives it back when too many wait.
    pub(super) fn mark(&mut self, name: String) -> Option<String> {
        if self.marks >= MARKS_MAX {
            return Some(name);
        }
        self.marks += 1;
        self.queue.push_back(Item::Mark(name));
        None
    }

    /// Forgets all sound; answers the marks that wait, in their order.
    pub(super) fn clear(&mut self) -> Vec<String> {
        let waiting = std::mem::take(&mut self.queue).into_iter().filter_map(|item| match item {
            Item::Sound { .. } => None,
            Item::Mark(name) => Some(name),
        });
        let marks = std::mem::take(&mut self.passing).into_iter().chain(waiting).collect();
        *self = Playout::default();
        marks
    }

    /// The next frame, and what became of marks. To be called every 20 ms.
    pub(super) fn tick(&mut self, now: Timestamp) -> Tick {
        let mut tick = Tick {
            frame: [SILENCE; FRAME_BYTES],
            marks: std::mem::take(&mut self.passing),
            waited: Vec::new(),
            speaks: self.bytes > 0,
        };
        // Less than a frame may be the beginning of more: it is kept back for one tick.
        let part = self.bytes > 0 && self.bytes < FRAME_BYTES;
        self.held = part && !self.held;
        let room = if self.held { 0 } else { FRAME_BYTES };
        self.fill(now, &mut tick, room);
        self.marks -= tick.marks.len().min(self.marks);
        tick
    }

    fn fill(&mut self, now: Timestamp, tick: &mut Tick, room: usize) {
        let mut filled = 0;
        while let Some(item) = self.queue.front_mut() {
            match item {
                Item::Sound { bytes, at, came } => {
                    if filled == room {
                        return;
                    }
                    if *at == 0 {
                        tick.waited.push(now.since(*came));
                    }
                    let part = (bytes.len() - *at).min(room - filled);
                    tick.frame[filled..filled + part].copy_from_slice(&bytes[*at..*at + part]);
                    filled += part;
                    *at += part;
                    self.bytes -= part;
                    if *at == bytes.len() {
                        self.queue.pop_front();
                    }
                }
                Item::Mark(name) => {
                    let name = std::mem::take(name);
                    self.queue.pop_front();
                    // What is before it is either in an earlier frame, or in this one and yet to be heard.
                    let heard = if filled == 0 { &mut tick.marks } else { &mut self.passing };
                    heard.push(name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tick: u64) -> Timestamp {
        Timestamp::from_secs(1_000) + Duration::from_millis(20 * tick)
    }

    fn sound(len: usize) -> Vec<u8> {
        (0..len).map(|n| u8::try_from(n % 200).unwrap()).collect()
    }

    /// So many ticks: the sound without silence, and the marks by the tick they were told at.
    fn play(playout: &mut Playout, ticks: std::ops::Range<u64>) -> (Vec<u8>, Vec<(u64, String)>) {
        let (mut heard, mut marks) = (Vec::new(), Vec::new());
        for n in ticks {
            let tick = playout.tick(at(n));
            heard.extend(tick.frame.iter().filter(|byte| **byte != SILENCE));
            marks.extend(tick.marks.into_iter().map(|mark| (n, mark)));
        }
        (heard, marks)
    }

    #[test]
    fn sound_of_any_length_comes_out_whole_and_in_order_at_the_speed_of_speech() {
        for sizes in [vec![160; 50], vec![16_000], vec![1, 2, 3, 500, 7, 320, 240, 240]] {
            let mut playout = Playout::default();
            let whole = sound(sizes.iter().sum());
            let mut from = 0;
            for size in sizes {
                assert_eq!(playout.add(at(0), whole[from..from + size].to_vec()), 0);
                from += size;
            }
            let ticks = whole.len().div_ceil(FRAME_BYTES) as u64;
            let (first, _) = play(&mut playout, 0..ticks - 1);
            assert!(first.len() <= (ticks as usize - 1) * FRAME_BYTES);
            let (rest, _) = play(&mut playout, ticks - 1..ticks + 2);
            assert_eq!([first, rest].concat(), whole);
            assert_eq!(playout.bytes, 0);
        }
    }

    #[test]
    fn a_mark_is_told_when_the_sound_before_it_has_been_played_and_not_before() {
        let mut playout = Playout::default();
        playout.mark("begin".into());
        playout.add(at(0), sound(320));
        playout.mark("even".into());
        playout.add(at(0), sound(200));
        playout.mark("odd".into());
        let (_, marks) = play(&mut playout, 0..8);
        // 320 bytes are frames 0 and 1, heard when frame 2 is due; 200 more are 2 and 3, with the rest kept back once.
        let told: Vec<_> = marks.iter().map(|(tick, name)| (*tick, name.as_str())).collect();
        assert_eq!(told, [(0, "begin"), (2, "even"), (5, "odd")]);
    }

    #[test]
    fn clear_forgets_the_sound_at_once_and_gives_the_marks_back_in_order() {
        let mut playout = Playout::default();
        playout.add(at(0), sound(200));
        playout.mark("one".into());
        playout.add(at(0), sound(80_000));
        playout.mark("two".into());
        assert!(play(&mut playout, 0..1).1.is_empty());
        assert_eq!(playout.clear(), ["one", "two"]);
        let (heard, marks) = play(&mut playout, 1..4);
        assert!(heard.is_empty() && marks.is_empty(), "silence from the next frame on");
        playout.add(at(4), sound(160));
        assert_eq!(play(&mut playout, 4..5).0.len(), 160, "and it plays on afterwards");
    }

    #[test]
    fn at_the_bound_what_comes_is_thrown_away_and_what_waits_is_played() {
        let mut playout = Playout::default();
        assert_eq!(playout.add(at(0), sound(PLAYOUT_BYTES_MAX - 100)), 0);
        assert_eq!(playout.add(at(0), vec![7; 300]), 200);
        assert_eq!(playout.add(at(0), vec![7; 5]), 5);
        assert_eq!(playout.bytes, PLAYOUT_BYTES_MAX);
        let (heard, _) = play(&mut playout, 0..3_001);
        assert_eq!(heard.len(), PLAYOUT_BYTES_MAX);
        assert_eq!(
            heard[PLAYOUT_BYTES_MAX - 101..PLAYOUT_BYTES_MAX - 100],
            sound(PLAYOUT_BYTES_MAX - 100)[PLAYOUT_BYTES_MAX - 101..]
        );
    }

    #[test]
    fn a_mark_too_many_comes_back_at_once_and_there_is_room_again_when_some_have_gone() {
        let mut playout = Playout::default();
        playout.add(at(0), sound(160));
        for n in 0..MARKS_MAX {
            assert_eq!(playout.mark(n.to_string()), None);
        }
        assert_eq!(playout.mark("more".into()), Some("more".into()));
        assert_eq!(play(&mut playout, 0..2).1.len(), MARKS_MAX);
        assert_eq!(playout.mark("again".into()), None);
    }

    #[test]
    fn how_long_sound_has_waited_is_told_once_for_each_piece() {
        let mut playout = Playout::default();
        playout.add(at(0), sound(320));
        playout.add(at(1), sound(160));
        let waited: Vec<_> = (0..4).flat_map(|n| playout.tick(at(n)).waited).collect();
        assert_eq!(waited, [Duration::ZERO, Duration::from_millis(20)]);
    }
}
