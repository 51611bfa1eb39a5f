//! Races around talks and waits: transfers, the end of a shift, announcements, wrap-up, broken lines, bots.

use super::{Race, permute, under};
use crate::house::{ANNA, BORIS, House, VERA};
use dozvon_center::acd::{Activity, Actor, Presence, Status};
use dozvon_center::border::{LegCommand, LegEvent, Loss, Referral, ReferralNews, Refusal};
use dozvon_center::contact::{Fault, Outcome};
use dozvon_center::desk::Asker;
use dozvon_center::fact::{AskEnd, What};
use dozvon_center::ids::{CallId, LegId, QueueId};
use dozvon_center::rollout::Share;
use dozvon_center::talk::{Destination, TalkCommand, TalkError};

const CARDS: QueueId = QueueId(1);

/// What can happen to a talk that is being passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    CustomerGoes,
    AgentGoes,
    /// Anna's phone breaks.
    AgentBreaks,
    /// Anna sends the call to a queue.
    ToQueue,
    /// Anna has the one she asks take the call.
    Complete,
    BorisAnswers,
    BorisDeclines,
    BorisGoes,
}

use Step::{
    AgentBreaks, AgentGoes, BorisAnswers, BorisDeclines, BorisGoes, Complete, CustomerGoes, ToQueue,
};

/// Anna talks with a customer; Boris is ready.
struct Floor {
    house: House,
    call: CallId,
    customer: LegId,
    anna: LegId,
    /// Boris's leg, once he is asked.
    boris: Option<LegId>,
    gone: bool,
}

impl Floor {
    fn talking() -> Floor {
        let mut house = under(|_| {});
        for agent in [ANNA, BORIS, VERA] {
            house.center.reachable(house.now, agent, true);
        }
        house.status(VERA, Status::Lunch);
        house.status(ANNA, Status::Ready);
        let (call, customer, anna) = house.in_talk("+77010000001");
        house.status(BORIS, Status::Ready);
        house.pass(10.0);
        Floor { house, call, customer, anna, boris: None, gone: false }
    }

    /// The same, and Anna asks Boris, whose phone rings.
    fn asking() -> Floor {
        let mut floor = Floor::talking();
        let consult = TalkCommand::Consult(Destination::Agent(BORIS));
        floor.house.talk(floor.call, consult).expect("Boris is free");
        floor.boris = Some(floor.house.rung());
        floor
    }

    /// The same, and Anna's phone has asked for a transfer to Boris.
    fn referring() -> Floor {
        let mut floor = Floor::talking();
        let to = Referral::To(Destination::Agent(BORIS));
        floor.house.event(floor.anna, LegEvent::Referred(to));
        floor.boris = Some(floor.house.rung());
        floor
    }

    fn anna_ends(&mut self, event: LegEvent) {
        if !self.house.released(self.anna) {
            self.house.event(self.anna, event);
        }
    }

    fn boris_does(&mut self, event: LegEvent) {
        if let Some(boris) = self.boris.filter(|leg| !self.house.released(*leg)) {
            if matches!(event, LegEvent::Refused(_)) {
                // Only a phone that rings can refuse.
                self.house.event(boris, event);
                self.boris = None;
            } else {
                self.house.event_if_fit(boris, event);
            }
        }
    }

    fn laws(&self, step: Step) {
        let state = self.house.state(self.call);
        assert_eq!(state == "gone", self.gone, "the customer is never dropped: {step:?}");
        if self.gone {
            return;
        }
        let voices = self.house.ears.voices(self.customer);
        let heard = voices.iter().all(|leg| !self.house.released(*leg)) && !voices.is_empty();
        let music = self.house.ears.music(self.customer).is_some();
        assert!(heard || music, "he talks or hears music: {step:?}, {state}");
    }
}

impl Race for Floor {
    type Move = Step;

    const PAUSES: &[u64] = &[0, 1, 5_000];

    fn wait(&mut self, millis: u64) {
        self.house.pass(millis as f64 / 1_000.0);
    }

    fn play(&mut self, step: Step) {
        if step == BorisDeclines && !self.boris_rings() {
            return;
        }
        match step {
            CustomerGoes => {
                self.gone = true;
                self.house.event_if_fit(self.customer, LegEvent::HungUp);
            }
            // These may come too late, and are refused then.
            ToQueue => {
                let _ =
                    self.house.talk(self.call, TalkCommand::Transfer(Destination::Queue(CARDS)));
            }
            Complete => {
                let _ = self.house.talk(self.call, TalkCommand::Complete);
            }
            AgentGoes => self.anna_ends(LegEvent::HungUp),
            AgentBreaks => self.anna_ends(LegEvent::Lost(Loss::NoAudio)),
            BorisAnswers => self.boris_does(LegEvent::Answered),
            BorisDeclines => self.boris_does(LegEvent::Refused(Refusal::Declined)),
            BorisGoes => self.boris_does(LegEvent::HungUp),
        }
        self.laws(step);
    }

    fn over(mut self) {
        self.house.event(self.customer, LegEvent::HungUp);
        self.house.pass(200.0);
        assert_eq!(self.house.center.calls_active(), 0);
        for agent in [ANNA, BORIS] {
            assert_eq!(self.house.activity(agent), Activity::Idle, "{agent} is stuck");
        }
        let started = self.house.count(|what| matches!(what, What::SegmentStarted { .. }));
        let ended = self.house.count(|what| matches!(what, What::SegmentEnded { .. }));
        assert_eq!(started, ended, "each wait ends once");
        assert_eq!(self.house.contacts.len(), 1, "one contact, whatever became of it");
    }
}

/// All orders of the steps with every pause between any two, begun at once and after every pause.
fn every_order(floor: fn() -> Floor, steps: &[Step], look: impl Fn(&Floor, &[Step])) {
    for first in Floor::PAUSES {
        let begun = || {
            let mut floor = floor();
            floor.wait(*first);
            floor
        };
        super::every_order(begun, steps, &look);
    }
}

impl Floor {
    fn boris_rings(&self) -> bool {
        self.house.activity(BORIS) == Activity::Ringing
    }
}

/// A blind transfer to a queue frees the agent at once, whoever leaves in the same moment; a queue that is full refuses
/// it and the talk goes on.
#[test]
fn a_transfer_to_a_queue_survives_whoever_leaves_in_that_moment() {
    for third in [CustomerGoes, AgentBreaks] {
        every_order(Floor::talking, &[ToQueue, AgentGoes, third], |floor, order| {
            assert_ne!(floor.house.activity(ANNA), Activity::Talking, "{order:?}");
        });
    }
    let mut house = under(|rules| rules.acd.queues[usize::from(CARDS.0)].length_max = 1);
    house.center.reachable(house.now, ANNA, true);
    house.status(ANNA, Status::Ready);
    let (call, customer, anna) = house.in_talk("+77010000001");
    let (other, leg) = house.call("+77010000002");
    house.played(leg);
    house.key(leg, '2');
    assert_eq!((house.state(other), house.place(other)), ("waiting", "cards".into()));
    let full = house.talk(call, TalkCommand::Transfer(Destination::Queue(CARDS)));
    assert_eq!(full, Err(TalkError::QueueFull("cards".into())));
    assert_eq!(house.ears.voices(customer), [anna], "nothing has changed");
}

/// A customer who hangs up while his agent asks a colleague ends the asking; the agent wraps up, the contact is one
/// and answered.
#[test]
fn a_customer_who_leaves_during_a_consultation_frees_both() {
    for third in [Complete, AgentGoes, BorisGoes] {
        every_order(Floor::asking, &[CustomerGoes, BorisAnswers, third], |floor, order| {
            for agent in [ANNA, BORIS] {
                let activity = floor.house.activity(agent);
                let free = matches!(activity, Activity::Idle | Activity::WrapUp);
                assert!(free, "{order:?}: {agent} is {activity}");
            }
            let contact = &floor.house.contacts[&floor.call];
            assert_eq!(contact.stages[1].outcome, Some(Outcome::Answered));
        });
    }
    let mut floor = Floor::asking();
    let boris = floor.boris.expect("asked");
    floor.play(CustomerGoes);
    assert!(floor.house.released(boris), "the colleague's phone is silent");
    let end = |what: &What| matches!(what, What::AskEnded { end: AskEnd::CallerGone, .. });
    assert_eq!(floor.house.count(end), 1);
    assert_eq!(floor.house.activity(ANNA), Activity::WrapUp);
}

/// A transfer completed while the colleague's phone rings is a blind one: he gets the call when he answers, and when he
/// does not in thirty seconds the agent has it again, or the queue if the agent has left.
#[test]
fn a_transfer_completed_while_it_rings_comes_back_when_nobody_answers() {
    for third in [AgentGoes, BorisDeclines, AgentBreaks] {
        every_order(Floor::asking, &[Complete, BorisAnswers, third], |_, _| {});
    }
    for leaves in [false, true] {
        let mut floor = Floor::asking();
        floor.play(Complete);
        if leaves {
            floor.play(AgentGoes);
            // Boris is on his way to lunch, so that only Anna could have the call again.
            floor.house.status(BORIS, Status::Lunch);
        }
        floor.house.pass(30.1);
        assert!(floor.house.released(floor.boris.expect("asked")));
        if leaves {
            assert!(matches!(floor.house.state(floor.call), "waiting" | "offered"));
        } else {
            assert_eq!(floor.house.ears.voices(floor.customer), [floor.anna]);
        }
        floor.laws(Complete);
        floor.over();
    }
}

/// A transfer that a phone asked for and that fails restores the old bridge, and the phone hears that it failed.
#[test]
fn a_phones_transfer_that_fails_restores_the_old_bridge() {
    for third in [CustomerGoes, AgentGoes] {
        every_order(Floor::referring, &[BorisDeclines, third], |_, _| {});
    }
    let mut floor = Floor::referring();
    floor.play(BorisDeclines);
    assert_eq!(floor.house.ears.voices(floor.customer), [floor.anna]);
    assert_eq!(floor.house.activity(ANNA), Activity::Talking);
    let failed = (floor.anna, LegCommand::Referral(ReferralNews::Failed));
    assert!(floor.house.commands.contains(&failed));
}

/// When the last agent goes home, who waits is handed on after a grace, not abandoned; an agent who comes within it has
/// him.
#[test]
fn when_the_last_agent_goes_home_the_waiting_are_not_abandoned() {
    for comes_back in [false, true] {
        let mut house = under(|_| {});
        house.center.reachable(house.now, ANNA, true);
        house.status(ANNA, Status::Ready);
        let (call, leg) = house.call("+77010000001");
        house.key(leg, '0');
        house.center.log_out(house.now, ANNA, Asker::new(Actor::Agent)).expect("he may");
        house.drain();
        assert_eq!(house.state(call), "waiting", "the offer is withdrawn");
        house.pass(29.9);
        if comes_back {
            house.status(ANNA, Status::Ready);
            assert_eq!(house.state(call), "offered");
        } else {
            house.pass(0.2);
            assert_eq!(house.state(call), "ivr", "the flow says what comes next");
            let outcome = house.contacts[&call].stages[1].outcome;
            assert_eq!(outcome, Some(Outcome::NoAgents));
        }
    }
}

/// A longest wait that ends while a phone rings lets the offer finish, for as long as it may ring.
#[test]
fn the_longest_wait_lets_a_ringing_phone_finish() {
    for answers in [true, false] {
        let mut house = House::new(Share::None);
        for agent in [ANNA, BORIS] {
            house.center.reachable(house.now, agent, true);
            house.status(agent, Status::Lunch);
        }
        let (call, leg) = house.call("+77010000001");
        house.key(leg, '0');
        house.pass(50.0);
        house.status(ANNA, Status::Ready);
        let rung = house.rung();
        house.event(rung, LegEvent::Ringing);
        house.pass(15.0);
        assert_eq!(house.state(call), "offered", "the wait is over, the ringing is not");
        if answers {
            house.event(rung, LegEvent::Answered);
            house.pass(10.0);
            assert_eq!(house.state(call), "talking");
        } else {
            house.pass(5.1);
            assert_eq!(house.state(call), "transfer", "not offered again");
            assert!(house.released(rung), "and no phone rings on");
            assert_eq!(house.contacts[&call].stages[1].outcome, Some(Outcome::Timeout));
        }
    }
}

/// An announcement that plays at the answer is cut by it: the two hear each other at once, and its end changes nothing.
#[test]
fn an_answer_cuts_an_announcement() {
    let mut house = under(|rules| rules.talk.lost_phrase = Some("sorry".into()));
    for agent in [ANNA, BORIS] {
        house.center.reachable(house.now, agent, true);
    }
    house.status(ANNA, Status::Ready);
    let (call, customer, anna) = house.in_talk("+77010000001");
    house.pass(5.0);
    house.status(BORIS, Status::Ready);
    house.event(anna, LegEvent::Lost(Loss::NoAudio));
    let play = house.commands.iter().rev().find_map(|(leg, command)| {
        let LegCommand::Announce { play, .. } = command else { return None };
        (*leg == customer).then_some(*play)
    });
    // His own agent has him again after the wrap-up: her phone is there.
    house.pass(15.1);
    let again = house.answer();
    assert_eq!(house.ears.voices(customer), [again]);
    house.event(customer, LegEvent::Played(play.expect("he is told what happened")));
    assert_eq!((house.state(call), house.ears.voices(customer)), ("talking", vec![again]));
}

/// Wrap-up's end, the agent's own word and a wish for a break in the same instant: the break is given in every order,
/// and a call that was offered in between goes on to the next.
#[test]
fn the_end_of_wrap_up_and_a_break_in_the_same_instant_give_the_break() {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum End {
        Timer,
        Said,
        Break,
    }
    permute(&mut [End::Timer, End::Said, End::Break], 0, &mut |order| {
        let mut house = under(|_| {});
        house.center.reachable(house.now, ANNA, true);
        house.status(ANNA, Status::Ready);
        let (_, customer, _) = house.in_talk("+77010000001");
        let (other, leg) = house.call("+77010000002");
        house.key(leg, '0');
        house.event(customer, LegEvent::HungUp);
        house.now = house.center.poll_timeout().expect("wrap-up ends").max(house.now);
        while house.activity(ANNA) == Activity::WrapUp
            && house.center.agent(ANNA).expect("known").since + WRAP_UP > house.now
        {
            house.center.handle_timeout(house.now);
            house.drain();
            house.now = house.center.poll_timeout().expect("wrap-up ends");
        }
        for end in order {
            match end {
                End::Timer => house.center.handle_timeout(house.now),
                End::Said => {
                    let said = house.center.end_wrap_up(house.now, ANNA, Actor::Agent);
                    assert_eq!(said, Ok(()));
                }
                End::Break => house.status(ANNA, Status::Lunch),
            }
            house.drain();
        }
        let anna = house.center.agent(ANNA).expect("known");
        assert_eq!(anna.presence, Presence::Chosen(Status::Lunch), "{order:?}");
        assert_eq!((anna.activity, anna.misses), (Activity::Idle, 0), "{order:?}");
        assert_eq!(house.state(other), "waiting", "{order:?}");
    });
}

const WRAP_UP: std::time::Duration = std::time::Duration::from_secs(15);

/// A line whose end got lost is ended by its silence: the agent wraps up, the call is over as the carrier's fault.
#[test]
fn a_line_that_falls_silent_ends_and_the_agent_wraps_up() {
    let mut floor = Floor::talking();
    floor.house.event(floor.customer, LegEvent::Lost(Loss::NoAudio));
    assert_eq!(floor.house.activity(ANNA), Activity::WrapUp);
    assert!(floor.house.released(floor.anna));
    let ending = floor.house.contacts[&floor.call].ending.clone().expect("over");
    assert_eq!((ending.fault, &*ending.reason), (Fault::Carrier, "no_audio"));
    floor.house.event(floor.customer, LegEvent::HungUp);
    floor.over();
}

/// The operator key and the bot's own hand-over in the same moment are one wait and one request for a person.
#[test]
fn the_operator_key_and_the_bots_hand_over_at_once_are_one_wait() {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Way {
        Key,
        HandsOver,
        BotGoes,
    }
    permute(&mut [Way::Key, Way::HandsOver, Way::BotGoes], 0, &mut |order| {
        let mut house = House::new(Share::All);
        house.center.reachable(house.now, ANNA, true);
        house.status(ANNA, Status::Lunch);
        let (call, leg) = house.call("+77010000001");
        house.played(leg);
        house.key(leg, '2');
        let bot = house.newest(|command| matches!(command, LegCommand::CallBot { .. }));
        house.event(bot, LegEvent::Answered);
        house.pass(5.0);
        for way in order {
            match way {
                Way::Key => house.key(leg, '0'),
                Way::HandsOver => {
                    let to = Referral::To(Destination::Number("people".into()));
                    house.event(bot, LegEvent::Referred(to));
                }
                Way::BotGoes => house.event(bot, LegEvent::HungUp),
            }
        }
        let waits = house.count(|what| matches!(what, What::SegmentStarted { .. }));
        assert_eq!((waits, house.state(call)), (1, "waiting"), "{order:?}");
        let requests = house.count(|what| matches!(what, What::OperatorRequested { .. }));
        assert!(requests <= 1, "{order:?}");
    });
}

/// Nothing depends on what the clock on the wall says: the same call at another hour has the same course.
#[test]
fn the_hour_on_the_wall_changes_nothing() {
    let course = |start: u64| {
        let mut house = under(|_| {});
        let center = house.center.policy().clone();
        house = House::of(
            dozvon_center::Center::new(center, dozvon_clock::Timestamp::from_secs(start)),
            dozvon_clock::Timestamp::from_secs(start),
        );
        let began = house.now;
        house.center.reachable(house.now, ANNA, true);
        house.status(ANNA, Status::Ready);
        let (_, leg) = house.call("+77010000001");
        house.key(leg, '0');
        house.pass(3.0);
        house.answer();
        house.pass(30.0);
        house.event(leg, LegEvent::HungUp);
        house.pass(60.0);
        // The reasons of an offer name moments of the day; everything else is told by how long it took.
        let facts = house.facts.iter();
        let facts = facts.filter(|fact| !matches!(fact.what, What::OfferDecided { .. }));
        let told = facts.map(|fact| (fact.at.since(began), fact.what.clone()));
        told.collect::<Vec<_>>()
    };
    assert_eq!(course(1_800_000_000), course(1_800_086_399));
}
