//! Another policy at any moment of a call: the call ends as it would have, the next one goes by the new policy.

use crate::house::{ANNA, House, policy};
use dozvon_center::Center;
use dozvon_center::acd::Config;
use dozvon_center::border::{LegCommand, LegEvent};
use dozvon_center::calendar::Calendars;
use dozvon_center::contact::Contact;
use dozvon_center::fact::{Fact, What};
use dozvon_center::flow::{self, Duty};
use dozvon_center::ids::{CallId, LegId};
use dozvon_center::opening::Site;
use dozvon_center::policy::Policy;
use dozvon_center::rollout::Share;
use dozvon_center::talk::TalkCommand;
use std::sync::Arc;

/// A bank of one node, without a bot, a rollout or an announcement.
const OTHER: &str = r##"
flow: bank
languages: [ru]
start: only
operator: {keys: ["9"], to: only}
nodes:
  only: {queue: {name: cards, max_wait: 10m, after: {answered: bye, max_wait: bye, nobody: bye}}}
  bye: {hangup: {}}
tests: []
"##;

/// What the house may go over to from [`policy`].
fn other() -> Policy {
    let flow = flow::load("bank.yaml", OTHER).unwrap_or_else(|found| panic!("{found:#?}"));
    let mut policy = policy(Share::All);
    policy.flows = [(Arc::from("bank"), Arc::new(flow))].into();
    policy.rollouts.clear();
    policy.bots.clear();
    policy.announcements.clear();
    policy.calendars = Arc::new(Calendars::new());
    policy
}

/// One call through the menu, the bot, the queue, a talk with a hold, the survey and the wrap-up, move by move.
const MOVES: [fn(&mut House, LegId); 13] = [
    |house, _| house.pass(1.0),
    |house, leg| house.key(leg, '2'),
    |house, _| house.pass(1.0),
    |house, _| {
        let bot = house.newest(|command| matches!(command, LegCommand::CallBot { .. }));
        house.event(bot, LegEvent::Answered);
    },
    |house, _| house.pass(10.0),
    |house, leg| house.key(leg, '0'),
    |house, _| house.pass(5.0),
    |house, _| house.ready(&[ANNA]),
    |house, _| {
        house.answer();
    },
    |house, _| {
        let call = talking(house);
        house.talk(call, TalkCommand::Hold).expect("a talk");
        house.pass(125.0);
        house.talk(call, TalkCommand::Resume).expect("on hold");
    },
    |house, _| {
        house.pass(30.0);
        let agent = house.newest(|command| matches!(command, LegCommand::RingAgent { .. }));
        house.event(agent, LegEvent::HungUp);
    },
    |house, leg| {
        house.played(leg);
        house.key(leg, '5');
    },
    |house, leg| {
        house.event_if_fit(leg, LegEvent::HungUp);
        house.pass(60.0);
    },
];

fn talking(house: &House) -> CallId {
    let talk = |fact: &Fact| fact.call.filter(|_| matches!(fact.what, What::Connected { .. }));
    house.facts.iter().rev().find_map(talk).expect("somebody talks")
}

/// The call's record and facts, with the other policy brought in before the move of this number, if at all.
fn life(reload_before: Option<usize>, moves: usize) -> (Contact, Vec<Fact>) {
    let mut house = House::new(Share::All);
    let (call, leg) = house.call("+77010000001");
    for (number, one) in MOVES[..moves].iter().enumerate() {
        if reload_before == Some(number) {
            house.center.reload(house.now, Arc::new(other()), "v2", "ops");
            house.drain();
        }
        one(&mut house, leg);
    }
    let told = |fact: &Fact| !matches!(fact.what, What::PolicyChanged { .. });
    let facts = house.facts.iter().filter(|fact| told(fact)).cloned().collect();
    (house.contacts[&call].clone(), facts)
}

#[test]
fn a_call_ends_as_it_would_have_whenever_another_policy_comes() {
    let (contact, facts) = life(None, MOVES.len());
    let said = format!("{facts:?}");
    for word in ["BotConnected", "HoldLasts", "SurveyAnswered", "WrapUpEnded"] {
        assert!(said.contains(word), "the call has everything: {word}");
    }
    // Before the draw the rollout must still be there; a caller who comes to one that is gone goes to people.
    for number in 2..MOVES.len() {
        let (other, others) = life(Some(number), MOVES.len());
        assert_eq!(other, contact, "before move {number}");
        assert_eq!(others, facts, "before move {number}");
    }
    let (early, _) = life(Some(1), 2);
    assert_eq!(early.flow_version, contact.flow_version, "he goes on in his flow");
    assert!(early.arms.is_empty(), "nothing was drawn: {:?}", early.arms);
}

#[test]
fn the_next_call_goes_by_the_new_policy() {
    let mut house = House::with_ready(Share::All, &[ANNA]);
    house.center.reload(house.now, Arc::new(other()), "v2", "ops");
    house.drain();
    let told = |what: &What| {
        let What::PolicyChanged { version, by } = what else { return false };
        (&**version, &**by) == ("v2", "ops")
    };
    assert_eq!(house.count(told), 1);
    let (call, _) = house.call("+77010000001");
    assert_eq!(house.state(call), "offered", "straight to the queue");
    let version = &house.contacts[&call].flow_version;
    assert_eq!(**version, *house.center.policy().flows["bank"].version);
}

#[test]
fn an_emergency_of_a_site_that_is_gone_is_called_off_and_numbers_may_change_sites() {
    let site = |number: &str| Site {
        title: "Almaty".into(),
        numbers: [number.to_owned()].into(),
        duty: Duty::Queue("cards".into()),
    };
    let with = |sites: &[(&str, &str)]| {
        let mut policy = policy(Share::None);
        for (name, number) in sites {
            policy.opening.sites.insert(Arc::from(*name), site(number));
        }
        Arc::new(policy)
    };
    let mut house = House::new(Share::None);
    let now = house.now;
    house = House::of(Center::new(with(&[("almaty", "100"), ("astana", "200")]), now), now);
    for site in ["almaty", "astana"] {
        house.center.set_emergency(now, site, true, "boss", "fire").expect("a site");
    }
    house.center.reload(now, with(&[("astana", "100")]), "v2", "ops");
    house.drain();
    let off = |what: &What| {
        let What::EmergencyChanged { site, on: false, .. } = what else { return false };
        **site == *"almaty"
    };
    assert_eq!(house.count(off), 1);
    let sites = house.center.sites();
    assert_eq!(sites.len(), 1);
    assert!(sites[0].emergency.is_some(), "the other one's goes on");
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    assert_eq!(house.place(call), "cards", "100 is that one's now");
}

#[test]
fn queues_and_agents_stay_as_they_are() {
    let mut next = other();
    assert!(policy(Share::All).can_become(&next));
    next.acd = Config::new(next.acd.queues.clone(), next.acd.agents[1..].to_vec());
    assert!(!policy(Share::All).can_become(&next));
    let mut next = other();
    next.skills.push("new".into());
    assert!(!policy(Share::All).can_become(&next));
}
