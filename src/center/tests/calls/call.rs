//! A call from the first ring to its record.

use crate::house::{ANNA, BORIS, House, VERA, policy};
use dozvon_center::acd::{
    Activity, Found, OfferResult, Presence, Ring, ServiceLevel, Status, StickyConfig,
};
use dozvon_center::border::{LegCommand, LegEvent, Loss, Refusal};
use dozvon_center::contact::{Contact, Ending, Fault, Outcome, PassedOn, StageKind};
use dozvon_center::fact::{IvrExit, OperatorRequest, What};
use dozvon_center::ids::{CallId, LegId, QueueId, SkillId};
use dozvon_center::rollout::{Arm, Share};
use dozvon_center::talk::{Destination, TalkCommand};
use std::time::Duration;

fn kinds(contact: &Contact) -> Vec<StageKind> {
    contact.stages.iter().map(|stage| stage.kind).collect()
}

fn ending(house: &House, call: CallId) -> Ending {
    house.contacts[&call].ending.clone().expect("the contact is over")
}

/// Everything that must hold of a contact that is over.
fn assert_whole(contact: &Contact) {
    let mut at = contact.started_at;
    for stage in &contact.stages {
        assert_eq!(stage.from, at, "stages abut");
        at = stage.to.expect("ended");
    }
    assert_eq!(Some(at), contact.ended_at);
}

#[test]
fn pressing_0_in_the_greeting_brings_an_agent_and_the_record_tells_it() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, leg) = house.call("+77010000001");
    house.pass(1.0);
    house.key(leg, '0');
    assert_eq!(house.state(call), "offered");
    let ringing = house.rung();
    house.event(ringing, LegEvent::Ringing);
    house.pass(2.0);
    let agent = house.answer();
    assert!(house.commands.contains(&(leg, LegCommand::Bridge { with: agent })));
    assert_eq!((house.state(call), house.place(call)), ("talking", "anna".into()));
    house.pass(30.0);
    house.event(leg, LegEvent::HungUp);
    assert_eq!(house.center.agent(ANNA).unwrap().activity, Activity::WrapUp);
    house.pass(15.0);

    let contact = &house.contacts[&call];
    assert_whole(contact);
    assert_eq!(kinds(contact), [StageKind::Ivr, StageKind::Queue, StageKind::Talk]);
    assert_eq!(contact.stages[1].outcome, Some(Outcome::Answered));
    assert_eq!(contact.stages[2].agent.as_deref(), Some("anna"));
    assert_eq!(contact.stages[2].wrap_up_secs, Some(15.0));
    assert!(contact.operator_requested);
    assert_eq!(ending(&house, call), Ending::new(Fault::Caller, "hung_up"));
    assert_eq!(
        house.count(|w| matches!(w, What::Connected { waited_secs, .. } if *waited_secs == 2.0)),
        1
    );
    assert_eq!(
        house.count(|w| matches!(w, What::WrapUpEnded { handle_secs, .. } if *handle_secs == 45.0)),
        1
    );
    assert_eq!(
        house.count(|w| matches!(w, What::ServiceLevelDecided { result: ServiceLevel::Met, .. })),
        1
    );
    assert_eq!(
        house.count(|w| matches!(w, What::OperatorRequested { how: OperatorRequest::Dtmf, .. })),
        1
    );
    assert_eq!(house.count(|w| matches!(w, What::IvrExited { exit: IvrExit::Operator, .. })), 1);
    assert_eq!(house.center.calls_active(), 0);
}

#[test]
fn a_wait_is_forecast_when_it_begins_and_judged_when_it_is_answered() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (_, first) = house.call("+77010000001");
    house.key(first, '0');
    house.answer();
    let (_, second) = house.call("+77010000002");
    house.key(second, '0');
    let forecasts = |house: &House| house.count(|w| matches!(w, What::WaitForecast { .. }));
    assert_eq!(forecasts(&house), 0, "who is next may wait for any time");
    let (_, third) = house.call("+77010000003");
    house.key(third, '0');
    let (_, fourth) = house.call("+77010000004");
    house.key(fourth, '0');
    let forecast = |wanted: f64| {
        house.count(|w| matches!(w, What::WaitForecast { mean_secs, .. } if *mean_secs == wanted))
    };
    assert_eq!(forecast(480.0), 1, "one ahead, 240 s each");
    assert_eq!(forecast(720.0), 1);
    // Both ahead give up, and Anna answers after 30 s.
    house.pass(15.0);
    house.event(second, LegEvent::HungUp);
    house.event(third, LegEvent::HungUp);
    house.event(first, LegEvent::HungUp);
    house.pass(15.0);
    house.answer();
    let met = |w: &What| matches!(w, What::ForecastMet { error_secs, within_p90: true, .. } if *error_secs == -690.0);
    assert_eq!(house.count(met), 1);
    assert_eq!(house.count(|w| matches!(w, What::ForecastMet { .. })), 1);
}

#[test]
fn a_caller_who_gives_up_waiting_is_abandoned_and_the_phone_stops_ringing() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    let agent = house.rung();
    house.event(agent, LegEvent::Ringing);
    house.pass(8.0);
    house.event(leg, LegEvent::HungUp);
    assert!(
        house.commands.iter().any(|(to, c)| *to == agent && matches!(c, LegCommand::Release(_)))
    );
    assert_eq!(house.contacts[&call].stages[1].outcome, Some(Outcome::Abandoned));
    let gone = |w: &What| matches!(w, What::OfferEnded { result: OfferResult::CallerGone, .. });
    assert_eq!(house.count(gone), 1);
    assert_eq!(house.center.agent(ANNA).unwrap().activity, Activity::Idle);
    assert_whole(&house.contacts[&call]);
}

#[test]
fn hanging_up_within_five_seconds_is_a_short_abandon() {
    let mut house = House::new(Share::None);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    house.pass(4.0);
    house.event(leg, LegEvent::HungUp);
    assert_eq!(house.contacts[&call].stages[1].outcome, Some(Outcome::ShortAbandoned));
    let excluded =
        |w: &What| matches!(w, What::ServiceLevelDecided { result: ServiceLevel::Excluded, .. });
    assert_eq!(house.count(excluded), 1);
}

#[test]
fn lunch_while_ringing_withdraws_the_offer_and_the_caller_keeps_his_place() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (first, leg) = house.call("+77010000001");
    house.key(leg, '0');
    let anna = house.rung();
    house.event(anna, LegEvent::Ringing);
    house.pass(3.0);
    let (_second, other) = house.call("+77010000002");
    house.key(other, '0');

    house.status(ANNA, Status::Lunch);
    assert!(
        house.commands.iter().any(|(to, c)| *to == anna && matches!(c, LegCommand::Release(_)))
    );
    assert_eq!(house.center.agent(ANNA).unwrap().presence, Presence::Chosen(Status::Lunch));
    assert_eq!(house.state(first), "waiting");

    house.center.reachable(house.now, BORIS, true);
    house.status(BORIS, Status::Ready);
    assert_eq!(house.state(first), "offered", "the first caller kept his place before the second");
    house.answer();
    assert_eq!(house.place(first), "boris");
}

#[test]
fn a_missed_offer_goes_to_the_next_agent_with_the_old_place() {
    let mut house = House::with_ready(Share::None, &[ANNA, BORIS]);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    let first = house.rung();
    house.event(first, LegEvent::Ringing);
    house.pass(20.5);
    let missed = |w: &What| matches!(w, What::OfferEnded { result: OfferResult::NoAnswer, .. });
    assert_eq!(house.count(missed), 1);
    assert_ne!(house.rung(), first, "somebody else rings");
    house.answer();
    assert_eq!(house.state(call), "talking");
    let waited = |w: &What| matches!(w, What::Connected { waited_secs, .. } if *waited_secs > 20.0);
    assert_eq!(house.count(waited), 1, "the wait counts from the first moment");
}

#[test]
fn a_lone_0_in_digit_entry_is_the_exit_and_0_inside_a_code_is_a_digit() {
    let mut house = House::new(Share::None);
    let (call, leg) = house.call("+77010000001");
    house.played(leg);
    house.key(leg, '1');
    for key in ['1', '0', '3', '0'] {
        house.key(leg, key);
    }
    assert_eq!(house.place(call), "thanks", "a code with zeros is a code");

    let (call, leg) = house.call("+77010000002");
    house.played(leg);
    house.key(leg, '1');
    house.key(leg, '0');
    assert_eq!(house.state(call), "ivr", "it may still become a code");
    house.pass(3.1);
    assert_eq!((house.state(call), house.place(call)), ("waiting", "general".into()));
}

#[test]
fn what_the_call_is_about_is_the_option_taken_and_neither_silence_nor_the_operator_key() {
    let chosen = |w: &What| matches!(w, What::OptionChosen { .. });
    let mut house = House::new(Share::None);
    let (_, leg) = house.call("+77010000001");
    house.played(leg);
    house.key(leg, '2');
    let cards =
        |w: &What| matches!(w, What::OptionChosen { option, .. } if &**option == "opt-cards");
    assert_eq!((house.count(cards), house.count(chosen)), (1, 1), "the prompt names it");
    let (_, leg) = house.call("+77010000002");
    house.played(leg);
    house.key(leg, '0');
    house.pass(5.0);
    assert_eq!(house.count(chosen), 1, "who asks for a person has not said what about");
}

fn to_bot(house: &mut House, number: &str) -> (CallId, LegId, LegId) {
    let (call, leg) = house.call(number);
    house.played(leg);
    house.key(leg, '2');
    let bot = house.newest(|command| matches!(command, LegCommand::CallBot { .. }));
    (call, leg, bot)
}

#[test]
fn the_operator_key_works_at_the_bot_and_the_time_there_counts_as_waited() {
    let mut house = House::new(Share::All);
    let (call, leg, bot) = to_bot(&mut house, "+77010000001");
    house.event(bot, LegEvent::Answered);
    house.pass(5.0);
    assert_eq!(house.state(call), "bot");
    let (second, other) = house.call("+77010000002");
    house.key(other, '0');
    assert_eq!(house.state(second), "waiting");
    house.pass(5.0);
    house.key(leg, '0');
    let released =
        |(to, c): &(LegId, LegCommand)| *to == bot && matches!(c, LegCommand::Release(_));
    assert!(house.commands.iter().any(released));
    assert_eq!((house.state(call), house.place(call)), ("waiting", "general".into()));
    house.center.reachable(house.now, ANNA, true);
    house.status(ANNA, Status::Ready);
    assert_eq!(
        house.state(call),
        "offered",
        "he came to the bot before the second came to the queue"
    );
    let arm = &house.contacts[&call].arms[0];
    assert_eq!((arm.arm, arm.delivered), (Arm::Bot, true), "he stays in the bot's arm");
}

#[test]
fn a_bot_that_is_slow_busy_or_dies_costs_the_caller_nothing() {
    for (fault, wait) in [
        (None, 2.1),
        (Some(LegEvent::Refused(Refusal::Busy)), 0.0),
        (Some(LegEvent::Refused(Refusal::Unreachable)), 0.0),
        (Some(LegEvent::Lost(Loss::Signalling)), 0.0),
    ] {
        let mut house = House::with_ready(Share::All, &[ANNA]);
        let (call, leg, bot) = to_bot(&mut house, "+77010000001");
        if let Some(event) = fault.clone() {
            house.event(bot, event);
        }
        house.pass(wait);
        assert_eq!(house.state(call), "offered", "{fault:?}");
        let delivered = |w: &What| matches!(w, What::ArmDelivered { delivered: false, .. });
        assert_eq!(house.count(delivered), 1, "{fault:?}");
        house.answer();
        house.event(leg, LegEvent::HungUp);
        assert_whole(&house.contacts[&call]);
        assert!(!house.contacts[&call].arms[0].delivered);
    }
}

#[test]
fn after_the_agent_hangs_up_the_caller_hears_the_survey_and_0_still_means_a_person() {
    let mut house = House::with_ready(Share::None, &[ANNA, BORIS]);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    let agent = house.answer();
    house.pass(20.0);
    house.event(agent, LegEvent::HungUp);
    assert_eq!((house.state(call), house.place(call)), ("ivr", "survey".into()));
    house.key(leg, '0');
    assert_eq!(house.state(call), "offered");
    house.answer();
    house.pass(5.0);
    house.event(leg, LegEvent::HungUp);
    let contact = &house.contacts[&call];
    assert_whole(contact);
    assert_eq!(contact.stages.iter().filter(|s| s.kind == StageKind::Talk).count(), 2);
}

#[test]
fn the_survey_answer_is_in_the_record() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    let agent = house.answer();
    house.pass(5.0);
    house.event(agent, LegEvent::HungUp);
    house.key(leg, '5');
    house.played(leg);
    assert_eq!(ending(&house, call), Ending::new(Fault::Nobody, "flow_end"));
    assert_eq!(house.contacts[&call].survey, [("csi".into(), 5)]);
    assert_eq!(house.count(|w| matches!(w, What::SurveyAnswered { score: 5, .. })), 1);
}

#[test]
fn hold_plays_music_to_the_caller_and_is_counted() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    let agent = house.answer();
    house.pass(10.0);
    house.event(agent, LegEvent::Held(true));
    assert_eq!(house.state(call), "hold");
    assert_eq!(house.ears.music(leg), Some("moh"));
    house.pass(25.0);
    house.event(agent, LegEvent::Held(false));
    assert_eq!(house.state(call), "talking");
    assert_eq!((house.ears.voices(leg), house.ears.voices(agent)), (vec![agent], vec![leg]));
    house.pass(5.0);
    house.event(agent, LegEvent::HungUp);
    let talk = |w: &What| {
        let What::TalkEnded { talk_secs, hold_secs, .. } = w else { return false };
        (*talk_secs, *hold_secs) == (15.0, 25.0)
    };
    assert_eq!(house.count(talk), 1);
    let stage = house.contacts[&call].stages.iter().find(|s| s.kind == StageKind::Talk).cloned();
    assert_eq!(stage.map(|stage| stage.hold_secs), Some(25.0));
}

#[test]
fn the_longest_wait_goes_where_the_flow_says() {
    let mut house = House::new(Share::None);
    let (call, leg) = house.call("+77010000001");
    house.center.reachable(house.now, ANNA, true);
    house.status(ANNA, Status::Lunch);
    house.key(leg, '0');
    house.pass(60.1);
    assert_eq!(house.state(call), "transfer", "after the longest wait: the number outside");
    assert_eq!(
        house.count(|w| matches!(w, What::SegmentEnded { outcome: Outcome::Timeout, .. })),
        1
    );
    assert_eq!(
        house
            .count(|w| matches!(w, What::ServiceLevelDecided { result: ServiceLevel::Missed, .. })),
        1
    );
    let outside = house.newest(|command| matches!(command, LegCommand::Dial { .. }));
    house.event(outside, LegEvent::Answered);
    assert!(house.commands.contains(&(leg, LegCommand::Bridge { with: outside })));
    house.event(outside, LegEvent::HungUp);
    house.played(leg);
    assert_eq!(house.center.calls_active(), 0);
    assert_whole(&house.contacts[&call]);
}

#[test]
fn nobody_at_work_is_no_agents_and_never_an_abandonment() {
    let mut house = House::new(Share::None);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    house.pass(30.1);
    assert_eq!(house.contacts[&call].stages[1].outcome, Some(Outcome::NoAgents));
    house.played(leg);
    assert_eq!(ending(&house, call), Ending::new(Fault::Nobody, "flow_end"));
}

#[test]
fn a_lost_agent_phone_puts_the_caller_back_into_his_old_place() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, leg, agent) = house.in_talk("+77010000001");
    house.pass(10.0);
    let (later, other) = house.call("+77010000002");
    house.key(other, '0');
    house.pass(10.0);
    house.event(agent, LegEvent::Lost(Loss::NoAudio));
    assert_eq!((house.state(call), house.state(later)), ("waiting", "waiting"));
    assert_eq!(house.ears.music(leg), Some("moh"));
    house.pass(15.1);
    assert_eq!((house.state(call), house.state(later)), ("offered", "waiting"), "he came first");
    house.answer();
    house.event(leg, LegEvent::HungUp);
    assert_whole(&house.contacts[&call]);
    let (ivr, queue, talk) = (StageKind::Ivr, StageKind::Queue, StageKind::Talk);
    assert_eq!(kinds(&house.contacts[&call]), [ivr, queue, talk, queue, talk]);
    assert_eq!(house.contacts[&call].stages[2].passed_on, Some(PassedOn::AgentLost));
}

#[test]
fn every_call_has_one_start_one_end_and_balanced_segments() {
    let mut house = House::with_ready(Share::Half, &[ANNA, BORIS]);
    for n in 0..200_u32 {
        let (_, leg) = house.call(&format!("+7701{n:07}"));
        match n % 5 {
            0 => house.key(leg, '0'),
            1 => house.key(leg, '2'),
            2 => {
                house.played(leg);
                house.key(leg, '2');
            }
            3 => house.event(leg, LegEvent::HungUp),
            _ => house.pass(1.0),
        }
        house.pass(f64::from(n % 7));
        if n % 3 == 0 {
            house.event(leg, LegEvent::HungUp);
        }
    }
    house.pass(7_200.0);
    for call in house.center.call_ids() {
        house.center.hang_up(house.now, call, Ending::new(Fault::Ours, "drained"));
    }
    house.drain();
    let starts = house.count(|w| matches!(w, What::CallStarted { .. }));
    let ends = house.count(|w| matches!(w, What::CallEnded { .. }));
    let offered = house.count(|w| matches!(w, What::SegmentStarted { .. }));
    let over = house.count(|w| matches!(w, What::SegmentEnded { .. }));
    let decided = house.count(|w| matches!(w, What::ServiceLevelDecided { .. }));
    let drawn = house.count(|w| matches!(w, What::ArmDrawn { .. }));
    let delivered = house.count(|w| matches!(w, What::ArmDelivered { .. }));
    assert_eq!((starts, ends), (200, 200));
    assert_eq!(offered, over);
    assert_eq!(offered, decided, "the service level is decided once for each segment");
    assert_eq!(drawn, delivered, "each draw says once whether it was delivered");
    house.contacts.values().for_each(assert_whole);
}

/// A caller who presses 0 at once, so that he waits in the queue `general`.
fn waiting(house: &mut House, number: &str) -> (CallId, LegId) {
    let (call, leg) = house.call(number);
    house.pass(1.0);
    house.key(leg, '0');
    (call, leg)
}

#[test]
fn the_first_of_two_ringing_phones_gets_the_caller_and_the_other_is_silent() {
    let mut rules = policy(Share::None);
    rules.acd.queues[0].ring = Ring::Broadcast;
    let mut house = House::under(rules);
    house.ready(&[ANNA, BORIS]);
    let (call, leg) = waiting(&mut house, "+77010000001");
    let rings = |command: &LegCommand| matches!(command, LegCommand::RingAgent { .. });
    let rung: Vec<LegId> =
        house.commands.iter().filter(|(_, command)| rings(command)).map(|(leg, _)| *leg).collect();
    assert_eq!(rung.len(), 2);
    for phone in &rung {
        house.event(*phone, LegEvent::Ringing);
    }
    house.event(rung[1], LegEvent::Answered);
    assert_eq!(house.place(call), "boris");
    let silent = |(of, command): &(LegId, LegCommand)| {
        *of == rung[0] && matches!(command, LegCommand::Release(_))
    };
    assert!(house.commands.iter().any(silent));
    let lost = |w: &What| matches!(w, What::OfferEnded { result: OfferResult::LostRace, .. });
    assert_eq!(house.count(lost), 1);
    assert_eq!(house.center.agent(ANNA).unwrap().activity, Activity::Idle);
    house.event(leg, LegEvent::HungUp);
}

#[test]
fn who_calls_again_is_brought_back_to_his_agent() {
    let mut rules = policy(Share::None);
    rules.acd.queues[0].sticky = Some(StickyConfig {
        within: Duration::from_secs(600),
        wait_up_to: Duration::from_secs(20),
        same_topic: true,
    });
    rules.shared_numbers.insert("+77010000009".into());
    let mut house = House::under(rules);
    house.ready(&[ANNA]);
    for number in ["+77010000001", "+77010000009"] {
        let (_, leg) = waiting(&mut house, number);
        house.answer();
        house.pass(30.0);
        house.event(leg, LegEvent::HungUp);
        house.pass(20.0);
    }
    house.ready(&[BORIS]);
    let (other, _) = waiting(&mut house, "+77010000009");
    let found = house.center.why(other).unwrap().decision.map(|decision| decision.found);
    assert_eq!(found, Some(Found::ByCall), "many people call from there");
    let (call, _) = waiting(&mut house, "+77010000001");
    let why = house.center.why(call).unwrap();
    assert_eq!(why.held_for, Some(ANNA), "though Boris is free");
    assert_eq!(house.center.position(call), Some(2));
}

#[test]
fn who_hung_up_and_calls_again_has_his_old_place() {
    let mut house = House::with_ready(Share::None, &[]);
    house.ready(&[ANNA]);
    house.status(ANNA, Status::Lunch);
    let (_, first) = waiting(&mut house, "+77010000001");
    house.pass(10.0);
    let (second, _) = waiting(&mut house, "+77010000002");
    house.event(first, LegEvent::HungUp);
    house.pass(20.0);
    let (again, leg) = waiting(&mut house, "+77010000001");
    assert_eq!((house.center.position(again), house.center.position(second)), (Some(1), Some(2)));
    house.event(leg, LegEvent::HungUp);
    house.pass(121.0);
    waiting(&mut house, "+77010000003");
    let (late, _) = waiting(&mut house, "+77010000001");
    assert_eq!(house.center.position(late), Some(2), "two minutes are over");
}

#[test]
fn a_talk_that_broke_off_gives_the_caller_a_head_start() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (_, leg) = waiting(&mut house, "+77010000001");
    house.answer();
    house.pass(30.0);
    house.event(leg, LegEvent::Lost(Loss::Signalling));
    house.status(ANNA, Status::Lunch);
    let (other, _) = waiting(&mut house, "+77010000002");
    house.pass(50.0);
    let (again, _) = waiting(&mut house, "+77010000001");
    assert_eq!((house.center.position(again), house.center.position(other)), (Some(1), Some(2)));
}

#[test]
fn a_caller_whose_agents_phone_broke_is_given_back_to_the_same_agent() {
    for back in [true, false] {
        let mut house = House::with_ready(Share::None, &[ANNA]);
        let (call, _, agent) = house.in_talk("+77010000001");
        house.ready(&[BORIS]);
        house.center.reachable(house.now, ANNA, false);
        house.event(agent, LegEvent::Lost(Loss::NoAudio));
        assert_eq!(house.center.why(call).unwrap().held_for, Some(ANNA), "though Boris is free");
        house.pass(16.0);
        house.center.reachable(house.now, ANNA, back);
        house.drain();
        if !back {
            house.pass(4.0);
        }
        house.answer();
        assert_eq!(house.place(call), if back { "anna" } else { "boris" });
    }
}

#[test]
fn a_talk_that_was_passed_on_is_none_that_broke_off() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, leg, _) = house.in_talk("+77010000001");
    house.status(ANNA, Status::Lunch);
    house.talk(call, TalkCommand::Transfer(Destination::Queue(QueueId(1)))).unwrap();
    house.event(leg, LegEvent::HungUp);
    let (other, _) = waiting(&mut house, "+77010000002");
    house.pass(10.0);
    let (again, _) = waiting(&mut house, "+77010000001");
    assert_eq!((house.center.position(other), house.center.position(again)), (Some(1), Some(2)));
}

#[test]
fn a_call_passed_on_to_a_queue_keeps_nothing_but_the_callers_language() {
    for speaks in [None, Some(BORIS)] {
        let mut rules = policy(Share::None);
        rules.skills.push("lang:ru".into());
        if let Some(agent) = speaks {
            rules.acd.agents[agent.0 as usize].skills.insert(SkillId(1), 1);
        }
        let mut house = House::under(rules);
        house.ready(&[ANNA]);
        let (call, _, _) = house.in_talk("+77010000001");
        house.ready(&[VERA]);
        house.pass(1.0);
        house.ready(&[BORIS]);
        house.talk(call, TalkCommand::Transfer(Destination::Queue(QueueId(1)))).unwrap();
        let with = house.center.why(call).unwrap().with;
        assert_eq!(with, [speaks.unwrap_or(VERA)], "where nobody has the skill, anybody will do");
    }
}

/// The exit key in a queue that is not the operator's: he goes there with the place and the head start that he has.
#[test]
fn the_operator_key_in_another_queue_leads_to_the_operator_with_place_and_head_start() {
    let mut bank = policy(Share::None);
    let text = crate::house::FLOW
        .replace("{name: cards, max_wait: 60s,", "{name: cards, priority: 90, max_wait: 10m,");
    let flow = dozvon_center::flow::load("bank.yaml", &text).expect("a flow");
    bank.flows.insert("bank".into(), flow.into());
    let mut house = House::under(bank);
    house.center.reachable(house.now, ANNA, true);
    house.status(ANNA, Status::Lunch);
    let (_, other) = house.call("+77010000009");
    house.key(other, '0');
    house.pass(10.0);
    let (call, leg) = house.call("+77010000001");
    house.played(leg);
    house.key(leg, '2');
    assert_eq!((house.state(call), house.place(call)), ("waiting", "cards".into()));
    house.key(leg, '0');
    assert_eq!(house.place(call), "cards", "so soon it was meant for the menu");
    house.pass(30.0);
    house.key(leg, '5');
    assert_eq!(house.place(call), "cards", "another key is nothing here");
    house.key(leg, '0');
    assert_eq!((house.state(call), house.place(call)), ("waiting", "general".into()));
    let asked =
        |what: &What| matches!(what, What::OperatorRequested { how: OperatorRequest::Dtmf, .. });
    assert_eq!(house.count(asked), 2, "the other caller's, and his");
    house.pass(5.0);
    house.key(leg, '0');
    assert_eq!(house.count(asked), 2, "who waits for the operator only waits");
    // Ten seconds later than the other, and ninety ahead.
    house.ready(&[ANNA]);
    assert_eq!(house.state(call), "offered");
    let contact = &house.contacts[&call];
    let waits = contact.stages.iter().filter(|stage| stage.kind == StageKind::Queue);
    let outcomes: Vec<_> = waits.map(|stage| stage.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::KeyExit), None]);
    assert!(contact.operator_requested);
}

#[test]
fn the_operator_key_takes_nobody_away_from_a_phone_that_rings_for_him() {
    let mut house = House::with_ready(Share::None, &[VERA]);
    let (call, leg) = house.call("+77010000001");
    house.played(leg);
    house.key(leg, '2');
    assert_eq!((house.state(call), house.place(call)), ("offered", "cards".into()));
    house.event(house.rung(), LegEvent::Ringing);
    house.pass(5.0);
    house.key(leg, '0');
    assert_eq!((house.state(call), house.place(call)), ("offered", "cards".into()));
    house.answer();
    assert_eq!(house.state(call), "talking");
}

#[test]
fn the_operator_key_leads_back_from_a_number_outside_that_only_rings() {
    let mut house = House::new(Share::None);
    let (call, leg) = house.call("+77010000001");
    house.played(leg);
    house.key(leg, '3');
    let outside = house.newest(|command| matches!(command, LegCommand::Dial { .. }));
    house.event(outside, LegEvent::Ringing);
    house.key(leg, '0');
    assert!(house.released(outside));
    assert_ne!(house.state(call), "transfer");
    let asked = |what: &What| matches!(what, What::OperatorRequested { .. });
    assert_eq!(house.count(asked), 1);
}
