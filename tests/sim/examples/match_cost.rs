//! What the ACD costs: one match of the bare matcher, and one whole call through the ACD, at growing sizes.
//!
//! cargo run --release -p dozvon-sim --example match_cost

use dozvon_center::acd::matcher::{Abilities, Matcher};
use dozvon_center::acd::{Acd, AgentConfig, Answer, Config, Event, QueueConfig, Side, Waiting};
use dozvon_center::ids::{AgentId, CallId, OfferId, QueueId, SkillId};
use dozvon_clock::Timestamp;
use dozvon_sim::rng::Rng;
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// The processor time of this thread, so that a busy machine doesn't blur the figures; without Linux, plain time.
fn cpu_time(began: Instant) -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = schedstat.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

/// What this thread has worked since.
fn spent((began, worked): (Instant, Duration)) -> Duration {
    cpu_time(began).saturating_sub(worked)
}

/// Queues; with and without a skill they make twice as many classes.
const QUEUES: u16 = 100;
/// Queues that an agent serves.
const SERVED: u64 = 10;

struct Size {
    agents: u32,
    waiting: u64,
}

fn main() {
    println!("   agents  waiting |  matcher: agent frees  call arrives |  acd: whole call");
    let sizes =
        [(10, 10), (100, 100), (1_000, 1_000), (2_000, 2_000), (10_000, 10_000), (20_000, 50_000)];
    for (agents, waiting) in sizes {
        let size = Size { agents, waiting };
        let (frees, arrives) = matcher(&size);
        let whole = acd(&size);
        println!(
            "{agents:>9}{waiting:>9} | {frees:>18.0} ns {arrives:>12.0} ns | {whole:>12.0} ns",
        );
    }
}

/// A tenth as many profiles as agents, at most 100.
fn abilities(size: &Size, rng: &mut Rng) -> Vec<Abilities> {
    let profiles = (size.agents / 10).clamp(1, 100);
    let profiles: Vec<Abilities> = (0..profiles)
        .map(|_| {
            let queue = || QueueId(u16::try_from(rng.below(u64::from(QUEUES))).expect("few"));
            let queues: BTreeSet<QueueId> =
                std::iter::repeat_with(queue).take(SERVED as usize).collect();
            Abilities { skills: BTreeSet::from([SkillId(0)]), queues }
        })
        .collect();
    (0..size.agents).map(|_| profiles[rng.below(profiles.len() as u64) as usize].clone()).collect()
}

/// Nanoseconds for: a free agent takes the best call and a new one comes; a call takes the best agent, who comes back.
fn matcher(size: &Size) -> (f64, f64) {
    const ROUNDS: u64 = 500_000;
    let mut rng = Rng::new(1);
    let agents = abilities(size, &mut rng);
    let served: Vec<QueueId> = agents.iter().flat_map(|agent| agent.queues.clone()).collect();
    let mut matcher = Matcher::new(agents);
    let mut classes = Vec::new();
    for _ in 0..2 * QUEUES {
        let queue = rng.pick(&served);
        let requires: &[SkillId] = if rng.chance(0.5) { &[SkillId(0)] } else { &[] };
        let class = matcher.class(queue, requires).expect("few");
        classes.push(class);
    }
    let (mut now, mut calls) = (0u64, 0u64);
    let mut class_of = Vec::new();
    let mut come = |matcher: &mut Matcher, rng: &mut Rng, class_of: &mut Vec<_>| {
        now += 1 + rng.below(5);
        let class = rng.pick(&classes);
        class_of.push(class);
        matcher.queue_call(class, (Timestamp::from_micros(now + rng.below(60_000)), CallId(calls)));
        calls += 1;
    };
    for _ in 0..size.waiting {
        come(&mut matcher, &mut rng, &mut class_of);
    }
    let began = (Instant::now(), cpu_time(Instant::now()));
    for _ in 0..ROUNDS {
        let agent = AgentId(rng.below(u64::from(size.agents)) as u32);
        if let Some(key) = matcher.best_call(agent, |_| false) {
            matcher.unqueue_call(class_of[key.1.0 as usize], key);
            come(&mut matcher, &mut rng, &mut class_of);
        }
    }
    let frees = spent(began).as_nanos() as f64 / ROUNDS as f64;
    for id in 0..size.agents {
        matcher.list_agent((Timestamp::from_micros(rng.below(1_000_000)), AgentId(id)));
    }
    let began = (Instant::now(), cpu_time(Instant::now()));
    for round in 0..ROUNDS {
        let class = rng.pick(&classes);
        if let Some(key) = matcher.best_agent(class, |_| false) {
            matcher.unlist_agent(key);
            matcher.list_agent((Timestamp::from_micros(1_000_001 + round), key.1));
        }
    }
    (frees, spent(began).as_nanos() as f64 / ROUNDS as f64)
}

/// Nanoseconds for a whole call: it comes to wait, another is offered, rings, is answered, joined, talks, ends, and the
/// agent finishes the paperwork and is matched with the next; every event is drained.
fn acd(size: &Size) -> f64 {
    const ROUNDS: u64 = 100_000;
    let mut rng = Rng::new(2);
    let mut queue = QueueConfig::new("queue");
    queue.length_max = 100_000;
    queue.max_wait = Some(Duration::from_secs(3_600));
    let agents = abilities(size, &mut rng).into_iter().map(|abilities| AgentConfig {
        name: "agent".into(),
        skills: abilities.skills,
        queues: abilities.queues,
        team: "team".into(),
    });
    let agents: Vec<AgentConfig> = agents.collect();
    let served: Vec<QueueId> = agents.iter().flat_map(|agent| agent.queues.clone()).collect();
    let mut now = Timestamp::from_secs(1);
    let mut acd = Acd::new(Config::new(vec![queue; usize::from(QUEUES)], agents), now);
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
        let requires = if rng.chance(0.5) { vec![SkillId(0)] } else { Vec::new() };
        let (call, queue) = (CallId(calls), rng.pick(&served));
        acd.enqueue(
            now,
            Waiting { call, queue, requires, priority: 0, enqueued_at: now, max_wait: None },
        );
    };
    while offers.len() + (acd.calls_len() - offers.len())
        < size.waiting as usize + size.agents as usize
    {
        come(&mut acd, now, &mut rng);
        drain(&mut acd, &mut offers);
    }
    let began = (Instant::now(), cpu_time(Instant::now()));
    for _ in 0..ROUNDS {
        now = now + Duration::from_micros(10);
        come(&mut acd, now, &mut rng);
        let (offer, call, agent) = offers.pop_front().expect("more calls than agents");
        acd.ringing(now, offer);
        assert_ne!(acd.answered(now, offer), Answer::Stale);
        acd.connected(now, offer);
        acd.ended(now, call, Side::Caller);
        acd.end_wrap_up(now, agent);
        drain(&mut acd, &mut offers);
    }
    spent(began).as_nanos() as f64 / ROUNDS as f64
}
