//! The way to a person, from everywhere: callers wander through the bank's flow, press 0 at a moment of chance, and
//! again in the survey after the talk. Whoever pressed it talks to a person, all of them, over real SIP and RTP.
//!
//! `EXIT_CALLS=200` makes 200 of them (`make exits`); `EXIT_SEED` repeats a run.

use crate::TALK;
use crate::house::{Furnishing, House, manner, tone_manner};
use crate::phone::{Account, Agent, Answering, Call, Manner, Source};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Callers at the same time, and as many agents, so that nobody waits for anything but the flow.
const AT_ONCE: u32 = 30;
/// The agents' voice.
const VOICE_HZ: u32 = 1000;
/// From the key to the person: what the flow promises until a caller even knows of the key.
const PROMISED: Duration = Duration::from_secs(15);

/// Chance from a seed.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn upto(&mut self, millis: u64) -> Duration {
        Duration::from_millis(self.next() % millis)
    }

    fn one_of<'a>(&mut self, keys: &[&'a str]) -> &'a str {
        keys[usize::try_from(self.next()).unwrap() % keys.len()]
    }
}

/// What became of one caller.
#[derive(Clone, Debug)]
struct Way {
    number: String,
    /// From the key to the person's voice; `None` when none came.
    took: Option<Duration>,
    /// The same from the survey, where he stayed for it.
    again: Option<Option<Duration>>,
}

/// Presses 0 and listens for the person's voice.
async fn to_a_person(call: &mut Call) -> Option<Duration> {
    let (pressed, before) = (Instant::now(), call.heard().tone_secs(VOICE_HZ));
    call.press(&['0']);
    while pressed.elapsed() < TALK {
        if !call.stay(Duration::from_millis(100)).await {
            return None;
        }
        if call.heard().tone_secs(VOICE_HZ) > before {
            return Some(pressed.elapsed());
        }
    }
    None
}

/// Listens for a moment and presses what the menu offers, as often as chance wills, then 0.
async fn wander(house: &House, number: String, mut dice: Dice) -> Way {
    let mut call = house.call(&number, Source::Silence).await.unwrap();
    let mut way = Way { number, took: None, again: None };
    assert!(call.stay(dice.upto(9_000)).await, "the bank hangs up on nobody");
    // Stolen card and loans lead to people at once; 3 is the bot, 2 a code, 9 the languages.
    let choice = dice.one_of(&["", "", "1", "2", "2", "3", "3", "4", "9", "9"]);
    for key in choice.chars() {
        call.press(&[key]);
        assert!(call.stay(dice.upto(6_000)).await);
    }
    if choice == "9" && dice.next().is_multiple_of(2) {
        call.press(&[dice.one_of(&["1", "2", "3"]).chars().next().unwrap()]);
        assert!(call.stay(dice.upto(9_000)).await);
    }
    if call.heard().tone_secs(VOICE_HZ) == 0.0 {
        way.took = to_a_person(&mut call).await;
    } else {
        way.took = Some(Duration::ZERO);
    }
    if way.took.is_some() && dice.next().is_multiple_of(2) {
        // The agent hangs up, and the survey begins.
        let talk = Duration::from_millis(3_000) + dice.upto(5_000);
        if call.stay(talk).await {
            way.again = Some(to_a_person(&mut call).await);
        }
    }
    call.hang_up().await;
    way
}

/// Where each caller was when he left, by his number: the node before the operator's queue.
fn left_from(house: &House) -> BTreeMap<String, String> {
    let database = rusqlite::Connection::open(house.folder().join("dozvon.db")).unwrap();
    let mut query = database.prepare("SELECT caller, path FROM contacts").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    let rows = rows.map(Result::unwrap).map(|(caller, path): (String, String)| {
        let nodes: Vec<String> = serde_json::from_str(&path).unwrap();
        let end = nodes.iter().position(|node| node.starts_with("q-")).unwrap_or(nodes.len());
        (caller, nodes[..end].last().cloned().unwrap_or_default())
    });
    rows.collect()
}

fn furnishing(bot: &Agent) -> Furnishing {
    let agents: String = (1..=AT_ONCE)
        .map(|number| {
            format!(
                "[[agent]]\nuser = \"p{number}\"\nname = \"P {number}\"\nskills = [\"cards\", \"loans\"]\n\
                 languages = [\"ru\", \"kk\", \"en\"]\n"
            )
        })
        .collect();
    let queues: String = ["general", "urgent", "cards", "loans"]
        .map(|name| format!("[[queue]]\nname = \"{name}\"\nwrap_up = \"off\"\n"))
        .concat();
    let bots = format!("[[bot]]\nname = \"cards-assistant\"\nuri = \"sip:bot@{}\"\n", bot.local());
    let rollout = "[[rollout]]\nname = \"cards\"\nbot = \"cards-assistant\"\nshare = \"all\"\nsalt = \"exits\"\n";
    Furnishing {
        rtp_ports: 2_000,
        limits: "calls_max = 200\ncalls_per_sec_max = 200".into(),
        files: vec![
            ("agents.toml", agents),
            ("tokens.toml", "[[token]]\nname = \"admin\"\nrole = \"admin\"\n".into()),
            ("queues.toml", format!("[skills]\nnames = [\"cards\", \"loans\"]\n{queues}")),
            ("bots.toml", bots),
            ("rollouts/cards.toml", rollout.into()),
        ],
        ..Furnishing::default()
    }
}

#[tokio::test]
async fn whoever_presses_0_anywhere_talks_to_a_person() {
    let number_of = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let calls = u32::try_from(number_of("EXIT_CALLS").unwrap_or(30)).unwrap();
    let seed = number_of("EXIT_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("EXIT_CALLS={calls} EXIT_SEED={seed}");
    let bot = Manner { many: true, register_secs: 0, ..manner(Answering::Answer) };
    let bot = Agent::start(Account::at("127.0.0.1:9".parse().unwrap()), bot, None).await.unwrap();
    let house = Arc::new(House::furnished(furnishing(&bot)).await);
    let second = Duration::from_secs(1);
    let mut agents = Vec::new();
    for number in 1..=AT_ONCE {
        // Longer than what counts as dropped at once (`[talk] min_talk_ms`).
        let talks = Some((second.mul_f64(2.5), second.mul_f64(2.5)));
        let manner = Manner { talks, ..tone_manner(f64::from(VOICE_HZ)) };
        agents.push(house.agent(&format!("p{number}"), manner).await);
    }
    let mut dice = Dice(seed);
    let mut ways = Vec::new();
    let turns = Arc::new(tokio::sync::Semaphore::new(usize::try_from(AT_ONCE).unwrap() * 2 / 3));
    for number in 0..calls {
        let (house, turns, own) = (house.clone(), turns.clone(), Dice(dice.next()));
        ways.push(tokio::spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            wander(&house, format!("+7701{number:07}"), own).await
        }));
    }
    let mut all = Vec::new();
    for way in ways {
        all.push(way.await.unwrap());
    }
    let nodes = left_from(&house);
    judge(&all, &nodes, seed);
    house.stop().await;
}

/// All of them talked to a person, in time; prints from where, how many, and how long it took.
fn judge(all: &[Way], nodes: &BTreeMap<String, String>, seed: u64) {
    let mut figures: BTreeMap<&str, (usize, Duration)> = BTreeMap::new();
    for way in all {
        let node = nodes[&way.number].as_str();
        let took = way
            .took
            .unwrap_or_else(|| panic!("nobody came from {node}: {way:?}, EXIT_SEED={seed}"));
        assert!(took <= PROMISED, "{took:?} from {node}: {way:?}, EXIT_SEED={seed}");
        let figure = figures.entry(node).or_default();
        *figure = (figure.0 + 1, figure.1.max(took));
        if let Some(again) = way.again {
            let took = again.unwrap_or_else(|| {
                panic!("nobody came from the survey: {way:?}, EXIT_SEED={seed}")
            });
            let figure = figures.entry("(survey)").or_default();
            *figure = (figure.0 + 1, figure.1.max(took));
        }
    }
    println!("{} of {} talked to a person; from, how many, longest:", all.len(), all.len());
    for (node, (count, longest)) in figures {
        println!("  {node:12} {count:4} {:6.2} s", longest.as_secs_f64());
    }
}
