//! Three days of chance around callbacks: customers ask, call themselves, answer or don't, agents come and go. Laws are
//! looked at after every step: one end for each request, nobody called outside the hours, the place kept.

use crate::callback::{calling_back, request};
use crate::house::{ANNA, BORIS, House, VERA};
use dozvon_center::Center;
use dozvon_center::acd::{Activity, Status};
use dozvon_center::border::{LegCommand, LegEvent, Refusal};
use dozvon_center::calendar::moment;
use dozvon_center::callback::First;
use dozvon_center::fact::What;
use dozvon_center::ids::{CallbackId, Key, LegId};
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const AGENTS: [dozvon_center::ids::AgentId; 3] = [ANNA, BORIS, VERA];
const CUSTOMERS: u64 = 12;
const STEPS: usize = 2_500;
const DAY: u64 = 86_400;

/// SplitMix64: small, seeded, the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    commands: usize,
    facts: usize,
    places: BTreeMap<CallbackId, Timestamp>,
    dialled: BTreeMap<CallbackId, Vec<Timestamp>>,
    ends: BTreeMap<CallbackId, &'static str>,
    requested: usize,
}

impl Seen {
    fn look(&mut self, house: &House) {
        for (_, command) in &house.commands[self.commands..] {
            if let LegCommand::CallBack { .. } = command {
                let (begins, ends) = (house.now.as_secs() % DAY, (house.now.as_secs() + 25) % DAY);
                let open = |second: u64| (8 * 3_600..22 * 3_600).contains(&second);
                assert!(open(begins) && open(ends), "called at {begins} of the day");
            }
        }
        self.commands = house.commands.len();
        for fact in &house.facts[self.facts..] {
            if let What::CallbackRequested { .. } = &fact.what {
                self.requested += 1;
            } else if let What::CallbackDialed { callback, attempt, .. } = &fact.what {
                let before = self.dialled.entry(*callback).or_default();
                let spaced = before
                    .last()
                    .is_none_or(|last| fact.at.since(*last) >= Duration::from_secs(900));
                assert!(spaced, "{callback} is called again too soon");
                before.push(fact.at);
                assert_eq!(before.len(), *attempt as usize, "attempts are counted");
                assert!(before.len() <= 3, "three attempts at the most");
                assert!(!self.ends.contains_key(callback), "nobody is called after the end");
            } else if let What::CallbackEnded { callback, end, .. } = &fact.what {
                let before = self.ends.insert(*callback, end.as_str());
                assert_eq!(before, None, "{callback} ends once");
            }
        }
        self.facts = house.facts.len();
        let open = house.center.callbacks().count();
        assert_eq!(self.requested, self.ends.len() + open, "a request is open, or has one end");
        for (id, callback) in &house.callbacks {
            let place = *self.places.entry(*id).or_insert(callback.enqueued_at);
            assert_eq!(place, callback.enqueued_at, "{id} keeps its place");
        }
    }
}

fn number(n: u64) -> String {
    format!("+7701{n:07}")
}

/// Legs that the center has made of this kind, the newest first.
fn legs(house: &House, of: impl Fn(&LegCommand) -> bool) -> Vec<LegId> {
    let told = house.commands.iter().rev().filter(|(_, command)| of(command));
    told.map(|(leg, _)| *leg).take(3).collect()
}

fn step(house: &mut House, chance: &mut Chance, callers: &mut Vec<LegId>) {
    let agent = AGENTS[chance.below(3) as usize];
    let who = number(chance.below(CUSTOMERS));
    let rings = |c: &LegCommand| {
        matches!(c, LegCommand::RingAgent { .. } | LegCommand::RingForCallback { .. })
    };
    let dials = |c: &LegCommand| matches!(c, LegCommand::CallBack { .. });
    match chance.below(16) {
        0 | 1 => {
            let asked = request(house, &who);
            let _ = house.center.request_callback(house.now, asked);
            house.drain();
        }
        2 => {
            let (_, leg) = house.call(&who);
            callers.push(leg);
            house.key(leg, ['0', 'C', 'D', '2'][chance.below(4) as usize]);
        }
        3 | 4 if !callers.is_empty() => {
            let leg = callers[chance.below(callers.len() as u64) as usize];
            let key = ['1', '1', '2', '0'][chance.below(4) as usize];
            let key = Key::new(key).expect("a key of a phone");
            house.event_if_fit(leg, LegEvent::Key(key));
        }
        5 | 15 => {
            if let Some(leg) = callers.pop() {
                house.event_if_fit(leg, LegEvent::HungUp);
            }
        }
        // Who let a phone ring comes back, all together.
        6 => AGENTS.into_iter().for_each(|agent| house.status(agent, Status::Ready)),
        7 => house.status(agent, Status::Lunch),
        8..=10 => {
            for leg in legs(house, rings) {
                house.event_if_fit(leg, LegEvent::Ringing);
                house.event_if_fit(leg, LegEvent::Answered);
            }
        }
        11 => {
            for leg in legs(house, rings) {
                house.event_if_fit(leg, LegEvent::HungUp);
            }
        }
        12 | 13 => {
            let event = match chance.below(3) {
                0 => LegEvent::Refused(Refusal::Busy),
                1 => LegEvent::HungUp,
                _ => LegEvent::Answered,
            };
            for leg in legs(house, dials) {
                house.event_if_fit(leg, event.clone());
            }
        }
        14 => {
            let open: Vec<CallbackId> = house.center.callbacks().map(|open| open.id).collect();
            if !open.is_empty() && chance.below(4) == 0 {
                let id = open[chance.below(open.len() as u64) as usize];
                let _ = house.center.cancel_callback(house.now, id);
                house.drain();
            }
        }
        _ => {}
    }
}

/// Timers one by one, so that the hour of each dial is known.
fn pass(house: &mut House, seen: &mut Seen, secs: u64) {
    let end = house.now + Duration::from_secs(secs);
    while let Some(next) = house.center.poll_timeout().filter(|next| *next <= end) {
        house.now = house.now.max(next);
        house.center.handle_timeout(house.now);
        house.drain();
        seen.look(house);
    }
    house.now = end;
}

#[test]
fn over_days_of_chance_each_request_has_one_end_and_nobody_is_called_at_night() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..8 {
        let first = if seed % 2 == 0 { First::Agent } else { First::Customer };
        let mut policy = calling_back(first);
        policy.callbacks.open_max = 8;
        policy.callbacks.queues.values_mut().for_each(|queue| queue.open_max = 8);
        let now = moment("2026-11-24T07:00:00Z").expect("a moment");
        let mut house = House::of(Center::new(Arc::new(policy), now), now);
        for agent in AGENTS {
            house.center.reachable(house.now, agent, true);
        }
        let (mut chance, mut seen, mut callers) = (Chance(seed), Seen::default(), Vec::new());
        for _ in 0..STEPS {
            step(&mut house, &mut chance, &mut callers);
            seen.look(&house);
            pass(&mut house, &mut seen, chance_secs(&mut chance));
        }
        // Everybody hangs up in the end, also who hears a goodbye that no sound card plays.
        let called = |(leg, command): &(LegId, LegCommand)| {
            matches!(command, LegCommand::CallBack { .. }).then_some(*leg)
        };
        let called: Vec<LegId> = house.commands.iter().filter_map(called).collect();
        for leg in callers.into_iter().chain(called) {
            house.event_if_fit(leg, LegEvent::HungUp);
        }
        pass(&mut house, &mut seen, 5 * DAY);
        let open: Vec<_> = house.center.callbacks().map(|open| (open.id, open.stage)).collect();
        assert!(open.is_empty(), "seed {seed}: everything ends, and not {open:?}");
        kinds.extend(seen.ends.values().copied());
        assert!(seen.dialled.len() > 10, "seed {seed}: many were called");
        for agent in AGENTS {
            house.status(agent, Status::Ready);
            assert_eq!(house.activity(agent), Activity::Idle, "seed {seed}: {agent} is free");
        }
    }
    let all = ["cancelled", "expired", "merged", "reached"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all, "each end was seen");
}

fn chance_secs(chance: &mut Chance) -> u64 {
    [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 5, 5, 8, 13, 600][chance.below(16) as usize]
}
