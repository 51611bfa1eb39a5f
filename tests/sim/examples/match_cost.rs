//! What the ACD costs: one match of the matcher beside a floor, and one whole call through the ACD, at growing sizes.
//!
//! The floor is the same two operations on bare `BTreeMap`s with no rules at all: what this machine needs at least.
//! Both are measured in one run, so that their ratio says something whatever the machine.
//!
//! cargo run --release -p dozvon-sim --example match_cost

use dozvon_center::acd::matcher::{Abilities, CallKey, ClassId, Matcher, Places};
use dozvon_center::acd::{
    Acd, AgentConfig, Answer, Config, Event, QueueConfig, Requirement, ReserveConfig, Side, Waiting,
};
use dozvon_center::ids::{AgentId, CallId, OfferId, QueueId, SkillId};
use dozvon_clock::Timestamp;
use dozvon_sim::rng::Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// The processor time of this thread, so that a busy machine doesn't blur the figures; without Linux, plain time.
fn cpu_time(began: Instant) -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = schedstat.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

/// Nanoseconds of this thread for each of so many rounds.
fn cost(rounds: u64, mut round: impl FnMut(u64)) -> f64 {
    let began = Instant::now();
    let before = cpu_time(began);
    for at in 0..rounds {
        round(at);
    }
    cpu_time(began).saturating_sub(before).as_nanos() as f64 / rounds as f64
}

const ROUNDS: u64 = 500_000;

struct Size {
    agents: u32,
    profiles: u64,
    /// Each is a queue of its own.
    classes: u64,
    /// Classes that a profile serves.
    degree: usize,
    waiting: u64,
}

/// Which classes each profile serves, and which profile each agent has.
struct House {
    served: Vec<BTreeSet<u64>>,
    profile_of: Vec<usize>,
}

fn main() {
    println!(
        "agents classes waiting | agent frees: ours floor ratio | call comes: ours floor ratio | whole call"
    );
    for size in [
        Size { agents: 200, profiles: 20, classes: 30, degree: 8, waiting: 200 },
        Size { agents: 2_000, profiles: 100, classes: 200, degree: 20, waiting: 2_000 },
        Size { agents: 20_000, profiles: 500, classes: 800, degree: 40, waiting: 50_000 },
    ] {
        let house = house(&size);
        let ours = matcher(&size, &house);
        let floor = floor(&size, &house);
        println!(
            "{:>6}{:>8}{:>8} | {:>14.0} ns{:>4.0} ns{:>6.2} | {:>13.0} ns{:>4.0} ns{:>6.2} | {:>7.0} ns",
            size.agents,
            size.classes,
            size.waiting,
            ours.0,
            floor.0,
            ours.0 / floor.0,
            ours.1,
            floor.1,
            ours.1 / floor.1,
            acd(&size, &house),
        );
    }
}

fn house(size: &Size) -> House {
    let mut rng = Rng::new(1);
    let served = (0..size.profiles).map(|_| {
        let mut served = BTreeSet::new();
        while served.len() < size.degree {
            served.insert(rng.below(size.classes));
        }
        served
    });
    let served = served.collect();
    let profile_of = (0..size.agents).map(|_| rng.below(size.profiles) as usize).collect();
    House { served, profile_of }
}

fn queue(id: u64) -> QueueId {
    QueueId(u16::try_from(id).expect("few"))
}

/// A free agent takes the best call and a new one comes; a call takes the best agent, who comes back.
fn matcher(size: &Size, house: &House) -> (f64, f64) {
    let abilities = house.profile_of.iter().map(|profile| Abilities {
        skills: BTreeMap::from([(SkillId(0), 1)]),
        queues: house.served[*profile].iter().map(|id| queue(*id)).collect(),
    });
    let queues = vec![QueueConfig::new("queue"); size.classes as usize];
    // A reserve that nobody belongs to: its rule is looked at for every edge, and never keeps anybody.
    let nobody = Requirement::all_of([SkillId(1)]);
    let lasts = Duration::from_secs(20);
    let reserves = [ReserveConfig { requires: nobody, idle_min: 2, lasts }];
    let mut matcher = Matcher::new(&queues, &reserves, abilities);
    let wants = Requirement::all_of([SkillId(0)]);
    let classes: Vec<ClassId> = (0..size.classes)
        .map(|id| matcher.class(queue(id), &wants, Duration::ZERO).expect("few"))
        .collect();
    let mut rng = Rng::new(2);
    let mut clock = 1;
    let mut class_of: Vec<ClassId> = Vec::new();
    let come = |matcher: &mut Matcher, rng: &mut Rng, clock: &mut u64, class_of: &mut Vec<_>| {
        let (class, due) = (rng.pick(&classes), *clock + rng.below(60) * 1_000);
        *clock += 1 + rng.below(5);
        let call = CallId(class_of.len() as u64);
        class_of.push(class);
        matcher.queue_call(class, CallKey { tier: 0, due: Timestamp::from_micros(due), call });
    };
    for _ in 0..size.waiting {
        come(&mut matcher, &mut rng, &mut clock, &mut class_of);
    }
    let frees = cost(ROUNDS, |_| {
        let agent = AgentId(rng.below(u64::from(size.agents)) as u32);
        if let Some(key) = matcher.best_call(agent, |_| false) {
            matcher.unqueue_call(class_of[key.call.0 as usize], key);
            come(&mut matcher, &mut rng, &mut clock, &mut class_of);
        }
    });
    let places = |at: u64| -> Places { [(i64::try_from(at).expect("small"), 0); 3] };
    let mut place_of = Vec::new();
    for id in 0..size.agents {
        let at = rng.below(1_000_000);
        place_of.push(at);
        matcher.list_agent(AgentId(id), &places(at));
    }
    let comes = cost(ROUNDS, |round| {
        let class = rng.pick(&classes);
        if let Some(key) = matcher.best_agent(class, |_| false) {
            let place = &mut place_of[key.agent.0 as usize];
            matcher.unlist_agent(key.agent, &places(*place));
            *place = 1_000_001 + round;
            matcher.list_agent(key.agent, &places(*place));
        }
    });
    (frees, comes)
}

/// The same on bare maps: heads of the classes (or profiles) compared, one member out, one in.
fn floor(size: &Size, house: &House) -> (f64, f64) {
    let mut rng = Rng::new(2);
    let mut calls: Vec<BTreeMap<(u64, u64), ()>> = vec![BTreeMap::new(); size.classes as usize];
    let mut heads = vec![u64::MAX; size.classes as usize];
    let mut profiles_of: Vec<Vec<usize>> = vec![Vec::new(); size.classes as usize];
    for (profile, served) in house.served.iter().enumerate() {
        for class in served {
            profiles_of[*class as usize].push(profile);
        }
    }
    let served: Vec<Vec<u64>> =
        house.served.iter().map(|set| set.iter().copied().collect()).collect();
    let (mut clock, mut id) = (1, 0);
    let mut come = |calls: &mut Vec<BTreeMap<_, ()>>, heads: &mut Vec<u64>, rng: &mut Rng| {
        let (class, due) = (rng.below(size.classes) as usize, clock + rng.below(60) * 1_000);
        clock += 1 + rng.below(5);
        calls[class].insert((due, id), ());
        heads[class] = heads[class].min(due);
        id += 1;
    };
    for _ in 0..size.waiting {
        come(&mut calls, &mut heads, &mut rng);
    }
    let frees = cost(ROUNDS, |_| {
        let profile = house.profile_of[rng.below(u64::from(size.agents)) as usize];
        let best = served[profile].iter().map(|class| (heads[*class as usize], *class)).min();
        let Some((due, class)) = best.filter(|(due, _)| *due != u64::MAX) else { return };
        let first = calls[class as usize].pop_first();
        assert_eq!(first.map(|((at, _), ())| at), Some(due));
        let next = calls[class as usize].first_key_value();
        heads[class as usize] = next.map_or(u64::MAX, |((at, _), ())| *at);
        come(&mut calls, &mut heads, &mut rng);
    });
    let mut free: Vec<BTreeMap<(u64, u32), ()>> = vec![BTreeMap::new(); house.served.len()];
    for (agent, profile) in (0..).zip(&house.profile_of) {
        free[*profile].insert((rng.below(1_000_000), agent), ());
    }
    let comes = cost(ROUNDS, |round| {
        let class = rng.below(size.classes) as usize;
        let head = |profile: &usize| {
            free[*profile].first_key_value().map(|((at, agent), ())| (*at, *agent, *profile))
        };
        let Some((_, agent, profile)) = profiles_of[class].iter().filter_map(head).min() else {
            return;
        };
        free[profile].pop_first();
        free[profile].insert((1_000_001 + round, agent), ());
    });
    (frees, comes)
}

/// Nanoseconds for a whole call: it comes to wait, another is offered, rings, is answered, joined, talks, ends, and the
/// agent finishes the paperwork and is matched with the next; every event is drained, reasons included.
fn acd(size: &Size, house: &House) -> f64 {
    let mut rng = Rng::new(3);
    let mut one = QueueConfig::new("queue");
    one.length_max = 100_000;
    one.max_wait = Some(Duration::from_secs(3_600));
    let agents = house.profile_of.iter().map(|profile| AgentConfig {
        queues: house.served[*profile].iter().map(|id| queue(*id)).collect(),
        ..AgentConfig::new("agent")
    });
    let mut now = Timestamp::from_secs(1);
    let config = Config::new(vec![one; size.classes as usize], agents.collect());
    let mut acd = Acd::new(config, now);
    let mut offers: VecDeque<(OfferId, CallId, AgentId)> = VecDeque::new();
    let drain = |acd: &mut Acd, offers: &mut VecDeque<_>| {
        while let Some(event) = acd.poll_event() {
            if let Event::Offer { offer, call, agent, .. } = event {
                offers.push_back((offer, call, agent));
            }
        }
    };
    for id in 0..size.agents {
        acd.reachable(now, AgentId(id), true);
        acd.log_in(now, AgentId(id));
    }
    let mut calls = 0;
    let mut come = |acd: &mut Acd, now: Timestamp, rng: &mut Rng| {
        calls += 1;
        acd.enqueue(now, Waiting::new(CallId(calls), queue(rng.below(size.classes)), now));
    };
    while acd.calls_len() < size.waiting as usize + size.agents as usize {
        come(&mut acd, now, &mut rng);
        drain(&mut acd, &mut offers);
    }
    cost(ROUNDS / 5, |_| {
        now = now + Duration::from_micros(10);
        come(&mut acd, now, &mut rng);
        let (offer, call, agent) = offers.pop_front().expect("more calls than agents");
        acd.ringing(now, offer);
        assert_ne!(acd.answered(now, offer), Answer::Stale);
        acd.connected(now, offer);
        acd.ended(now, call, Side::Caller);
        acd.end_wrap_up(now, agent);
        drain(&mut acd, &mut offers);
    })
}
