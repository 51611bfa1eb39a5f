//! Agents' own calls and the transfers that their phones ask for, in virtual time, by what everybody hears.

use crate::house::{ANNA, BORIS, House, VERA};
use crate::talk::{CARDS, IVR, QUEUE, floor, stages, talk, to_boris};
use dozvon_center::acd::{Activity, NotFree, Status};
use dozvon_center::border::{LegCommand, LegEvent, Referral, ReferralNews, Refusal};
use dozvon_center::contact::PassedOn;
use dozvon_center::fact::What;
use dozvon_center::ids::{LegId, QueueId};
use dozvon_center::rollout::Share;
use dozvon_center::talk::{Destination, TalkCommand, TalkError};

fn news(house: &House, leg: LegId) -> Vec<ReferralNews> {
    let of = |(to, command): &(LegId, LegCommand)| {
        let LegCommand::Referral(news) = command else { return None };
        (*to == leg).then(|| news.clone())
    };
    house.commands.iter().filter_map(of).collect()
}

/// Anna holds her customer and calls Boris from the same phone: her leg and his.
fn own_call(house: &mut House) -> (LegId, LegId) {
    let (_, leg) = house.center.call_from(house.now, ANNA, &to_boris()).expect("Boris is free");
    house.drain();
    (leg, house.rung())
}

#[test]
fn a_phones_blind_transfer_is_told_how_it_went() {
    let (mut house, _call, customer, anna) = floor();
    house.event(anna, LegEvent::Referred(Referral::To(to_boris())));
    assert_eq!(news(&house, anna), [ReferralNews::Accepted]);
    let boris = house.rung();
    house.event(anna, LegEvent::HungUp);
    assert_eq!(house.ears.music(customer), Some("ringback"));
    house.event(boris, LegEvent::Answered);
    assert_eq!(news(&house, anna), [ReferralNews::Accepted, ReferralNews::Done]);
    assert_eq!(house.ears.voices(customer), [boris]);

    let (mut house, call, customer, anna) = floor();
    house.event(anna, LegEvent::Referred(Referral::To(to_boris())));
    let boris = house.rung();
    house.event(boris, LegEvent::Refused(Refusal::Busy));
    assert_eq!(news(&house, anna), [ReferralNews::Accepted, ReferralNews::Failed]);
    assert_eq!((house.state(call), house.ears.voices(customer)), ("talking", vec![anna]));

    house.event(anna, LegEvent::Referred(Referral::To(Destination::Queue(CARDS))));
    assert_eq!(house.state(call), "offered", "a queue has it at once");
    assert_eq!(news(&house, anna).last(), Some(&ReferralNews::Done));

    let (mut house, _call, customer, anna) = floor();
    house.status(BORIS, Status::Lunch);
    house.event(anna, LegEvent::Referred(Referral::To(to_boris())));
    assert!(
        matches!(news(&house, anna).as_slice(), [ReferralNews::Refused(why)] if why.contains("lunch"))
    );
    house.event(customer, LegEvent::Referred(Referral::To(to_boris())));
    assert!(matches!(news(&house, customer).as_slice(), [ReferralNews::Refused(_)]), "not he");
}

#[test]
fn a_phones_attended_transfer_joins_its_own_call_with_the_customer() {
    let (mut house, call, customer, anna) = floor();
    house.event(anna, LegEvent::Held(true));
    let (own, boris) = own_call(&mut house);
    assert_eq!((house.activity(ANNA), house.activity(BORIS)), (Activity::Hold, Activity::Ringing));
    house.event(boris, LegEvent::Ringing);
    assert!(house.commands.contains(&(own, LegCommand::Ring)));
    house.event(boris, LegEvent::Answered);
    assert!(house.commands.contains(&(own, LegCommand::Answer)));
    assert_eq!((house.ears.voices(own), house.ears.voices(boris)), (vec![boris], vec![own]));
    house.pass(8.0);
    house.event(anna, LegEvent::Referred(Referral::Own(own)));
    assert_eq!(news(&house, anna), [ReferralNews::Accepted, ReferralNews::Done]);
    assert_eq!(
        (house.ears.voices(customer), house.ears.voices(boris)),
        (vec![boris], vec![customer])
    );
    assert_eq!(
        (house.activity(ANNA), house.activity(BORIS)),
        (Activity::WrapUp, Activity::Talking)
    );
    assert!(house.released(own) && house.released(anna));
    house.event(customer, LegEvent::HungUp);
    assert_eq!(stages(&house, call), [IVR, QUEUE, talk("anna"), talk("boris")]);
    assert_eq!(house.contacts[&call].stages[2].passed_on, Some(PassedOn::Attended));
    let asked = |what: &What| {
        let What::OwnCallEnded { answered: true, talk_secs, .. } = what else { return false };
        *talk_secs == 8.0
    };
    assert_eq!(house.count(asked), 1);
}

#[test]
fn asking_from_either_of_the_two_calls_is_the_same_transfer() {
    let (mut house, _call, customer, anna) = floor();
    let (own, boris) = own_call(&mut house);
    house.event(boris, LegEvent::Answered);
    house.event(own, LegEvent::Referred(Referral::Own(anna)));
    assert_eq!(house.ears.voices(customer), [boris]);
    assert_eq!(news(&house, own), [ReferralNews::Accepted, ReferralNews::Done]);
}

#[test]
fn an_attended_transfer_while_it_rings_becomes_a_blind_one() {
    let (mut house, call, customer, anna) = floor();
    let (own, boris) = own_call(&mut house);
    house.event(anna, LegEvent::Referred(Referral::Own(own)));
    assert_eq!((house.ears.music(customer), house.state(call)), (Some("ringback"), "consult"));
    house.event(boris, LegEvent::Refused(Refusal::Declined));
    assert_eq!(house.ears.voices(customer), [anna], "the old bridge is back");
    assert_eq!(news(&house, anna), [ReferralNews::Accepted, ReferralNews::Failed]);
}

#[test]
fn an_own_call_ends_with_either_side_and_frees_the_colleague() {
    for end in 0..3 {
        let (mut house, call, _customer, _anna) = floor();
        house.talk(call, TalkCommand::Hold).unwrap();
        let (own, boris) = own_call(&mut house);
        match end {
            0 => {
                house.event(boris, LegEvent::Refused(Refusal::Busy));
                assert!(house.commands.contains(&(own, LegCommand::Reject(Refusal::Busy))));
            }
            1 => {
                house.pass(30.1);
                assert!(house.commands.contains(&(own, LegCommand::Reject(Refusal::NoAnswer))));
                assert!(house.released(boris));
            }
            _ => {
                house.event(boris, LegEvent::Answered);
                house.event(own, LegEvent::HungUp);
                assert!(house.released(boris));
            }
        }
        assert_eq!((house.activity(ANNA), house.activity(BORIS)), (Activity::Hold, Activity::Idle));
    }
    let (mut house, ..) = floor();
    house.status(BORIS, Status::Lunch);
    assert!(matches!(
        house.center.call_from(house.now, ANNA, &to_boris()),
        Err(TalkError::NotFree(_))
    ));
    house.drain();
}

#[test]
fn an_agent_with_two_own_calls_is_busy_until_both_are_over() {
    let mut house = House::with_ready(Share::None, &[ANNA, BORIS]);
    let outside = Destination::Number("+77270000000".into());
    let mut begin = || {
        let (_, own) = house.center.call_from(house.now, ANNA, &outside).expect("nobody minds");
        house.drain();
        let far = house.newest(|command| matches!(command, LegCommand::Dial { .. }));
        house.event(far, LegEvent::Answered);
        own
    };
    let (first, second) = (begin(), begin());
    // A third one is to a flow, which the center does not carry.
    house.center.own_call(house.now, ANNA, true);
    house.status(BORIS, Status::Lunch);
    for ends in 0..3 {
        assert_eq!(house.activity(ANNA), Activity::Outbound, "{ends} of three are over");
        match ends {
            0 => house.event(first, LegEvent::HungUp),
            1 => house.center.own_call(house.now, ANNA, false),
            _ => house.event(second, LegEvent::HungUp),
        }
        house.drain();
    }
    assert_eq!(house.activity(ANNA), Activity::Idle);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    assert_eq!(house.state(call), "offered");
}

#[test]
fn an_agent_does_not_reach_himself() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let own = |house: &mut House, to| house.center.call_from(house.now, ANNA, &to).map(|_| ());
    let busy = TalkError::NotFree(NotFree::Busy(Activity::Outbound));
    assert_eq!(own(&mut house, Destination::Agent(ANNA)), Err(busy));
    let general = Destination::Queue(QueueId(0));
    let nobody = TalkError::NobodyFree("general".into());
    assert_eq!(own(&mut house, general.clone()), Err(nobody), "she is the only one there");
    assert_eq!(house.activity(ANNA), Activity::Idle, "nothing has changed");
    house.ready(&[VERA]);
    own(&mut house, general).expect("Vera is free");
    house.drain();
    let activities = (house.activity(ANNA), house.activity(VERA));
    assert_eq!(activities, (Activity::Outbound, Activity::Ringing));
}

#[test]
fn who_asks_for_a_transfer_in_a_call_that_is_gone_hears_so() {
    let (mut house, _call, customer, anna) = floor();
    house.event(customer, LegEvent::HungUp);
    for referral in [Referral::To(to_boris()), Referral::Own(customer)] {
        let told = news(&house, anna).len();
        house.event(anna, LegEvent::Referred(referral));
        assert!(matches!(news(&house, anna)[told..], [ReferralNews::Refused(_)]));
    }
}
