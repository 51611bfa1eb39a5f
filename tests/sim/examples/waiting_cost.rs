//! What callers who wait cost: ten thousand in one queue, each told his place and his wait, under rules about both.
//!
//! Prints the processor time in which they come, and that of each simulated minute in which they wait.
//!
//! cargo run --release -p dozvon-sim --example waiting_cost

use dozvon_center::Center;
use dozvon_center::acd::{Actor, AgentConfig, Config, QueueConfig, Status};
use dozvon_center::border::{Arrival, LegCommand, LegEvent, Output};
use dozvon_center::calendar::Calendars;
use dozvon_center::callback::CallbackPolicy;
use dozvon_center::desk::Asker;
use dozvon_center::fact::What;
use dozvon_center::flow;
use dozvon_center::ids::{AgentId, LegId};
use dozvon_center::opening::Opening;
use dozvon_center::policy::{Policy, TalkPolicy};
use dozvon_center::waiting::Announcements;
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CALLS: u64 = 10_000;
const AGENTS: u32 = 100;

const FLOW: &str = r#"
flow: bank
languages: [ru]
start: wait
operator: {keys: ["0"], to: wait}
nodes:
  wait:
    queue:
      name: general
      max_wait: 20h
      at:
        - {position_over: 100000, announce: busy}
        - {estimate_over: 20h, announce: busy}
      after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}
  bye: {hangup: {play: [goodbye]}}
tests: []
"#;

/// The processor time of this thread, so that a busy machine doesn't blur the figures; without Linux, plain time.
fn cpu_time(began: Instant) -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = schedstat.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| began.elapsed(), Duration::from_nanos)
}

fn policy() -> Policy {
    let flow = flow::load("bank.yaml", FLOW).unwrap_or_else(|found| panic!("{found:#?}"));
    let queue = QueueConfig { length_max: 20_000, max_wait: None, ..QueueConfig::new("general") };
    let agents = (0..AGENTS).map(|at| AgentConfig::new(format!("agent {at}"))).collect();
    let announcements = Announcements {
        position: true,
        wait: true,
        first_after: Duration::from_secs(15),
        every: Duration::from_secs(30),
        comfort: Vec::new(),
    };
    Policy {
        acd: Config::new(vec![queue], agents),
        skills: Vec::new(),
        shared_numbers: BTreeSet::new(),
        flows: BTreeMap::from([(Arc::from("bank"), Arc::new(flow))]),
        calendars: Arc::new(Calendars::new()),
        opening: Opening::default(),
        callbacks: CallbackPolicy::default(),
        rollouts: BTreeMap::new(),
        bots: BTreeMap::new(),
        recognisers: BTreeMap::new(),
        announcements: BTreeMap::from([(Arc::from("general"), announcements)]),
        music: "moh".into(),
        talk: TalkPolicy::default(),
        classifiers: BTreeMap::new(),
    }
}

/// The center with its time, and what it has said of waits.
struct Floor {
    center: Center,
    now: Timestamp,
    announced: u64,
    forecast: u64,
}

impl Floor {
    /// Agents answer at once; nobody else does anything.
    fn drain(&mut self) {
        let mut rung: VecDeque<LegId> = VecDeque::new();
        loop {
            while let Some(output) = self.center.poll_output() {
                match output {
                    Output::Leg(leg, LegCommand::RingAgent { .. }) => rung.push_back(leg),
                    Output::Leg(_, LegCommand::Announce { .. }) => self.announced += 1,
                    Output::Fact(fact) if matches!(fact.what, What::WaitForecast { .. }) => {
                        self.forecast += 1;
                    }
                    Output::Leg(..)
                    | Output::Contact(_)
                    | Output::Fact(_)
                    | Output::Callback(_)
                    | Output::Lookup(_) => {}
                }
            }
            let Some(leg) = rung.pop_front() else { return };
            self.center.leg(self.now, leg, LegEvent::Answered);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.center.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.center.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn call(&mut self, number: u64) {
        let arrival = Arrival {
            flow: "bank".into(),
            dialled: "100".into(),
            caller: Some(format!("+7701{number:07}")),
            language: None,
        };
        let (_, leg) = self.center.arrive(self.now, arrival).expect("the flow is known");
        self.center.leg(self.now, leg, LegEvent::Answered);
        self.drain();
    }
}

fn main() {
    let now = Timestamp::from_secs(1_800_000_000);
    let center = Center::new(Arc::new(policy()), now);
    let mut floor = Floor { center, now, announced: 0, forecast: 0 };
    for agent in (0..AGENTS).map(AgentId) {
        floor.center.reachable(now, agent, true);
        let asker = Asker::new(Actor::Agent);
        floor.center.set_status(now, agent, Status::Ready, asker, None).expect("it may be ready");
        floor.drain();
    }
    let began = Instant::now();
    let told = |floor: &mut Floor, what: &str, act: &mut dyn FnMut(&mut Floor)| {
        (floor.announced, floor.forecast) = (0, 0);
        let before = cpu_time(began);
        act(floor);
        let spent = cpu_time(began).saturating_sub(before);
        let Floor { announced, forecast, .. } = floor;
        println!("{what}: {spent:>10.3?} ({forecast} forecasts, {announced} announcements)");
    };
    told(&mut floor, "10,000 calls come, 6 ms apart", &mut |floor| {
        for number in 0..CALLS + u64::from(AGENTS) {
            floor.call(number);
            floor.pass(Duration::from_millis(6));
        }
    });
    let waiting = floor.center.calls(floor.now).filter(|call| call.state == "waiting").count();
    println!("{waiting} wait, {} calls", floor.center.calls_active());
    for minute in 1..=2 {
        told(&mut floor, &format!("minute {minute}"), &mut |floor| {
            floor.pass(Duration::from_secs(60));
        });
    }
}
