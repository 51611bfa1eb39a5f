//! Talks: hold, third parties, transfers, park and supervision, in virtual time, by what everybody hears.

use crate::house::{ANNA, BORIS, House, VERA};
use dozvon_center::acd::{Activity, NotFree, Presence, Status};
use dozvon_center::border::{LegCommand, LegEvent, Loss, Refusal};
use dozvon_center::contact::{Contact, Outcome, PassedOn, StageKind};
use dozvon_center::fact::{AskEnd, HoldAlarm, TransferTarget, What};
use dozvon_center::ids::{CallId, LegId, QueueId};
use dozvon_center::rollout::Share;
use dozvon_center::supervise::{WatchError, WatchMode};
use dozvon_center::talk::{Destination, TalkCommand, TalkError};

pub(crate) const CARDS: QueueId = QueueId(1);

pub(crate) fn stages(house: &House, call: CallId) -> Vec<(StageKind, Option<String>)> {
    let contact: &Contact = &house.contacts[&call];
    contact
        .stages
        .iter()
        .map(|stage| (stage.kind, stage.agent.as_deref().map(str::to_owned)))
        .collect()
}

pub(crate) fn talk(agent: &str) -> (StageKind, Option<String>) {
    (StageKind::Talk, Some(agent.to_owned()))
}

pub(crate) const IVR: (StageKind, Option<String>) = (StageKind::Ivr, None);
pub(crate) const QUEUE: (StageKind, Option<String>) = (StageKind::Queue, None);

/// Anna talks with a customer; Boris and Vera are ready.
pub(crate) fn floor() -> (House, CallId, LegId, LegId) {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, customer, anna) = house.in_talk("+77010000001");
    for agent in [BORIS, VERA] {
        house.center.reachable(house.now, agent, true);
        house.status(agent, Status::Ready);
    }
    (house, call, customer, anna)
}

pub(crate) fn to_boris() -> Destination {
    Destination::Agent(BORIS)
}

fn transferred(how: PassedOn, to: TransferTarget) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Transferred { how: h, target, .. } if (*h, *target) == (how, to))
}

// ---- hold -----------------------------------------------------------------------------------------------------------

#[test]
fn hold_asked_for_at_the_desk_is_a_hold_like_the_phones() {
    let (mut house, call, customer, anna) = floor();
    house.talk(call, TalkCommand::Hold).unwrap();
    assert_eq!(house.ears.music(customer), Some("moh"));
    assert!(house.ears.voices(anna).is_empty());
    assert_eq!(house.activity(ANNA), Activity::Hold);
    house.event(anna, LegEvent::Held(true));
    house.talk(call, TalkCommand::Resume).unwrap();
    assert_eq!(house.ears.music(customer), Some("moh"), "the phone holds still");
    house.event(anna, LegEvent::Held(false));
    assert_eq!(house.ears.voices(customer), [anna]);
    assert_eq!(house.activity(ANNA), Activity::Talking);
    house.event(customer, LegEvent::HungUp);
    assert_eq!(house.contacts[&call].stages[2].holds, 1);
}

#[test]
fn a_long_hold_warns_the_agent_and_then_comforts_the_customer_and_is_counted() {
    let (mut house, call, customer, anna) = floor();
    house.talk(call, TalkCommand::Hold).unwrap();
    house.pass(99.9);
    assert_eq!(house.count(|what| matches!(what, What::HoldLasts { .. })), 0);
    house.pass(0.2);
    assert!(house.commands.contains(&(anna, LegCommand::Beep)), "the agent is warned at 100 s");
    house.pass(20.0);
    let phrase = |to: &LegId, command: &LegCommand| {
        *to == customer
            && matches!(command, LegCommand::Announce { prompts, .. } if &*prompts[0].name == "please-hold")
    };
    assert!(house.commands.iter().any(|(to, command)| phrase(to, command)), "and he at 120 s");
    assert_eq!(house.ears.music(customer), Some("moh"));
    house.pass(30.0);
    house.talk(call, TalkCommand::Resume).unwrap();
    let alarms: Vec<HoldAlarm> = house
        .facts
        .iter()
        .filter_map(|fact| {
            let What::HoldLasts { alarm, .. } = &fact.what else { return None };
            Some(*alarm)
        })
        .collect();
    assert_eq!(alarms, [HoldAlarm::Warning, HoldAlarm::TooLong]);
    assert_eq!(house.count(|what| matches!(what, What::ActivityAlarm { .. })), 0, "told once");
    assert_eq!(house.count(|what| matches!(what, What::HoldEnded { too_long: true, .. })), 1);
    house.talk(call, TalkCommand::Hold).unwrap();
    house.pass(10.0);
    house.event(customer, LegEvent::HungUp);
    let stage = &house.contacts[&call].stages[2];
    assert_eq!((stage.holds, stage.long_holds), (2, 1));
}

#[test]
fn a_muted_agent_is_told_to_the_line_once() {
    let (mut house, call, _, anna) = floor();
    for _ in 0..2 {
        house.talk(call, TalkCommand::Mute).unwrap();
    }
    house.talk(call, TalkCommand::Unmute).unwrap();
    let told: Vec<_> = house
        .commands
        .iter()
        .filter(|(to, c)| *to == anna && matches!(c, LegCommand::Mute(_)))
        .collect();
    assert_eq!(told, [&(anna, LegCommand::Mute(true)), &(anna, LegCommand::Mute(false))]);
}

// ---- transfer -------------------------------------------------------------------------------------------------------

#[test]
fn a_blind_transfer_to_an_agent_keeps_the_first_until_the_second_answers() {
    let (mut house, call, customer, anna) = floor();
    house.pass(10.0);
    house.talk(call, TalkCommand::Transfer(to_boris())).unwrap();
    let boris = house.rung();
    assert_eq!(house.ears.music(customer), Some("ringback"));
    assert_eq!(
        (house.activity(ANNA), house.activity(BORIS)),
        (Activity::Consult, Activity::Ringing)
    );
    house.pass(4.0);
    house.event(boris, LegEvent::Answered);
    assert_eq!(
        (house.ears.voices(customer), house.ears.voices(boris)),
        (vec![boris], vec![customer])
    );
    assert_eq!(
        (house.activity(ANNA), house.activity(BORIS)),
        (Activity::WrapUp, Activity::Talking)
    );
    assert!(
        house.commands.iter().any(|(to, c)| *to == anna && matches!(c, LegCommand::Release(_)))
    );
    house.pass(20.0);
    house.event(customer, LegEvent::HungUp);
    house.pass(30.0);
    assert_eq!(stages(&house, call), [IVR, QUEUE, talk("anna"), talk("boris")]);
    let contact = &house.contacts[&call];
    assert_eq!(contact.stages[2].passed_on, Some(PassedOn::Blind));
    assert_eq!(
        (contact.stages[2].wrap_up_secs, contact.stages[3].wrap_up_secs),
        (Some(15.0), Some(15.0))
    );
    assert_eq!(house.count(transferred(PassedOn::Blind, TransferTarget::Agent)), 1);
}

#[test]
fn a_transfer_that_nobody_takes_falls_back_to_the_bridge() {
    for refusal in [Refusal::Busy, Refusal::Declined, Refusal::Unreachable, Refusal::Error] {
        let (mut house, call, customer, anna) = floor();
        house.talk(call, TalkCommand::Transfer(to_boris())).unwrap();
        let boris = house.rung();
        house.event(boris, LegEvent::Refused(refusal));
        assert_eq!(
            (house.ears.voices(customer), house.ears.voices(anna)),
            (vec![anna], vec![customer])
        );
        assert_eq!(
            (house.activity(ANNA), house.activity(BORIS)),
            (Activity::Talking, Activity::Idle)
        );
        assert_eq!(house.state(call), "talking");
    }
    let (mut house, call, customer, anna) = floor();
    house.talk(call, TalkCommand::Transfer(to_boris())).unwrap();
    house.pass(30.1);
    assert_eq!(house.ears.voices(customer), [anna]);
    assert_eq!(house.count(|w| matches!(w, What::AskEnded { end: AskEnd::NoAnswer, .. })), 1);
}

#[test]
fn an_agent_who_leaves_a_ringing_transfer_leaves_the_customer_safe() {
    let (mut house, call, customer, anna) = floor();
    house.talk(call, TalkCommand::Transfer(to_boris())).unwrap();
    let boris = house.rung();
    house.event(anna, LegEvent::HungUp);
    assert_eq!((house.state(call), house.ears.music(customer)), ("transfer", Some("ringback")));
    assert_eq!(house.activity(ANNA), Activity::WrapUp);
    house.event(boris, LegEvent::Refused(Refusal::Declined));
    assert_eq!(
        house.activity(BORIS),
        Activity::Reserved,
        "he waits again, and Boris is asked as an agent"
    );
    assert_eq!(house.state(call), "offered");
    let again = house.answer();
    assert_eq!(house.ears.voices(customer), [again]);
    house.event(customer, LegEvent::HungUp);
    let kinds: Vec<_> = stages(&house, call).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds,
        [
            StageKind::Ivr,
            StageKind::Queue,
            StageKind::Talk,
            StageKind::Transfer,
            StageKind::Queue,
            StageKind::Talk
        ]
    );
}

#[test]
fn a_transfer_to_a_queue_frees_the_agent_at_once_and_keeps_the_place() {
    let (mut house, call, customer, anna) = floor();
    for agent in [BORIS, VERA] {
        house.status(agent, Status::Lunch);
    }
    house.pass(5.0);
    let (other, leg) = house.call("+77010000002");
    house.key(leg, '2');
    assert_eq!(house.state(other), "waiting");
    house.pass(5.0);
    house.talk(call, TalkCommand::Transfer(Destination::Queue(CARDS))).unwrap();
    assert_eq!((house.state(call), house.ears.music(customer)), ("waiting", Some("moh")));
    assert_eq!(house.activity(ANNA), Activity::WrapUp);
    assert!(
        house.commands.iter().any(|(to, c)| *to == anna && matches!(c, LegCommand::Release(_)))
    );
    house.pass(15.1);
    assert_eq!(
        (house.state(call), house.state(other)),
        ("offered", "waiting"),
        "he has waited for longer"
    );
    house.answer();
    house.event(customer, LegEvent::HungUp);
    assert_eq!(stages(&house, call), [IVR, QUEUE, talk("anna"), QUEUE, talk("anna")]);
    assert_eq!(house.contacts[&call].stages[3].outcome, Some(Outcome::Answered));
    assert_eq!(house.count(transferred(PassedOn::Blind, TransferTarget::Queue)), 1);
}

#[test]
fn a_transfer_to_a_node_of_the_flow_takes_the_customer_there() {
    let (mut house, call, _customer, _anna) = floor();
    let node = |name: &str| TalkCommand::Transfer(Destination::Node(name.into()));
    let error = house.talk(call, node("nowhere")).unwrap_err();
    assert_eq!(error.to_string(), "flow `bank` has no node `nowhere`");
    assert_eq!(house.state(call), "talking");
    house.talk(call, node("survey")).unwrap();
    assert_eq!((house.state(call), house.place(call)), ("ivr", "survey".into()));
    assert_eq!(house.activity(ANNA), Activity::WrapUp);
}

#[test]
fn a_number_outside_takes_the_call_and_the_flow_goes_on_after_it() {
    let (mut house, call, customer, _anna) = floor();
    let number = Destination::Number("+77272000000".into());
    house.talk(call, TalkCommand::Transfer(number)).unwrap();
    let outside = house.newest(|c| matches!(c, LegCommand::Dial { .. }));
    house.event(outside, LegEvent::Answered);
    assert_eq!(house.ears.voices(customer), [outside]);
    assert_eq!((house.state(call), house.activity(ANNA)), ("transfer", Activity::WrapUp));
    house.pass(60.0);
    house.event(outside, LegEvent::HungUp);
    assert_eq!(house.place(call), "survey", "as after any talk");
}

// ---- consult and conference -----------------------------------------------------------------------------------------

#[test]
fn an_attended_transfer_asks_first_and_hands_over_then() {
    let (mut house, call, customer, anna) = floor();
    house.talk(call, TalkCommand::Consult(to_boris())).unwrap();
    let boris = house.rung();
    assert_eq!(
        (house.ears.music(customer), house.ears.music(anna)),
        (Some("moh"), Some("ringback"))
    );
    house.event(boris, LegEvent::Answered);
    assert_eq!((house.ears.voices(anna), house.ears.voices(boris)), (vec![boris], vec![anna]));
    assert_eq!(house.ears.music(customer), Some("moh"));
    assert_eq!(
        (house.activity(ANNA), house.activity(BORIS)),
        (Activity::Consult, Activity::Consult)
    );
    house.pass(10.0);
    house.talk(call, TalkCommand::Complete).unwrap();
    assert_eq!(
        (house.ears.voices(customer), house.ears.voices(boris)),
        (vec![boris], vec![customer])
    );
    assert_eq!(
        (house.activity(ANNA), house.activity(BORIS)),
        (Activity::WrapUp, Activity::Talking)
    );
    house.event(customer, LegEvent::HungUp);
    assert_eq!(stages(&house, call), [IVR, QUEUE, talk("anna"), talk("boris")]);
    assert_eq!(house.contacts[&call].stages[2].hold_secs, 10.0, "the customer heard music");
    assert_eq!(house.count(transferred(PassedOn::Attended, TransferTarget::Agent)), 1);
}

#[test]
fn hanging_up_in_a_consultation_hands_the_call_over_and_never_loses_it() {
    let (mut house, call, customer, anna) = floor();
    house.talk(call, TalkCommand::Consult(to_boris())).unwrap();
    let boris = house.rung();
    house.event(boris, LegEvent::Answered);
    house.event(anna, LegEvent::HungUp);
    assert_eq!(house.ears.voices(customer), [boris]);
    let (mut house, call2, customer, anna) = floor();
    house.talk(call2, TalkCommand::Consult(to_boris())).unwrap();
    let boris = house.rung();
    house.event(anna, LegEvent::HungUp);
    assert_eq!(house.ears.music(customer), Some("ringback"), "half attended is blind");
    house.event(boris, LegEvent::Answered);
    assert_eq!(house.ears.voices(customer), [boris]);
    assert_eq!(call, call2);
}

#[test]
fn a_third_party_that_leaves_gives_the_customer_back() {
    let (mut house, call, customer, anna) = floor();
    house.talk(call, TalkCommand::Consult(to_boris())).unwrap();
    let boris = house.rung();
    house.event(boris, LegEvent::Answered);
    house.pass(3.0);
    house.event(boris, LegEvent::HungUp);
    assert_eq!(house.ears.voices(customer), [anna]);
    assert_eq!((house.activity(ANNA), house.activity(BORIS)), (Activity::Talking, Activity::Idle));
    let asked = |w: &What| matches!(w, What::AskEnded { end: AskEnd::HungUp, talk_secs, .. } if *talk_secs == 3.0);
    assert_eq!(house.count(asked), 1);
    house.talk(call, TalkCommand::Consult(Destination::Queue(CARDS))).unwrap();
    house.talk(call, TalkCommand::Drop).unwrap();
    assert_eq!(house.ears.voices(customer), [anna], "the agent may change his mind");
}

#[test]
fn in_a_conference_everybody_hears_everybody_and_any_two_go_on() {
    for leaver in 0..3 {
        let (mut house, call, customer, anna) = floor();
        house.talk(call, TalkCommand::Consult(to_boris())).unwrap();
        let boris = house.rung();
        assert_eq!(house.talk(call, TalkCommand::Join), Err(TalkError::NotAnswered));
        house.event(boris, LegEvent::Answered);
        house.talk(call, TalkCommand::Join).unwrap();
        for (leg, others) in
            [(customer, [anna, boris]), (anna, [customer, boris]), (boris, [customer, anna])]
        {
            let mut others = others.to_vec();
            others.sort_unstable();
            assert_eq!(house.ears.voices(leg), others);
        }
        assert_eq!(
            (house.activity(ANNA), house.activity(BORIS)),
            (Activity::Conference, Activity::Conference)
        );
        house.pass(10.0);
        match leaver {
            0 => {
                house.event(anna, LegEvent::HungUp);
                assert_eq!(house.ears.voices(customer), [boris]);
                assert_eq!(
                    house.count(transferred(PassedOn::Conference, TransferTarget::Agent)),
                    1
                );
            }
            1 => {
                house.event(boris, LegEvent::HungUp);
                assert_eq!(house.ears.voices(customer), [anna]);
                assert_eq!(house.activity(BORIS), Activity::Idle);
            }
            _ => {
                house.event(customer, LegEvent::HungUp);
                assert_eq!(
                    (house.activity(ANNA), house.activity(BORIS)),
                    (Activity::WrapUp, Activity::Idle)
                );
                assert_eq!(house.center.calls_active(), 0);
            }
        }
    }
}

#[test]
fn a_customer_who_hangs_up_in_a_consultation_ends_it() {
    let (mut house, call, customer, _anna) = floor();
    house.talk(call, TalkCommand::Consult(to_boris())).unwrap();
    let boris = house.rung();
    house.event(customer, LegEvent::HungUp);
    assert!(
        house.commands.iter().any(|(to, c)| *to == boris && matches!(c, LegCommand::Release(_)))
    );
    assert_eq!((house.activity(ANNA), house.activity(BORIS)), (Activity::WrapUp, Activity::Idle));
    assert_eq!(house.contacts[&call].stages[1].outcome, Some(Outcome::Answered));
}

#[test]
fn commands_that_do_not_fit_are_refused_with_the_cure() {
    let (mut house, call, customer, _anna) = floor();
    let refused = |house: &mut House, command| house.talk(call, command).unwrap_err();
    assert_eq!(refused(&mut house, TalkCommand::Complete), TalkError::NoThirdParty);
    assert_eq!(refused(&mut house, TalkCommand::Drop), TalkError::NoThirdParty);
    house.status(BORIS, Status::Lunch);
    let lunch = NotFree::Away(Presence::Chosen(Status::Lunch));
    assert_eq!(refused(&mut house, TalkCommand::Consult(to_boris())), TalkError::NotFree(lunch));
    assert_eq!(
        refused(&mut house, TalkCommand::Transfer(Destination::Agent(ANNA))),
        TalkError::NotFree(NotFree::Busy(Activity::Talking))
    );
    assert_eq!(
        refused(&mut house, TalkCommand::Transfer(Destination::Queue(QueueId(9)))),
        TalkError::NoQueue
    );
    house.talk(call, TalkCommand::Consult(Destination::Agent(VERA))).unwrap();
    assert_eq!(
        refused(&mut house, TalkCommand::Transfer(Destination::Queue(CARDS))),
        TalkError::ThirdParty
    );
    house.event(customer, LegEvent::HungUp);
    assert_eq!(house.activity(ANNA), Activity::WrapUp, "who consults has talked");
    assert_eq!(refused(&mut house, TalkCommand::Hold), TalkError::NoCall);
    let (waiting, leg) = house.call("+77010000002");
    house.status(VERA, Status::Lunch);
    house.key(leg, '0');
    assert_eq!(house.talk(waiting, TalkCommand::Hold), Err(TalkError::NotTalking("waiting")));
}

// ---- park -----------------------------------------------------------------------------------------------------------

#[test]
fn a_parked_call_is_retrieved_by_anybody_or_goes_back_to_its_queue() {
    let (mut house, call, customer, _anna) = floor();
    house.talk(call, TalkCommand::Park).unwrap();
    assert_eq!((house.state(call), house.ears.music(customer)), ("parked", Some("moh")));
    house.center.retrieve(house.now, call, VERA).unwrap();
    house.drain();
    let vera = house.rung();
    house.event(vera, LegEvent::Refused(Refusal::Busy));
    assert_eq!(house.state(call), "parked", "it stays where it was");
    house.center.retrieve(house.now, call, VERA).unwrap();
    house.drain();
    let vera = house.rung();
    house.event(vera, LegEvent::Answered);
    assert_eq!(house.ears.voices(customer), [vera]);
    house.talk(call, TalkCommand::Park).unwrap();
    house.pass(120.1);
    assert_eq!(house.state(call), "offered", "nobody came: the next agent has it");
    assert_eq!(house.center.retrieve(house.now, call, VERA), Err(TalkError::NotParked));
    house.event(customer, LegEvent::HungUp);
    assert_eq!(
        house.contacts[&call].stages.iter().filter(|s| s.kind == StageKind::Park).count(),
        2
    );
}

// ---- supervision ----------------------------------------------------------------------------------------------------

#[test]
fn a_supervisor_hears_everybody_and_is_heard_as_his_mode_says() {
    let (mut house, call, customer, anna) = floor();
    house.center.watch(house.now, VERA, ANNA, WatchMode::Listen).unwrap();
    house.drain();
    let vera = house.rung();
    assert_eq!(house.activity(VERA), Activity::Supervising);
    house.event(vera, LegEvent::Answered);
    let mut both = vec![customer, anna];
    both.sort_unstable();
    assert_eq!(house.ears.voices(vera), both);
    assert_eq!(
        (house.ears.voices(customer), house.ears.voices(anna)),
        (vec![anna], vec![customer])
    );

    house.center.watch(house.now, VERA, ANNA, WatchMode::Whisper).unwrap();
    house.drain();
    assert_eq!(house.ears.voices(customer), [anna], "he does not hear it");
    assert_eq!(house.ears.voices(anna).len(), 2);

    house.center.watch(house.now, VERA, ANNA, WatchMode::Barge).unwrap();
    house.drain();
    assert_eq!((house.ears.voices(customer).len(), house.ears.voices(anna).len()), (2, 2));
    assert_eq!(house.ears.voices(vera), both);

    house.talk(call, TalkCommand::Hold).unwrap();
    assert_eq!((house.ears.music(customer), house.ears.voices(vera)), (Some("moh"), vec![anna]));
    house.talk(call, TalkCommand::Resume).unwrap();
    assert_eq!(house.ears.voices(vera), both);

    house.event(vera, LegEvent::HungUp);
    assert_eq!(
        (house.ears.voices(customer), house.ears.voices(anna)),
        (vec![anna], vec![customer])
    );
    assert_eq!(house.activity(VERA), Activity::Idle);
    let modes: Vec<&str> = house
        .facts
        .iter()
        .filter_map(|fact| {
            let What::Supervised { mode, .. } = &fact.what else { return None };
            Some(*mode)
        })
        .collect();
    assert_eq!(modes, ["listen", "whisper", "barge", "end"], "audited");
}

#[test]
fn supervision_goes_with_the_agent_from_call_to_call() {
    let (mut house, _call, customer, _anna) = floor();
    house.status(BORIS, Status::Lunch);
    house.center.watch(house.now, VERA, ANNA, WatchMode::Listen).unwrap();
    house.drain();
    let vera = house.rung();
    house.event(vera, LegEvent::Answered);
    house.event(customer, LegEvent::HungUp);
    assert!(house.ears.voices(vera).is_empty());
    house.pass(20.0);
    let (_, next, anna) = house.in_talk("+77010000002");
    let mut both = vec![next, anna];
    both.sort_unstable();
    assert_eq!(house.ears.voices(vera), both);
    assert!(house.center.unwatch(house.now, VERA));
    house.drain();
    assert!(!house.center.unwatch(house.now, VERA));
    assert_eq!(house.activity(VERA), Activity::Idle);
}

#[test]
fn a_supervisor_takes_a_talk_over() {
    let (mut house, call, customer, anna) = floor();
    assert_eq!(house.center.take_over(house.now, VERA), Err(WatchError::NotWatching));
    house.center.watch(house.now, VERA, ANNA, WatchMode::Listen).unwrap();
    house.drain();
    let vera = house.rung();
    house.event(vera, LegEvent::Answered);
    house.talk(call, TalkCommand::Hold).unwrap();
    house.center.take_over(house.now, VERA).unwrap();
    house.drain();
    assert_eq!(
        (house.ears.voices(customer), house.ears.voices(vera)),
        (vec![vera], vec![customer])
    );
    assert_eq!((house.activity(ANNA), house.activity(VERA)), (Activity::WrapUp, Activity::Talking));
    assert!(
        house.commands.iter().any(|(to, c)| *to == anna && matches!(c, LegCommand::Release(_)))
    );
    house.event(vera, LegEvent::HungUp);
    assert_eq!(stages(&house, call)[2..4], [talk("anna"), talk("vera")]);
    assert_eq!(house.contacts[&call].stages[2].passed_on, Some(PassedOn::TakenOver));
}

#[test]
fn watching_needs_a_talk_and_a_free_phone_of_ones_own() {
    let (mut house, _call, _customer, _anna) = floor();
    let mut watch = |who, whom| house.center.watch(house.now, who, whom, WatchMode::Listen);
    assert_eq!(watch(ANNA, ANNA), Err(WatchError::Himself));
    assert_eq!(watch(VERA, BORIS), Err(WatchError::NoTalk));
    assert_eq!(watch(ANNA, BORIS), Err(WatchError::NoTalk));
    watch(VERA, ANNA).unwrap();
    assert_eq!(watch(VERA, BORIS), Err(WatchError::Elsewhere));
    house.drain();
}

#[test]
fn a_supervisors_phone_does_not_ring_for_ever() {
    let (mut house, _call, customer, anna) = floor();
    let watch = |house: &mut House| {
        house.center.watch(house.now, VERA, ANNA, WatchMode::Listen).expect("Vera is free");
        house.drain();
        house.rung()
    };
    let vera = watch(&mut house);
    house.pass(29.9);
    assert_eq!((house.activity(VERA), house.released(vera)), (Activity::Supervising, false));
    house.pass(0.2);
    assert_eq!((house.activity(VERA), house.released(vera)), (Activity::Idle, true));
    assert_eq!(house.ears.voices(customer), [anna], "nothing of it was heard");

    let vera = watch(&mut house);
    house.event(vera, LegEvent::Answered);
    house.pass(600.0);
    assert_eq!(house.activity(VERA), Activity::Supervising, "who has answered stays");
    assert_eq!(house.count(|what| matches!(what, What::Supervised { mode: "end", .. })), 0);
}

#[test]
fn a_supervisor_is_shown_in_the_call_that_he_hears_now() {
    let (mut house, call, customer, _anna) = floor();
    house.status(BORIS, Status::Lunch);
    house.center.watch(house.now, VERA, ANNA, WatchMode::Listen).expect("Vera is free");
    house.drain();
    let vera = house.rung();
    house.event(vera, LegEvent::Answered);
    let shown = |house: &House| house.center.agent(VERA).expect("an agent of the policy").call;
    assert_eq!(shown(&house), Some(call));
    house.event(customer, LegEvent::HungUp);
    house.pass(20.0);
    let (next, _, _) = house.in_talk("+77010000002");
    assert_eq!(shown(&house), Some(next));
    house.center.take_over(house.now, VERA).expect("he is in that talk");
    house.drain();
    assert_eq!((house.activity(VERA), shown(&house)), (Activity::Talking, Some(next)));
}

// ---- everything at once ---------------------------------------------------------------------------------------------

#[test]
fn whatever_is_done_to_talks_in_whatever_order_every_customer_is_heard_or_waits() {
    for seed in 0..300_u64 {
        random_talks(seed);
    }
}

/// Random commands and events on a small floor. After each, every call in a talk hears its agent, or music.
fn random_talks(seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1;
    let mut below = |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let mut house = House::with_ready(Share::None, &[ANNA, BORIS, VERA]);
    let mut calls: Vec<(CallId, LegId)> = Vec::new();
    for step in 0..120 {
        let agents = [ANNA, BORIS, VERA];
        let agent = agents[below(3) as usize];
        match below(12) {
            0 if calls.len() < 4 => {
                let (call, leg) = house.call(&format!("+7701{step:07}"));
                house.key(leg, '0');
                calls.push((call, leg));
            }
            1..=3 => {
                let legs: Vec<LegId> = house.commands.iter().map(|(leg, _)| *leg).collect();
                let Some(leg) = legs.get(legs.len().saturating_sub(1 + below(6) as usize)).copied()
                else {
                    continue;
                };
                let event = match below(7) {
                    0 => LegEvent::HungUp,
                    1 => LegEvent::Lost(Loss::Signalling),
                    2 => LegEvent::Held(below(2) == 0),
                    3 => LegEvent::Ringing,
                    _ => LegEvent::Answered,
                };
                // Only a leg that rings may refuse or answer; the center is told of what legs can do.
                house.event_if_fit(leg, event);
            }
            4..=7 if !calls.is_empty() => {
                let (call, _) = calls[below(calls.len() as u64) as usize];
                let to = match below(4) {
                    0 => Destination::Queue(CARDS),
                    1 => Destination::Number("+7727".into()),
                    2 => Destination::Node("survey".into()),
                    _ => Destination::Agent(agent),
                };
                let command = match below(9) {
                    0 => TalkCommand::Hold,
                    1 => TalkCommand::Resume,
                    2 => TalkCommand::Transfer(to),
                    3 | 4 => TalkCommand::Consult(to),
                    5 => TalkCommand::Complete,
                    6 => TalkCommand::Join,
                    7 => TalkCommand::Drop,
                    _ => TalkCommand::Park,
                };
                let _ = house.talk(call, command);
            }
            8 => {
                let _ = house.center.watch(
                    house.now,
                    agent,
                    agents[below(3) as usize],
                    WatchMode::Barge,
                );
                house.drain();
            }
            9 => {
                let _ = match below(3) {
                    0 => house.center.take_over(house.now, agent).is_ok(),
                    1 => house.center.unwatch(house.now, agent),
                    _ => calls.first().is_some_and(|(call, _)| {
                        house.center.retrieve(house.now, *call, agent).is_ok()
                    }),
                };
                house.drain();
            }
            10 => house.status(agent, Status::Ready),
            _ => house.pass(below(40) as f64),
        }
        calls.retain(|(call, _)| house.state(*call) != "gone");
        for (call, leg) in &calls {
            let (voices, music) = (house.ears.voices(*leg), house.ears.music(*leg));
            match house.state(*call) {
                "talking" | "conference" => assert!(!voices.is_empty(), "seed {seed} step {step}"),
                "hold" | "consult" | "parked" | "waiting" | "offered" => {
                    assert!(music.is_some(), "seed {seed} step {step}: {}", house.state(*call));
                }
                _ => {}
            }
            for other in voices {
                assert!(
                    !house.released(other),
                    "seed {seed} step {step}: hears a leg that is gone"
                );
            }
        }
    }
    for (_, leg) in calls {
        house.event(leg, LegEvent::HungUp);
    }
    for agent in [ANNA, BORIS, VERA] {
        house.center.unwatch(house.now, agent);
    }
    house.drain();
    house.pass(200.0);
    assert_eq!(house.center.calls_active(), 0, "seed {seed}");
    for agent in [ANNA, BORIS, VERA] {
        assert_eq!(house.activity(agent), Activity::Idle, "seed {seed}: {agent} is stuck");
    }
    for contact in house.contacts.values() {
        assert!(contact.ended_at.is_some(), "seed {seed}");
    }
}
