//! What a replay knows of a record beside its figures: old places, offers in vain, and whose work a talk was.

use crate::house::policy;
use dozvon_center::acd::{Activity, AgentConfig, OfferResult, Presence};
use dozvon_center::contact::Outcome;
use dozvon_center::ids::CallId;
use dozvon_center::policy::Policy;
use dozvon_center::replay::{Heard, Recording, replay};
use dozvon_center::rollout::Share;
use dozvon_clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const BEGIN: Timestamp = Timestamp::from_secs(1_800_000_000);
/// How long each phone rings before it is answered.
const RINGS: Duration = Duration::from_secs(2);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A record of an hour in which these agents are ready all the time.
struct Tape {
    recording: Recording,
    policy: Policy,
}

impl Tape {
    fn of(agents: &[&str]) -> Tape {
        let mut policy = policy(Share::None);
        policy.acd.agents = agents.iter().map(|name| AgentConfig::new(*name)).collect();
        let mut tape = Tape { recording: Recording::new(BEGIN, BEGIN + secs(3600)), policy };
        for agent in agents {
            let (from, to) = (Presence::LoggedOut, Presence::READY);
            let (from, to) = ((from, Activity::Idle), (to, Activity::Idle));
            tape.hear(0, Heard::Stands { agent: Arc::from(*agent), from, to });
        }
        tape
    }

    fn hear(&mut self, at: u64, heard: Heard) {
        self.recording.hear(BEGIN + secs(at), heard);
    }

    fn rang(&mut self, at: u64, call: u64, result: OfferResult, lasted: Duration) {
        let call = CallId(call);
        self.hear(at, Heard::Rang { call, agent: "anna".into(), result, lasted });
    }

    fn came(&mut self, at: u64, call: u64) {
        let queue = "general".into();
        self.hear(at, Heard::Queued { call: CallId(call), queue, called_back: false });
    }

    /// Anna takes the call and talks for so long.
    fn taken(&mut self, at: u64, call: u64, talk: u64) {
        self.rang(at, call, OfferResult::Answered, RINGS);
        self.hear(at, Heard::Left { call: CallId(call), outcome: Outcome::Answered });
        self.talked(at + talk, call, "anna", talk);
    }

    fn talked(&mut self, at: u64, call: u64, agent: &str, lasted: u64) {
        let (call, lasted) = (CallId(call), secs(lasted));
        self.hear(at, Heard::Talked { call, agent: agent.into(), lasted });
    }

    /// All waits of the replay in seconds, once everybody was answered.
    fn waits(&self, calls: u64) -> u64 {
        let figures = replay(&self.recording, &self.policy);
        assert_eq!(figures["general"].answered, calls, "everybody is answered");
        figures["general"].waited.as_secs()
    }
}

#[test]
fn who_brought_an_old_place_along_stands_there_again() {
    for (lead, waits) in [(0, 2 + 95 + 97), (60, 2 + 147 + 85)] {
        let mut tape = Tape::of(&["anna"]);
        for (call, came, lead, talk) in [(9, 1, 0, 100), (1, 10, 0, 10), (2, 20, lead, 50)] {
            tape.came(came, call);
            let due = BEGIN + secs(came + 100 - lead);
            tape.hear(came, Heard::Placed { call: CallId(call), due });
            tape.taken(came + 2, call, talk);
        }
        assert_eq!(tape.waits(3), waits, "{lead} s before those who came with him");
    }
}

#[test]
fn who_was_declined_is_declined_again() {
    let mut tape = Tape::of(&["anna"]);
    tape.came(10, 1);
    tape.rang(15, 1, OfferResult::Declined, secs(5));
    tape.taken(30, 1, 60);
    let rests = tape.policy.acd.reject_cooldown.as_secs();
    assert_eq!(tape.waits(1), 5 + rests + 2);
}

#[test]
fn a_phone_that_rang_out_rings_out_again() {
    let mut tape = Tape::of(&["anna", "boris"]);
    tape.came(10, 1);
    tape.rang(30, 1, OfferResult::NoAnswer, secs(20));
    tape.taken(32, 1, 60);
    assert!(tape.waits(1) >= 20, "it rang for the whole time of the queue, and then elsewhere");
}

#[test]
fn a_colleagues_part_of_a_talk_is_his_work_and_not_that_of_who_took_the_call() {
    let mut tape = Tape::of(&["anna", "boris"]);
    tape.came(1, 1);
    tape.taken(3, 1, 10);
    tape.talked(113, 1, "boris", 100);
    tape.came(20, 2);
    tape.taken(22, 2, 80);
    tape.came(30, 3);
    tape.taken(104, 3, 5);
    assert_eq!(tape.waits(3), 2 + 2 + 74, "the third waits for Anna, who is done with the second");
}
