//! A stream and a bot in virtual time.

use super::super::limits::{MARKS_MAX, PLAYOUT_BYTES_MAX};
use super::super::twilio::Names;
use super::*;
use crate::server::config::BotProtocol;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(20);

fn begin() -> Timestamp {
    Timestamp::from_secs(1_000)
}

/// A stream with what came out of it.
struct Scene {
    now: Timestamp,
    stream: Stream,
    /// What the bot was told.
    told: Vec<Value>,
    /// The caller's sound in binary messages.
    sounds: Vec<Vec<u8>>,
    pings: usize,
    /// What the caller heard: bytes that are no silence, with their time.
    heard: Vec<(Timestamp, u8)>,
    frames: usize,
    news: Vec<News>,
    /// The bot reads.
    reads: bool,
    /// The bot answers pings.
    lives: bool,
}

impl Scene {
    fn connecting(protocol: BotProtocol) -> Scene {
        let names = Names::of([1; 32], "AClocal");
        let told = vec![("lang", "ru".to_owned())];
        Scene {
            now: begin(),
            stream: Stream::new(Dialect::new(protocol, names), told, Some(4 * SECOND)),
            told: Vec::new(),
            sounds: Vec::new(),
            pings: 0,
            heard: Vec::new(),
            frames: 0,
            news: Vec::new(),
            reads: true,
            lives: true,
        }
    }

    fn open() -> Scene {
        let mut scene = Scene::connecting(BotProtocol::Twilio);
        scene.input(Input::Opened);
        assert_eq!(scene.news, [News::Up]);
        scene
    }

    /// One whose bot has said something already.
    fn talking() -> Scene {
        let mut scene = Scene::open();
        scene.say(&media(&[1; 160]));
        scene.run(2 * TICK);
        scene.heard.clear();
        scene
    }

    fn input(&mut self, input: Input<'_>) {
        self.stream.handle(self.now, input);
        self.drain();
    }

    fn say(&mut self, message: &Value) {
        self.input(Input::Text(&message.to_string()));
    }

    fn drain(&mut self) {
        while let Some(frame) = self.stream.poll_frame(self.now) {
            self.frames += 1;
            let now = self.now;
            self.heard.extend(frame.iter().filter(|b| **b != 0xff).map(|b| (now, *b)));
        }
        while self.reads {
            match self.stream.poll_letter() {
                Some(Letter::Text(text) | Letter::TextSound(text)) => {
                    self.told.push(serde_json::from_str(&text).unwrap());
                }
                Some(Letter::Sound(sound)) => self.sounds.push(sound),
                Some(Letter::Ping) => {
                    self.pings += 1;
                    if self.lives {
                        self.stream.handle(self.now, Input::Alive { unreadable: false });
                    }
                }
                None => break,
            }
        }
        self.news.extend(std::iter::from_fn(|| self.stream.poll_news()));
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.stream.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.stream.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn events(&self) -> Vec<&str> {
        self.told.iter().map(|message| message["event"].as_str().unwrap()).collect()
    }

    fn marks(&self) -> Vec<&str> {
        let marks = self.told.iter().filter(|message| message["event"] == "mark");
        marks.map(|message| message["mark"]["name"].as_str().unwrap()).collect()
    }

    fn over(&self) -> Option<BotOver> {
        self.news.iter().find_map(|news| match news {
            News::Over(over, _) => Some(*over),
            News::Up => None,
        })
    }
}

fn media(sound: &[u8]) -> Value {
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::STANDARD.encode(sound);
    json!({"event": "media", "media": {"payload": payload}})
}

fn mark(name: &str) -> Value {
    json!({"event": "mark", "mark": {"name": name}})
}

#[test]
fn connected_and_start_come_before_any_sound() {
    let mut scene = Scene::connecting(BotProtocol::Twilio);
    scene.input(Input::Caller(&[7; 160]));
    scene.input(Input::Opened);
    scene.input(Input::Caller(&[7; 160]));
    scene.input(Input::Key(Key::new('5').unwrap()));
    assert_eq!(scene.events(), ["connected", "start", "media", "dtmf"]);
    assert_eq!(scene.told[1]["start"]["customParameters"], json!({"lang": "ru"}));
    assert_eq!(scene.told[2]["media"]["timestamp"], "0");
}

#[test]
fn a_burst_is_played_at_the_speed_of_speech_and_its_mark_told_at_the_end() {
    let mut scene = Scene::open();
    scene.say(&media(&vec![9; 16_000]));
    scene.say(&mark("greeting"));
    scene.run(2 * SECOND - TICK);
    assert!(scene.marks().is_empty(), "not before it was heard");
    scene.run(3 * TICK);
    assert_eq!(scene.marks(), ["greeting"]);
    assert_eq!(scene.heard.len(), 16_000);
    let (first, last) = (scene.heard[0].0, scene.heard[15_999].0);
    assert_eq!(last.since(first), 2 * SECOND - TICK);
}

#[test]
fn clear_stops_the_sound_within_a_frame_and_gives_the_marks_back() {
    let mut scene = Scene::talking();
    scene.say(&media(&vec![9; 80_000]));
    scene.say(&mark("one"));
    scene.run(SECOND);
    scene.heard.clear();
    let cleared_at = scene.now;
    scene.say(&json!({"event": "clear"}));
    assert_eq!(scene.marks(), ["one"]);
    scene.run(SECOND);
    let late = scene.heard.iter().filter(|(at, _)| at.since(cleared_at) > 3 * TICK).count();
    assert_eq!(late, 0, "silence 60 ms later");
    assert_eq!(scene.over(), None);
}

#[test]
fn sound_goes_on_without_a_gap_and_a_late_clock_makes_no_burst() {
    let mut scene = Scene::talking();
    let before = scene.frames;
    scene.run(10 * SECOND);
    assert_eq!(scene.frames - before, 500, "silence is sent too");
    // Nobody calls for half a second.
    scene.now = scene.now + SECOND / 2;
    let before = scene.frames;
    scene.stream.handle_timeout(scene.now);
    scene.drain();
    assert_eq!(scene.frames - before, CATCH_UP_MAX as usize);
    scene.run(SECOND);
    assert_eq!(scene.frames - before, CATCH_UP_MAX as usize + 50);
}

#[test]
fn a_bot_that_says_nothing_in_time_has_failed_and_any_sound_is_enough() {
    let mut scene = Scene::open();
    scene.say(&mark("no sound"));
    scene.say(&media(&[]));
    scene.run(4 * SECOND - TICK);
    assert_eq!(scene.over(), None);
    scene.run(2 * TICK);
    assert_eq!(scene.over(), Some(BotOver::Failed(BotFailure::NoAudio)));
    let mut scene = Scene::talking();
    scene.run(60 * SECOND);
    assert_eq!(scene.over(), None);
}

#[test]
fn a_bot_that_is_not_there_any_more_is_found_by_its_silence_to_pings() {
    let mut scene = Scene::talking();
    scene.run(30 * SECOND);
    assert_eq!((scene.over(), scene.pings), (None, 6));
    scene.lives = false;
    scene.run(10 * SECOND + TICK);
    assert_eq!(scene.over(), Some(BotOver::Failed(BotFailure::Stalled)));
    // One that talks lives, whatever it does with pings.
    let mut scene = Scene::talking();
    scene.lives = false;
    for _ in 0..1_000 {
        scene.say(&media(&[1; 160]));
        scene.run(TICK);
    }
    assert_eq!(scene.over(), None);
}

#[test]
fn a_bot_that_reads_slowly_hears_the_newest_and_costs_no_memory() {
    let mut scene = Scene::talking();
    scene.reads = false;
    for _ in 0..SOUND_OUT_MAX + 40 {
        scene.input(Input::Caller(&[7; 160]));
    }
    scene.input(Input::Key(Key::new('5').unwrap()));
    assert_eq!(scene.stream.take_tally().to_bot_shed, 40);
    scene.reads = true;
    scene.told.clear();
    scene.drain();
    let chunks: Vec<_> = scene.told.iter().filter_map(|m| m["media"]["chunk"].as_str()).collect();
    assert_eq!((chunks.len(), chunks[0]), (SOUND_OUT_MAX, "41"));
    assert_eq!(scene.events().last(), Some(&"dtmf"), "a key is never left out");
}

#[test]
fn a_bot_that_only_talks_and_never_reads_is_given_up_at_the_bound() {
    let mut scene = Scene::talking();
    scene.reads = false;
    for n in 0..LETTERS_MAX + MARKS_MAX + 1 {
        scene.say(&mark(&n.to_string()));
    }
    scene.say(&json!({"event": "clear"}));
    assert_eq!(scene.over(), Some(BotOver::Failed(BotFailure::Stalled)));
}

#[test]
fn more_sound_than_there_is_room_for_is_counted_and_thrown_away() {
    let mut scene = Scene::talking();
    scene.say(&media(&vec![9; PLAYOUT_BYTES_MAX]));
    scene.say(&media(&vec![9; 1_600]));
    assert_eq!(scene.stream.take_tally().from_bot_shed, 10);
    scene.run(61 * SECOND);
    assert_eq!(scene.heard.len(), PLAYOUT_BYTES_MAX);
}

#[test]
fn each_end_has_its_meaning_and_is_told_once() {
    let transfer = json!({"event": "transfer", "transfer": {"reason": "customer_request"}});
    let hangup = json!({"event": "hangup", "hangup": {"reason": "done"}});
    let failed = json!({"event": "hangup", "hangup": {"outcome": "failed"}});
    for (message, over) in [
        (&transfer, BotOver::Transfer),
        (&hangup, BotOver::Done),
        (&failed, BotOver::Failed(BotFailure::Said)),
    ] {
        let mut scene = Scene::talking();
        scene.say(message);
        scene.say(&transfer);
        scene.input(Input::Over(BotOver::Done, BotNote::default()));
        assert_eq!(scene.over(), Some(over));
        scene.input(Input::Close);
        assert_eq!(scene.events().last(), Some(&"stop"));
        scene.run(STOP_WITHIN + TICK);
        assert!(scene.stream.is_closed());
        assert_eq!(scene.news.len(), 2, "up and over: {:?}", scene.news);
    }
    for (input, over) in [
        (Input::Ended(Some(1000)), BotOver::Done),
        (Input::Ended(Some(1001)), BotOver::Failed(BotFailure::Broken)),
        (Input::Ended(None), BotOver::Failed(BotFailure::Broken)),
        (Input::Failed(BotFailure::Broken), BotOver::Failed(BotFailure::Broken)),
    ] {
        let mut scene = Scene::talking();
        scene.input(input);
        assert_eq!(scene.over(), Some(over));
        assert!(scene.stream.is_closed());
        scene.input(Input::Close);
        assert_eq!(scene.news.len(), 2);
    }
}

#[test]
fn what_never_stood_fails_with_its_reason_or_is_forgotten_without_a_word() {
    for failure in [BotFailure::Unreachable, BotFailure::Refused] {
        let mut scene = Scene::connecting(BotProtocol::Twilio);
        scene.input(Input::Failed(failure));
        assert_eq!(scene.news, [News::Over(BotOver::Failed(failure), None)]);
    }
    let mut scene = Scene::connecting(BotProtocol::Twilio);
    scene.input(Input::Close);
    assert!(scene.stream.is_closed() && scene.news.is_empty() && scene.told.is_empty());
}

#[test]
fn nonsense_is_counted_and_changes_nothing() {
    let mut scene = Scene::talking();
    for text in ["", "{", "[1]", "{\"event\":\"media\"}"] {
        scene.input(Input::Text(text));
    }
    scene.input(Input::Alive { unreadable: true });
    scene.input(Input::Text("{\"event\":\"unheard_of\"}"));
    assert_eq!(scene.stream.take_tally().unreadable, 5);
    scene.run(SECOND);
    assert_eq!(scene.over(), None);
}

/// An AudioHook bot's message.
fn hook(kind: &str, parameters: &Value) -> Value {
    let id = ["01010101", "0101", "0101", "0101", "010101010101"].join("-");
    json!({"version": "2", "id": id, "type": kind, "seq": 1, "clientseq": 1, "parameters": parameters})
}

#[test]
fn a_bot_by_audiohook_takes_the_call_itself_and_hears_and_says_bytes() {
    let mut scene = Scene::connecting(BotProtocol::AudioHook);
    scene.input(Input::Opened);
    scene.input(Input::Caller(&[7; 160]));
    scene.input(Input::Key(Key::new('1').unwrap()));
    let kinds = |scene: &Scene| -> Vec<String> {
        scene.told.iter().map(|message| message["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((kinds(&scene), scene.news.len()), (vec!["open".to_owned()], 0));
    assert!(scene.sounds.is_empty(), "nothing is heard before the call is taken");
    scene.run(SECOND);
    scene.say(&hook("opened", &json!({"media": [{"type": "audio", "format": "PCMU"}]})));
    assert_eq!(scene.news, [News::Up]);
    scene.input(Input::Caller(&[7; 160]));
    scene.input(Input::Key(Key::new('1').unwrap()));
    assert_eq!(scene.sounds, [[7; 160]]);
    scene.input(Input::Binary(&[1; 320]));
    scene.run(10 * TICK);
    assert_eq!(scene.heard.len(), 320);
    assert_eq!(kinds(&scene)[1..], ["dtmf", "playback_started", "playback_completed"]);
}

#[test]
fn a_bot_by_audiohook_interrupts_itself_is_asked_for_life_and_takes_its_leave() {
    let mut scene = Scene::connecting(BotProtocol::AudioHook);
    scene.input(Input::Opened);
    scene.say(&hook("opened", &json!({"media": [{"type": "audio", "format": "PCMU"}]})));
    scene.input(Input::Binary(&[1; 1_600]));
    scene.run(2 * TICK);
    scene.say(&hook("event", &json!({"entities": [{"type": "barge_in", "data": {}}]})));
    let heard = scene.heard.len();
    scene.run(10 * TICK);
    assert_eq!(scene.heard.len(), heard, "what waited is forgotten");
    scene.run(5 * SECOND);
    assert_eq!(scene.told.last().unwrap()["type"], "ping");
    scene.say(&hook("pong", &json!({})));
    let variables = json!({"action": "transfer", "summary": "a lost card"});
    let leave = json!({"reason": "completed", "outputVariables": variables});
    scene.say(&hook("disconnect", &leave));
    let Some(News::Over(BotOver::Transfer, Some(note))) = scene.news.last() else {
        panic!("{:?}", scene.news)
    };
    assert_eq!(note.summary.as_deref(), Some("a lost card"));
    scene.input(Input::Close);
    let close = scene.told.last().unwrap();
    assert_eq!(
        (&close["type"], &close["parameters"]["reason"]),
        (&"close".into(), &"disconnect".into())
    );
}

#[test]
fn a_bot_by_audiohook_that_says_nothing_after_it_took_the_call_has_failed() {
    let mut scene = Scene::connecting(BotProtocol::AudioHook);
    scene.input(Input::Opened);
    scene.run(SECOND);
    assert_eq!(scene.over(), None, "that it does not take it is noticed by whoever called");
    scene.say(&hook("opened", &json!({"media": [{"type": "audio", "format": "PCMU"}]})));
    scene.run(4 * SECOND);
    assert_eq!(scene.over(), Some(BotOver::Failed(BotFailure::NoAudio)));
}
