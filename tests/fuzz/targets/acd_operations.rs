//! Operations of agents, callers and phones in any order: the ACD's promises hold after each.
#![no_main]
use dozvon_center::acd::{
    Acd, Actor, AgentConfig, Config, Event, Failure, Leaving, QueueConfig, Side, Status, Waiting,
};
use dozvon_center::ids::{AgentId, CallId, OfferId, QueueId};
use dozvon_clock::Timestamp;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

#[derive(Arbitrary, Debug)]
enum Operation {
    Pass { millis: u16 },
    Enqueue { call: u8, queue: bool },
    Withdraw { call: u8 },
    Ringing,
    Answered,
    Connected,
    Failed { declined: bool },
    Ended { call: u8 },
    LogIn { agent: u8 },
    LogOut { agent: u8 },
    Status { agent: u8, status: u8 },
    Reachable { agent: u8, yes: bool },
    EndWrapUp { agent: u8 },
    Own { agent: u8, busy: bool },
}

fuzz_target!(|operations: Vec<Operation>| {
    let agent = |n: u32| AgentConfig {
        name: n.to_string().into(),
        skills: Default::default(),
        queues: Default::default(),
        team: "day".into(),
    };
    let queues = vec![QueueConfig::new("a"), QueueConfig::new("b")];
    let mut now = Timestamp::from_secs(1_800_000_000);
    let mut acd = Acd::new(Config::new(queues, (0..4).map(agent).collect()), now);
    let mut offer = OfferId(0);
    for operation in operations.into_iter().take(300) {
        let who = |n: u8| AgentId(u32::from(n % 4));
        let what = |n: u8| CallId(u64::from(n % 8));
        match operation {
            Operation::Pass { millis } => {
                now = now + Duration::from_millis(u64::from(millis));
                acd.handle_timeout(now);
            }
            Operation::Enqueue { call, queue } => acd.enqueue(
                now,
                Waiting {
                    call: what(call),
                    queue: QueueId(queue.into()),
                    requires: Vec::new(),
                    priority: 0,
                    enqueued_at: now,
                    max_wait: None,
                },
            ),
            Operation::Withdraw { call } => acd.withdraw(now, what(call), Leaving::HungUp),
            Operation::Ringing => acd.ringing(now, offer),
            Operation::Answered => drop(acd.answered(now, offer)),
            Operation::Connected => acd.connected(now, offer),
            Operation::Failed { declined: true } => acd.failed(now, offer, Failure::Declined),
            Operation::Failed { declined: false } => acd.failed(now, offer, Failure::Error),
            Operation::Ended { call } => acd.ended(now, what(call), Side::Caller),
            Operation::LogIn { agent } => acd.log_in(now, who(agent)),
            Operation::LogOut { agent } => acd.log_out(now, who(agent), Actor::Agent),
            Operation::Status { agent, status } => {
                let status = Status::ALL[usize::from(status) % Status::ALL.len()];
                let _ = acd.set_status(now, who(agent), status, Actor::Agent, None);
            }
            Operation::Reachable { agent, yes } => acd.reachable(now, who(agent), yes),
            Operation::EndWrapUp { agent } => acd.end_wrap_up(now, who(agent)),
            Operation::Own { agent, busy } => acd.outbound(now, who(agent), busy),
        }
        while let Some(event) = acd.poll_event() {
            if let Event::Offer { offer: new, .. } = event {
                offer = new;
            }
        }
        acd.check_invariants();
    }
});
