//! Statuses as people and programs ask for them: reasons, desks, limits, conduct and incidents, told as facts.

use crate::house::{ANNA, BORIS, House, policy};
use dozvon_center::Center;
use dozvon_center::acd::{Activity, Actor, Cause, LimitKind, Presence, Status, StatusError};
use dozvon_center::border::LegEvent;
use dozvon_center::conduct::ConductKind;
use dozvon_center::desk::Asker;
use dozvon_center::fact::What;
use dozvon_center::ids::AgentId;
use dozvon_center::incident::Touch;
use dozvon_center::rollout::Share;
use std::sync::Arc;
use std::time::Duration;

impl House {
    fn ask(&mut self, agent: AgentId, status: Status, asker: Asker) -> Result<(), StatusError> {
        let done = self.center.set_status(self.now, agent, status, asker, None);
        self.drain();
        done
    }

    fn presence(&self, agent: AgentId) -> Presence {
        self.center.agent(agent).expect("an agent of the house").presence
    }

    /// Cause, name and reason of the changes of an agent that were told, newest first.
    fn changes(&self, of: AgentId) -> Vec<(Cause, String, String)> {
        let told = self.facts.iter().rev().filter_map(|fact| {
            let What::AgentChanged { agent, cause, asked_by, reason, .. } = &fact.what else {
                return None;
            };
            let word = |word: &Option<Arc<str>>| word.as_deref().unwrap_or("").to_owned();
            (*agent == of).then(|| (*cause, word(asked_by), word(reason)))
        });
        told.collect()
    }

    /// A call in a talk with the longest idle agent.
    fn talk_of(&mut self, number: &str) -> (dozvon_center::ids::LegId, dozvon_center::ids::LegId) {
        let (_, leg) = self.call(number);
        self.key(leg, '0');
        (leg, self.answer())
    }
}

fn agent_at(place: &str) -> Asker {
    Asker::new(Actor::Agent).at(place)
}

fn boss(reason: &str) -> Asker {
    Asker { name: Some("boss".into()), ..Asker::new(Actor::Supervisor).because(reason) }
}

#[test]
fn a_supervisor_says_why_and_the_fact_keeps_it() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let silent = Asker::new(Actor::Supervisor);
    assert_eq!(house.ask(ANNA, Status::Training, silent.clone()), Err(StatusError::ReasonMissing));
    assert_eq!(house.ask(ANNA, Status::Training, boss("  ")), Err(StatusError::ReasonMissing));
    assert_eq!(house.center.log_out(house.now, ANNA, silent), Err(StatusError::ReasonMissing));
    assert_eq!(house.presence(ANNA), Presence::READY, "nothing was changed");
    assert_eq!(house.ask(ANNA, Status::Training, boss("new product")), Ok(()));
    let told = (Cause::Supervisor, "boss".to_owned(), "new product".to_owned());
    assert_eq!(house.changes(ANNA)[0], told);
    let plan = Asker::new(Actor::Schedule).because("week 12");
    assert_eq!(house.ask(ANNA, Status::Lunch, plan.clone()), Ok(()));
    assert_eq!(house.changes(ANNA)[0], (Cause::Schedule, String::new(), "week 12".to_owned()));
    assert_eq!(house.ask(BORIS, Status::Lunch, plan), Err(StatusError::NotAllowed), "not here");
}

#[test]
fn the_reason_of_a_status_that_waits_is_told_when_it_is_given_and_not_with_others() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (leg, _) = house.talk_of("+77010000001");
    house.ask(ANNA, Status::OneToOne, boss("feedback")).unwrap();
    assert_eq!(house.changes(ANNA)[0].2, "feedback", "told when it is asked for");
    house.pass(5.0);
    house.event(leg, LegEvent::HungUp);
    assert_eq!(house.changes(ANNA)[0], (Cause::Call, String::new(), String::new()));
    house.pass(15.0);
    assert_eq!(house.presence(ANNA), Presence::Chosen(Status::OneToOne));
    assert_eq!(house.changes(ANNA)[0].2, "feedback");
    house.status(ANNA, Status::Ready);
    assert_eq!(house.changes(ANNA)[0].2, "");
}

#[test]
fn who_logs_in_at_another_desk_is_asked_and_then_the_last_one_wins() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    house.ask(ANNA, Status::Ready, agent_at("desk 1")).unwrap();
    let (_, _) = house.talk_of("+77010000001");
    let seen = house.center.agent(ANNA).unwrap().epoch;
    let elsewhere = house.ask(ANNA, Status::Lunch, agent_at("desk 2"));
    assert_eq!(elsewhere, Err(StatusError::LoggedInElsewhere));
    let taking = Asker { take_over: true, ..agent_at("desk 2") };
    assert_eq!(house.ask(ANNA, Status::Ready, taking), Ok(()));
    assert_eq!(house.center.place(ANNA).unwrap().as_ref(), "desk 2");
    let replaced =
        What::SessionReplaced { agent: ANNA, from: "desk 1".into(), to: "desk 2".into() };
    assert_eq!(house.count(|what| *what == replaced), 1);
    assert_eq!(house.changes(ANNA)[0].0, Cause::Conflict);
    assert_eq!(house.center.agent(ANNA).unwrap().activity, Activity::Talking, "the talk goes on");
    let old =
        house.center.set_status(house.now, ANNA, Status::Lunch, agent_at("desk 1"), Some(seen));
    assert_eq!(old, Err(StatusError::Stale), "the old desk's picture is old");
    assert_eq!(
        house.ask(ANNA, Status::Lunch, agent_at("desk 1")),
        Err(StatusError::LoggedInElsewhere)
    );
    house.status(ANNA, Status::Lunch);
    assert_eq!(house.center.agent(ANNA).unwrap().pending, Some(Presence::Chosen(Status::Lunch)));
}

#[test]
fn a_desk_has_one_agent_and_the_earlier_one_is_logged_out_only_on_request() {
    let mut house = House::with_ready(Share::None, &[ANNA, BORIS]);
    house.ask(ANNA, Status::Ready, agent_at("desk 1")).unwrap();
    house.talk_of("+77010000001");
    assert_eq!(house.ask(BORIS, Status::Ready, agent_at("desk 1")), Err(StatusError::PlaceTaken));
    let taking = Asker { take_over: true, ..agent_at("desk 1") };
    assert_eq!(house.ask(BORIS, Status::Ready, taking), Ok(()));
    let anna = house.center.agent(ANNA).unwrap();
    assert_eq!((anna.activity, anna.pending), (Activity::Talking, Some(Presence::LoggedOut)));
    assert_eq!(house.changes(ANNA)[0].0, Cause::Conflict);
    assert_eq!(house.center.place(ANNA), None);
    house.center.log_out(house.now, BORIS, agent_at("desk 1")).unwrap();
    house.drain();
    assert_eq!(house.center.place(BORIS), None, "who goes home leaves the desk");
}

#[test]
fn limits_and_alarms_are_facts() {
    let mut house = House::with_ready(Share::None, &[ANNA, BORIS]);
    let (_, anna) = house.talk_of("+77010000001");
    house.event(anna, LegEvent::Held(true));
    house.status(BORIS, Status::Huddle);
    house.pass(7_200.0);
    let told = |wanted: LimitKind| {
        house.count(|what| matches!(what, What::StatusLimit { kind, .. } if *kind == wanted))
    };
    assert_eq!((told(LimitKind::Warning), told(LimitKind::Reached)), (1, 1));
    let activity = Activity::Talking;
    let talked = What::ActivityAlarm { agent: ANNA, activity, lasted_secs: 7_200.0 };
    assert_eq!(
        house.count(|what| *what == talked),
        1,
        "the hold is told of by the talk's own rules"
    );
}

#[test]
fn a_talk_without_end_is_ended_only_where_the_policy_says_so() {
    for ends in [false, true] {
        let mut house = House::new(Share::None);
        let mut rules = policy(Share::None);
        (rules.acd.talk_max, rules.acd.talk_max_ends) = (Duration::from_secs(3_600), ends);
        house.center = Center::new(Arc::new(rules), house.now);
        house.center.reachable(house.now, ANNA, true);
        house.status(ANNA, Status::Ready);
        let (call, leg) = house.call("+77010000001");
        house.key(leg, '0');
        house.answer();
        house.pass(3_601.0);
        assert_eq!(house.state(call), if ends { "gone" } else { "talking" });
        let alarm =
            |what: &What| matches!(what, What::ActivityAlarm { activity: Activity::Talking, .. });
        assert_eq!(house.count(alarm), 1);
        if ends {
            let ending = house.contacts[&call].ending.clone().unwrap();
            assert_eq!(&*ending.reason, "talk_too_long");
        }
    }
}

#[test]
fn misconduct_that_can_be_seen_is_told() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let seen = |house: &House, wanted: ConductKind| {
        house.count(|what| matches!(what, What::ConductSeen { kind, .. } if *kind == wanted))
    };
    let (leg, anna) = house.talk_of("+77010000001");
    house.pass(2.0);
    house.event(anna, LegEvent::HungUp);
    house.event(leg, LegEvent::HungUp);
    house.pass(20.0);
    assert_eq!(seen(&house, ConductKind::QuickHangUp), 1);
    let (_, leg) = house.call("+77010000002");
    house.key(leg, '0');
    for _ in 0..4 {
        let rung = house.rung();
        house.event(rung, LegEvent::Ringing);
        house.status(ANNA, Status::ShortBreak);
        house.status(ANNA, Status::Ready);
    }
    assert_eq!(seen(&house, ConductKind::StatusAvoidance), 1, "the fourth of a day");
    let rung = house.rung();
    house.event(rung, LegEvent::Ringing);
    house.pass(22.0);
    assert_eq!(seen(&house, ConductKind::Missed), 1);
}

#[test]
fn an_incident_lasts_until_the_last_one_is_back_and_reports_the_calls_it_cost() {
    let mut house = House::with_ready(Share::None, &[ANNA, BORIS]);
    house.status(BORIS, Status::Lunch);
    let (first, leg) = house.call("+77010000001");
    house.key(leg, '0');
    let rung = house.rung();
    house.event(rung, LegEvent::Ringing);
    house.status(ANNA, Status::TechnicalProblems);
    assert_eq!(house.center.incident().unwrap().agents.len(), 1, "seen while it goes on");
    house.status(BORIS, Status::TechnicalProblems);
    let (second, other) = house.call("+77010000002");
    house.key(other, '0');
    house.pass(10.0);
    house.event(other, LegEvent::HungUp);
    house.status(BORIS, Status::Ready);
    assert!(house.center.incident().is_some(), "one of two is back");
    house.status(ANNA, Status::Ready);
    assert!(house.center.incident().is_none());
    let reports: Vec<_> = house
        .facts
        .iter()
        .filter_map(|fact| {
            if let What::IncidentClosed { incident } = &fact.what { Some(incident) } else { None }
        })
        .collect();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].touched(Touch::Requeued).collect::<Vec<_>>(), [first]);
    assert_eq!(reports[0].touched(Touch::Lost).collect::<Vec<_>>(), [second]);
    assert_eq!(reports[0].agents.iter().map(|a| a.agent).collect::<Vec<_>>(), [ANNA, BORIS]);
}
