//! An agent's phone breaks in a talk and he takes the talk up again, or does not come in time: in every order with what
//! else happens to a talk, and in every manner of talk.

use super::{Race, under};
use crate::house::{ANNA, BORIS, House, VERA};
use dozvon_center::acd::{Activity, Side, Status};
use dozvon_center::border::{LegCommand, LegEvent, Loss};
use dozvon_center::fact::What;
use dozvon_center::ids::{CallId, LegId};
use dozvon_center::supervise::WatchMode;
use dozvon_center::talk::{Destination, TalkCommand};
use dozvon_clock::Timestamp;
use std::time::Duration;

/// What can happen to the talk of an agent whose phone breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing is heard of Anna's phone any more.
    Breaks,
    /// Another phone of hers has taken her leg up.
    Back,
    CustomerGoes,
    /// Anna hangs up.
    AgentGoes,
    /// Her screen puts the customer on hold, and takes him back.
    Hold,
    Resume,
    /// The third party leaves.
    BorisGoes,
    /// Her screen passes the call on.
    Park,
    /// Her supervisor takes the call.
    TakenOver,
}

use Step::{AgentGoes, Back, BorisGoes, Breaks, CustomerGoes, Hold, Park, Resume, TakenOver};

const GRACE: Duration = Duration::from_secs(10);

/// Anna talks with a customer.
struct Talk {
    house: House,
    call: CallId,
    customer: LegId,
    anna: LegId,
    boris: Option<LegId>,
    vera: Option<LegId>,
    /// Since when nothing is heard of Anna's phone.
    broken: Option<Timestamp>,
    gone: bool,
}

impl Talk {
    fn plain() -> Talk {
        let mut house = under(|_| {});
        for agent in [ANNA, BORIS, VERA] {
            house.center.reachable(house.now, agent, true);
        }
        house.status(VERA, Status::Lunch);
        house.status(ANNA, Status::Ready);
        let (call, customer, anna) = house.in_talk("+77010000001");
        house.status(BORIS, Status::Ready);
        house.pass(10.0);
        let (boris, vera, broken) = (None, None, None);
        Talk { house, call, customer, anna, boris, vera, broken, gone: false }
    }

    /// Anna asks Boris while the customer is on hold.
    fn consulting() -> Talk {
        let mut talk = Talk::plain();
        let consult = TalkCommand::Consult(Destination::Agent(BORIS));
        talk.house.talk(talk.call, consult).expect("Boris is free");
        talk.boris = Some(talk.house.answer());
        talk
    }

    fn conference() -> Talk {
        let mut talk = Talk::consulting();
        talk.house.talk(talk.call, TalkCommand::Join).expect("Boris has answered");
        talk
    }

    /// Vera listens.
    fn supervised() -> Talk {
        let mut talk = Talk::plain();
        let now = talk.house.now;
        talk.house.status(VERA, Status::Ready);
        talk.house.center.watch(now, VERA, ANNA, WatchMode::Listen).expect("Vera may");
        talk.house.drain();
        talk.vera = Some(talk.house.answer());
        talk
    }

    /// The agent's leg is one of the call's.
    fn has_anna(&self) -> bool {
        !self.house.released(self.anna) && self.house.center.phone_of(self.anna) == Some(ANNA)
    }

    fn count(&self, of: impl Fn(&What) -> bool) -> usize {
        self.house.count(of)
    }

    fn laws(&self, step: Step) {
        assert_eq!(self.house.state(self.call) == "gone", self.gone, "{step:?}: never dropped");
        if self.gone || !self.has_anna() {
            return;
        }
        let (voices, music) =
            (self.house.ears.voices(self.customer), self.house.ears.music(self.customer));
        let (anna, boris) = (self.anna, self.boris.filter(|leg| !self.house.released(*leg)));
        let state = self.house.state(self.call);
        match (state, self.broken) {
            ("talking", None) => assert_eq!(voices, [anna], "{step:?}"),
            ("conference", None) => assert_eq!(voices.len(), 2, "{step:?}"),
            ("conference", Some(_)) => {
                assert_eq!(voices, Vec::from_iter(boris), "{step:?}: the two go on together");
            }
            ("hold" | "consult", _) => {
                assert!(voices.is_empty() && music == Some("moh"), "{step:?}: {voices:?}");
            }
            (state, broken) => panic!("{step:?}: {state}, {broken:?}"),
        }
        if let Some(vera) = self.vera.filter(|_| state == "talking") {
            let mut hears = self.house.ears.voices(vera);
            hears.sort_unstable();
            let mut both = vec![anna, self.customer];
            both.sort_unstable();
            assert_eq!(hears, both, "{step:?}: the supervisor hears them");
        }
    }
}

impl Race for Talk {
    type Move = Step;

    // At once, past the grace from the first moment, and at its edges.
    const PAUSES: &[u64] = &[0, 1, 9_998, 9_999, 10_000];

    fn wait(&mut self, millis: u64) {
        self.house.pass(millis as f64 / 1_000.0);
        if self.broken.is_some_and(|since| since + GRACE <= self.house.now) {
            assert!(!self.has_anna(), "nobody waits for longer");
            self.broken = None;
        }
    }

    fn play(&mut self, step: Step) {
        let (call, now) = (self.call, self.house.now);
        match step {
            CustomerGoes => {
                self.gone = true;
                self.house.event_if_fit(self.customer, LegEvent::HungUp);
            }
            // What comes too late is refused.
            Hold => drop(self.house.talk(call, TalkCommand::Hold)),
            Resume => drop(self.house.talk(call, TalkCommand::Resume)),
            Park => drop(self.house.talk(call, TalkCommand::Park)),
            TakenOver => {
                let _ = self.house.center.take_over(now, VERA);
                self.house.drain();
            }
            BorisGoes => {
                let there = |leg: &LegId| self.house.center.phone_of(*leg) == Some(BORIS);
                if let Some(boris) = self.boris.filter(there) {
                    self.house.event(boris, LegEvent::HungUp);
                }
            }
            Breaks | Back | AgentGoes if !self.has_anna() => {}
            Breaks => {
                self.broken.get_or_insert(now);
                self.house.event(self.anna, LegEvent::Broken(Loss::NoAudio));
            }
            Back => {
                self.broken = None;
                self.house.event(self.anna, LegEvent::Regained);
            }
            AgentGoes => {
                self.broken = None;
                self.house.event(self.anna, LegEvent::HungUp);
            }
        }
        if !self.has_anna() {
            self.broken = None;
        }
        self.laws(step);
    }

    fn over(mut self) {
        self.house.event_if_fit(self.customer, LegEvent::HungUp);
        if let Some(vera) = self.vera {
            self.house.event(vera, LegEvent::HungUp);
        }
        self.house.pass(200.0);
        assert_eq!(self.house.center.calls_active(), 0);
        for agent in [ANNA, BORIS, VERA] {
            assert_eq!(self.house.activity(agent), Activity::Idle, "{agent} is stuck");
        }
        let started = self.count(|what| matches!(what, What::TalkStarted { .. }));
        let ended = self.count(|what| matches!(what, What::TalkEnded { .. }));
        assert_eq!(started, ended, "each talk ends once");
        let started = self.count(|what| matches!(what, What::SegmentStarted { .. }));
        let ended = self.count(|what| matches!(what, What::SegmentEnded { .. }));
        assert_eq!(started, ended, "each wait ends once");
        let lost = self.count(|what| matches!(what, What::AgentLost { .. }));
        assert!(lost <= 1 && (lost == 0 || started == 2), "who is lost gives a place back");
        assert_eq!(self.house.contacts.len(), 1, "one contact, whatever became of it");
    }
}

fn every_order(talk: fn() -> Talk, steps: &[Step]) {
    super::every_order(talk, steps, |talk: &Talk, order: &[Step]| {
        let breaks = talk.count(|what| matches!(what, What::PhoneBroke { .. }));
        let lost = talk.count(|what| matches!(what, What::AgentLost { .. }));
        assert!(lost <= breaks, "{order:?}: nobody is lost whose phone has not broken");
    });
}

/// The agent's phone breaks and another one of hers takes the talk up, while anything else happens to the talk: before
/// the break is noticed, in the ten seconds after, and when they are over.
#[test]
fn an_agent_whose_phone_broke_takes_the_talk_up_again_or_gives_the_place_back() {
    for third in [CustomerGoes, AgentGoes, Hold, Park, Back, Breaks] {
        every_order(Talk::plain, &[Breaks, Back, third]);
    }
    every_order(Talk::plain, &[Breaks, Hold, Resume]);
    for talk in [Talk::consulting, Talk::conference] {
        for third in [CustomerGoes, AgentGoes, BorisGoes] {
            every_order(talk, &[Breaks, Back, third]);
        }
    }
    for third in [CustomerGoes, Hold, TakenOver] {
        every_order(Talk::supervised, &[Breaks, Back, third]);
    }
}

/// Within the grace nothing is lost: one talk, one wait, the customer hears why and then the agent. What he waited for
/// her is hold and no wait.
#[test]
fn a_talk_that_is_taken_up_in_time_is_the_same_talk() {
    let mut talk = Talk::plain();
    talk.play(Breaks);
    let customer = talk.customer;
    let phrase = |(leg, command): &(LegId, LegCommand)| {
        *leg == customer
            && matches!(command, LegCommand::Announce { prompts, .. } if &*prompts[0].name == "trouble")
    };
    assert!(talk.house.commands.iter().any(phrase), "he is told what has happened");
    talk.wait(9_999);
    assert_eq!(talk.house.activity(ANNA), Activity::Hold, "she is not lost yet");
    talk.play(Back);
    talk.wait(5_000);
    assert_eq!(talk.house.ears.voices(customer), [talk.anna]);
    let back =
        |what: &What| matches!(what, What::PhoneBack { away_secs, .. } if *away_secs == 9.999);
    assert_eq!(talk.count(back), 1);
    talk.play(CustomerGoes);
    let ended = |what: &What| {
        matches!(what, What::TalkEnded { talk_secs, hold_secs, by: Side::Caller, .. }
            if *talk_secs == 15.0 && *hold_secs == 9.999)
    };
    assert_eq!(talk.count(ended), 1, "one talk with a hold in it");
    assert_eq!(talk.count(|what| matches!(what, What::SegmentStarted { .. })), 1);
    assert_eq!(talk.count(|what| matches!(what, What::AgentLost { .. })), 0);
    talk.over();
}

/// After the grace the customer is back in the queue and waits for the same agent alone; he is told once.
#[test]
fn an_agent_who_does_not_come_back_in_time_is_lost() {
    let mut talk = Talk::plain();
    talk.play(Breaks);
    talk.wait(10_000);
    assert!(talk.house.released(talk.anna), "the old phone is told that it is over");
    assert!(matches!(talk.house.state(talk.call), "waiting" | "offered"));
    let lost = |what: &What| matches!(what, What::AgentLost { .. });
    assert_eq!(talk.count(lost), 1);
    let told = |(_, command): &(LegId, LegCommand)| matches!(command, LegCommand::Announce { .. });
    assert_eq!(talk.house.commands.iter().filter(|command| told(command)).count(), 1);
    assert_eq!(talk.house.activity(BORIS), Activity::Idle, "for twenty seconds he is Anna's");
    assert_eq!(talk.house.center.phone_of(talk.anna), None, "there is nothing to take up");
    talk.over();
}

/// A house that does not wait, and legs of other parties, are lost at once.
#[test]
fn a_break_is_waited_out_in_talks_of_agents_only() {
    let mut house = under(|rules| rules.talk.media_grace = Duration::ZERO);
    house.ready(&[ANNA]);
    let (call, _, anna) = house.in_talk("+77010000001");
    house.pass(10.0);
    house.event(anna, LegEvent::Broken(Loss::Signalling));
    assert!(house.released(anna));
    assert!(matches!(house.state(call), "waiting" | "offered"));

    let mut talk = Talk::consulting();
    let boris = talk.boris.expect("asked");
    talk.house.event(boris, LegEvent::Broken(Loss::NoAudio));
    assert!(talk.house.released(boris), "who is asked is asked again");
    assert_eq!(talk.house.ears.voices(talk.customer), [talk.anna]);
    talk.over();
}
