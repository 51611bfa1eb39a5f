//! Operations of agents, callers and phones in any order: the ACD's promises hold after each.
#![no_main]
use dozvon_center::acd::{
    Acd, Actor, AgentConfig, Config, Engagement, Event, Failure, Leaving, QueueConfig, Side, Status, Waiting,
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
    Engage { agent: u8, call: u8, manner: u8 },
    Disengage { agent: u8 },
    LetGo { call: u8 },
    HandOver { call: u8, agent: u8 },
}

fuzz_target!(|operations: Vec<Operation>| {
    let agent = |n: u32| AgentConfig::new(n.to_string());
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
            Operation::Enqueue { call, queue } => {
                acd.enqueue(now, Waiting::new(what(call), QueueId(queue.into()), now));
            }
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
            Operation::Engage { agent, call, manner } => {
                let manner = match manner % 4 {
                    0 => Engagement::Rung,
                    1 => Engagement::Consult,
                    2 => Engagement::Conference,
                    _ => Engagement::Supervising,
                };
                let _ = acd.engage(now, who(agent), what(call), manner);
            }
            Operation::Disengage { agent } => acd.disengage(now, who(agent)),
            Operation::LetGo { call } => acd.let_go(now, what(call)),
            Operation::HandOver { call, agent } => {
                let _ = acd.hand_over(now, what(call), who(agent));
            }
        }
        while let Some(event) = acd.poll_event() {
            if let Event::Offer { offer: new, .. } = event {
                offer = new;
            }
        }
        acd.check_invariants();
    }
});
