//! Random operations against the promises: after each, the inside is sound and what was told adds up.

use super::call::CallState;
use super::*;
use crate::chance::Chance;
use crate::ids::{QueueId, SkillId};

const AGENTS: u64 = 10;
const QUEUES: u64 = 3;
const CALLS: u64 = 40;

impl Chance {
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of the usual times, or none at all.
    fn time(&mut self, secs: u64) -> Duration {
        if self.one_in(4) { Duration::ZERO } else { Duration::from_secs(secs) }
    }

    fn agent(&mut self) -> AgentId {
        AgentId(u32::try_from(self.below(AGENTS)).unwrap())
    }

    fn queue(&mut self) -> QueueId {
        QueueId(u16::try_from(self.below(QUEUES)).unwrap())
    }
}

fn some_requirement(chance: &mut Chance) -> Requirement {
    let texts = ["a", "b", "b >= 2", "a and b", "a or b", "not a", "b and not a", "b >= 3"];
    let text = texts[chance.below(8) as usize];
    let number = |name: &String| SkillId(u16::from(name == "b"));
    Requirement::of(&Expression::parse(text).unwrap(), number)
}

fn some_stages(chance: &mut Chance) -> Vec<Stage> {
    let mut after = Duration::ZERO;
    let mut stages = Vec::new();
    for _ in 0..chance.below(3) {
        after += Duration::from_secs(1 + chance.below(15));
        let relax = match chance.below(3) {
            0 => Relax::To(Requirement::anyone()),
            1 => Relax::To(some_requirement(chance)),
            _ => Relax::Drop(BTreeSet::from([SkillId(u16::try_from(chance.below(2)).unwrap())])),
        };
        stages.push(Stage { after, relax });
    }
    stages
}

fn some_reserve(chance: &mut Chance) -> ReserveConfig {
    let lasts = chance.time(15);
    let idle_min = u32::try_from(chance.below(4)).unwrap();
    ReserveConfig { requires: some_requirement(chance), idle_min, lasts }
}

fn some_config(chance: &mut Chance) -> Config {
    let queues = (0..QUEUES).map(|at| {
        let mut queue = QueueConfig::new(format!("queue {at}"));
        queue.wrap_up = WrapUp::timed(chance.time(15));
        queue.max_wait = (!chance.one_in(3)).then(|| Duration::from_secs(1 + chance.below(90)));
        queue.length_max = 1 + usize::try_from(chance.below(12)).unwrap();
        let target = 5 + chance.below(60);
        queue.service_level = chance.time(target);
        queue.tier = if chance.one_in(4) { -1 } else { 0 };
        queue.order = Order::ALL[chance.below(3) as usize];
        queue.ring =
            [Ring::One, Ring::One, Ring::Parallel(2), Ring::Broadcast][chance.below(4) as usize];
        queue.stages = some_stages(chance);
        queue
    });
    let queues: Vec<_> = queues.collect();
    let agents = (0..AGENTS).map(|at| AgentConfig {
        skills: (0..2)
            .filter(|_| !chance.one_in(3))
            .map(|skill| (SkillId(skill), [1, 2][skill as usize]))
            .collect(),
        queues: (0..QUEUES)
            .filter(|_| chance.one_in(3))
            .map(|id| QueueId(u16::try_from(id).unwrap()))
            .collect(),
        team: format!("team {}", at % 2).into(),
        rank: u16::try_from(at % 3).unwrap(),
        ..AgentConfig::new(format!("agent {at}"))
    });
    let agents = agents.collect();
    let mut config = Config::new(queues, agents);
    config.reserves = (0..chance.below(3)).map(|_| some_reserve(chance)).collect();
    config.late_answer = chance.time(1);
    config.rona_cooldown = chance.time(30);
    config.reject_cooldown = chance.time(10);
    config.fault_cooldown = chance.time(30);
    config.skip = chance.time(60);
    config.unreachable_grace = chance.time(5);
    config.no_agents_grace = chance.time(30);
    config
}

/// What was told, added up.
#[derive(Default)]
struct Books {
    open_offers: BTreeMap<OfferId, CallId>,
    decided: Option<(OfferId, CallId, AgentId)>,
    waits: BTreeSet<CallId>,
    stands: BTreeMap<AgentId, (Presence, Activity)>,
    spent: BTreeMap<AgentId, Duration>,
    kinds: BTreeSet<&'static str>,
}

impl Books {
    fn enter(&mut self, event: &Event) {
        match event {
            Event::Decided(why) => {
                assert_eq!(self.decided, None, "a decision is followed by its offer");
                self.decided = Some((why.offer, why.call, why.agent));
                self.kinds.extend(why.passed.iter().map(|passed| match passed.why {
                    PassedBy::Later => "passed as later",
                    PassedBy::Farther => "passed as farther",
                    PassedBy::Kept => "passed as kept",
                    PassedBy::Skipped => "passed as skipped",
                }));
                if why.found == Found::Preferred {
                    self.kinds.insert("preferred");
                }
            }
            Event::Offer { offer, call, agent, .. } => {
                let decided = self.decided.take();
                assert_eq!(decided, Some((*offer, *call, *agent)), "an offer has its reasons");
                assert_eq!(self.open_offers.insert(*offer, *call), None, "a name is used once");
                assert!(self.waits.contains(call), "who is offered waits");
            }
            Event::OfferEnded { offer, result, .. } => {
                assert!(self.open_offers.remove(offer).is_some(), "an offer ends once");
                self.kinds.insert(result.as_str());
            }
            Event::WaitEnded { call, why: WaitEnd::Full, .. } => {
                assert!(!self.waits.contains(call), "who is turned away doesn't wait");
            }
            Event::WaitEnded { call, why, .. } => {
                assert!(self.waits.remove(call), "a wait ends once");
                self.kinds.insert(match why {
                    WaitEnd::Connected(_) => "connected",
                    WaitEnd::HungUp | WaitEnd::Elsewhere | WaitEnd::Callback => "left",
                    WaitEnd::MaxWait => "max wait",
                    WaitEnd::NoAgents => "no agents",
                    WaitEnd::Full => "full",
                });
            }
            Event::AgentChanged { agent, from, to, spent, .. } => {
                let stood = self.stands.insert(*agent, *to);
                let out = (Presence::LoggedOut, Activity::Idle);
                assert_eq!(stood.unwrap_or(out), *from, "states follow each other");
                *self.spent.entry(*agent).or_default() += *spent;
                self.kinds.insert(to.0.as_str());
                self.kinds.insert(to.1.as_str());
            }
            Event::ServiceLevelMissed { .. }
            | Event::StatusLimit { .. }
            | Event::ActivityAlarm { .. }
            | Event::Withdrawn { .. }
            | Event::ConnectFailed { .. } => {}
        }
    }
}

/// `calls_max`: how many calls there are at once; with few of them agents are idle together.
fn operate(
    acd: &mut Acd,
    now: Timestamp,
    chance: &mut Chance,
    books: &mut Books,
    last: u64,
    calls_max: usize,
) {
    let agent = chance.agent();
    let call = CallId(chance.below(CALLS));
    // Half of all reports are about an offer that is open, the others about one that may be over or never was.
    let near = |chance: &mut Chance, acd: &Acd| {
        let open = u64::try_from(acd.offers.len()).unwrap();
        let known = (open > 0 && chance.one_in(2)).then(|| chance.below(open));
        let known = known.and_then(|at| acd.offers.keys().nth(usize::try_from(at).unwrap()));
        known.copied().unwrap_or_else(|| OfferId((last + 1).saturating_sub(chance.below(12))))
    };
    match chance.below(30) {
        0..=4 if acd.calls.len() >= calls_max => {
            let _ = acd.set_status(now, agent, Status::Ready, Actor::Agent, None);
        }
        0..=4 => {
            let some = !chance.one_in(3);
            let requires = if some { some_requirement(chance) } else { Requirement::anyone() };
            let preferred = chance.one_in(3).then(|| (chance.agent(), chance.time(10)));
            let known = acd.calls.contains_key(&call);
            let waiting = Waiting {
                call,
                queue: chance.queue(),
                requires,
                priority: i32::try_from(chance.below(100)).unwrap() - 50,
                enqueued_at: now - Duration::from_secs(chance.below(30)),
                max_wait: chance.one_in(5).then(|| chance.time(20)),
                preferred,
                absent: chance.one_in(6),
            };
            acd.enqueue(now, waiting);
            if !known && !acd.events.iter().any(is_full) {
                books.waits.insert(call);
            }
        }
        5 => {
            acd.withdraw(now, call, [Leaving::HungUp, Leaving::Callback][chance.below(2) as usize])
        }
        6..=8 => {
            let offer = near(chance, acd);
            acd.ringing(now, offer);
        }
        9..=10 => {
            // A race, if there is one.
            let several = |call: &&Call| call.state.open_offers().len() > 1;
            let racing = acd.calls.values().find(several).map(|call| call.state.open_offers()[0]);
            let offer = racing.unwrap_or_else(|| near(chance, acd));
            acd.answered(now, offer);
        }
        11..=13 => {
            let offer = near(chance, acd);
            acd.connected(now, offer);
        }
        14 => {
            let offer = near(chance, acd);
            let failures = [Failure::Declined, Failure::Busy, Failure::Unreachable, Failure::Error];
            acd.failed(now, offer, failures[chance.below(4) as usize]);
        }
        15 => {
            let manners = [Manner::Talk, Manner::Hold, Manner::Consult, Manner::Conference];
            let talks = |call: &Call| matches!(call.state, CallState::Talking(_));
            let talking = acd.calls.iter().find(|(_, call)| talks(call)).map(|(id, _)| *id);
            acd.manner(now, talking.unwrap_or(call), manners[chance.below(4) as usize]);
        }
        16..=17 => {
            acd.ended(
                now,
                call,
                [Side::Caller, Side::Agent, Side::System][chance.below(3) as usize],
            );
        }
        18 => acd.log_in(now, agent),
        19 if chance.one_in(3) => acd.log_out(now, agent, Actor::Agent),
        20 => {
            let status = Status::ALL[chance.below(9) as usize];
            let by = [Actor::Agent, Actor::Supervisor, Actor::Limit][chance.below(3) as usize];
            let epoch = chance.one_in(3).then(|| chance.below(50));
            let _ = acd.set_status(now, agent, status, by, epoch);
        }
        24..=25 => {
            let kinds = [Engagement::Rung, Engagement::Supervising];
            let _ = acd.engage(now, agent, call, kinds[chance.below(2) as usize]);
        }
        26 => match chance.below(3) {
            0 => acd.engaged(now, agent, call, Engagement::Consult),
            _ => acd.disengage(now, agent),
        },
        27 => match chance.below(3) {
            0 => acd.let_go(now, call),
            1 => {
                acd.hand_over(now, call, agent);
            }
            _ => {
                let between = |call: &Call| call.state == CallState::Between;
                let lost = acd.calls.iter().find(|(_, call)| between(call)).map(|(id, _)| *id);
                acd.requeue(now, lost.unwrap_or(call), chance.one_in(2).then_some(agent));
                if !acd.events.iter().any(is_full) {
                    books.waits.extend(lost);
                }
            }
        },
        21 => {
            let _ = acd.set_status(now, agent, Status::Ready, Actor::Agent, None);
        }
        28 => {
            let offer = near(chance, acd);
            acd.dialing(now, offer, chance.time(30));
        }
        29 if chance.one_in(2) => {
            let offer = near(chance, acd);
            acd.dialled(now, offer);
        }
        29 => {
            let absent = |call: &Call| call.absent;
            let kept = acd.calls.iter().find(|(_, call)| absent(call)).map(|(id, _)| *id);
            acd.came(now, kept.unwrap_or(call), chance.time(20));
        }
        22 => {
            let up = !chance.one_in(4);
            acd.reachable(now, agent, up);
        }
        19 if chance.one_in(8) => acd.replace_session(now, agent),
        19 | 23 => acd.outbound(now, agent, chance.one_in(3)),
        _ => acd.end_wrap_up(now, agent),
    }
}

fn is_full(event: &Event) -> bool {
    matches!(event, Event::WaitEnded { why: WaitEnd::Full, .. })
}

fn run(seed: u64, operations: u64) -> BTreeSet<&'static str> {
    let mut chance = Chance::new(seed);
    let mut now = Timestamp::from_secs(1_000_000);
    let mut acd = Acd::new(some_config(&mut chance), now);
    let start = now;
    let mut books = Books::default();
    let mut last = 0;
    let calls_max = if seed.is_multiple_of(2) { 2 } else { usize::MAX };
    for _ in 0..operations {
        if chance.one_in(2) {
            now = now + Duration::from_millis(chance.below(3_000));
        }
        // Timers are run late, early or not at all: an input may come first.
        if acd.poll_timeout().is_some_and(|at| at <= now) && !chance.one_in(3) {
            acd.handle_timeout(now);
        } else {
            operate(&mut acd, now, &mut chance, &mut books, last, calls_max);
        }
        acd.check_invariants();
        while let Some(event) = acd.poll_event() {
            if let Event::Offer { offer, .. } = &event {
                last = offer.0;
            }
            books.enter(&event);
        }
    }
    for (at, agent) in acd.agents.iter().enumerate() {
        let id = AgentId(u32::try_from(at).unwrap());
        let told = books.spent.get(&id).copied().unwrap_or_default();
        assert_eq!(told + now.since(agent.since), now.since(start), "an agent's time has no hole");
    }
    let waiting: usize = acd.waiting.iter().map(|queue| queue.len()).sum();
    assert_eq!(waiting, books.waits.len(), "waits that didn't end are still waits");
    books.kinds
}

#[test]
fn a_hundred_thousand_random_operations_keep_every_promise() {
    let mut kinds = BTreeSet::new();
    for seed in 0..20 {
        let told = std::panic::catch_unwind(|| run(seed, 5_000));
        kinds.extend(told.unwrap_or_else(|panic| {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic)
        }));
    }
    let all = Presence::ALL.map(Presence::as_str).into_iter();
    let all = all.chain(Activity::ALL.map(Activity::as_str));
    let all = all.chain(OfferResult::ALL.map(OfferResult::as_str));
    let all = all.chain(["connected", "left", "max wait", "no agents", "preferred"]);
    let passed = ["passed as later", "passed as farther", "passed as kept", "passed as skipped"];
    let all = all.chain(passed);
    let unseen: Vec<_> = all.filter(|kind| !kinds.contains(kind)).collect();
    assert!(unseen.is_empty(), "the operations never led to {unseen:?}");
}
