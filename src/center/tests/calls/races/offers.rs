//! Races around an offer: caller, phone, status and ring time-out, in every order.

use super::{Move, Phone, Race, Scene, before, every_order, under};
use crate::house::{ANNA, BORIS, House};
use dozvon_center::acd::{
    Activity, Actor, NotFree, OfferResult, Presence, Side, Status, StatusError,
};
use dozvon_center::border::{LegCommand, LegEvent};
use dozvon_center::contact::{Outcome, PassedOn, StageKind};
use dozvon_center::desk::Asker;
use dozvon_center::fact::What;
use dozvon_center::ids::LegId;
use dozvon_center::talk::{Destination, TalkError};
use std::time::Duration;

use Move::{
    AgentHangsUp, Answer, BorisComes, Busy, CallerGoes, Decline, DialsOut, GoHome, LegBreaks,
    Lunch, OwnCallEnds, PhoneBack, PhoneGone, Ready, Timers,
};

const AWAY: Presence = Presence::Chosen(Status::Lunch);

fn outcome(scene: &Scene) -> Option<Outcome> {
    let contact = &scene.house.contacts[&scene.first.0];
    contact.stages.iter().find(|stage| stage.kind == StageKind::Queue)?.outcome
}

fn connected(scene: &Scene) -> usize {
    let first = Some(scene.first.0);
    let facts = scene.house.facts.iter().filter(|fact| fact.call == first);
    facts.filter(|fact| matches!(fact.what, What::Connected { .. })).count()
}

/// A caller who gives up while a phone rings stops it; the agent is free at once, keeps his rank and has missed
/// nothing; the wait counts in full as abandoned.
#[test]
fn a_caller_who_gives_up_stops_the_phone_and_costs_the_agent_nothing() {
    every_order(Scene::ringing, &[CallerGoes, Timers, BorisComes], |scene, order| {
        if scene.result() == Some(OfferResult::CallerGone) {
            assert!(scene.house.released(scene.rung), "the phone is silent");
            let anna = scene.agent(ANNA);
            if scene.results().len() == 1 {
                assert_eq!((anna.misses, anna.cooldown_until), (0, None), "{order:?}");
            }
            assert!(matches!(outcome(scene), Some(Outcome::Abandoned | Outcome::ShortAbandoned)));
        }
        assert_eq!(connected(scene), 0);
    });
    let mut scene = Scene::ringing();
    scene.wait(8_000);
    scene.play(CallerGoes);
    assert_eq!(outcome(&scene), Some(Outcome::Abandoned), "the whole wait counts");
    assert_eq!(scene.house.state(scene.later.0), "offered", "she is free at once");
}

/// When hanging up and the answer cross, what comes in first counts: an answer after it is stale and ended, and no
/// answered call is made of it.
#[test]
fn when_hanging_up_crosses_the_answer_the_first_that_comes_in_counts() {
    every_order(Scene::ringing, &[CallerGoes, Answer, Timers], |scene, order| {
        if before(order, CallerGoes, Answer) {
            assert_eq!(connected(scene), 0, "never answered: {order:?}");
            assert_ne!(scene.agent(ANNA).activity, Activity::WrapUp, "nothing to wrap up");
            assert_ne!(outcome(scene), Some(Outcome::Answered));
        } else if scene.result() == Some(OfferResult::Answered) {
            assert_eq!((connected(scene), outcome(scene)), (1, Some(Outcome::Answered)));
        }
    });
    // The hanging up that an answer crossed comes in a moment after it: nothing was said, so nothing is to wrap up.
    for (millis, wraps_up) in [(0, false), (1_999, false), (2_000, true)] {
        let mut scene = Scene::ringing();
        scene.play(Answer);
        scene.wait(millis);
        scene.play(CallerGoes);
        let activity = scene.agent(ANNA).activity;
        assert_eq!(activity == Activity::WrapUp, wraps_up, "after {millis} ms: {activity}");
        assert_eq!(scene.state(), "gone");
        scene.over();
    }
}

/// An answer within a second of the ring time-out is accepted while the caller is there and nobody else rings for him,
/// and is no miss; later, or when somebody else rings, it is stale.
#[test]
fn a_late_answer_counts_for_a_second_unless_the_call_is_offered_elsewhere() {
    for (at, timers, talks) in [
        (19_999, true, true),
        (20_000, false, true),
        (20_000, true, true),
        (20_999, true, true),
        (21_000, false, true),
        (21_000, true, false),
        (21_001, true, false),
    ] {
        let mut scene = Scene::ringing();
        scene.wait(at);
        if timers {
            scene.play(Timers);
        }
        scene.play(Answer);
        assert_eq!(scene.state() == "talking", talks, "after {at} ms, timers first: {timers}");
        let misses = scene.agent(ANNA).misses;
        assert_eq!(misses, u32::from(!talks), "a late answer is not a miss");
        scene.over();
    }
    let mut scene = Scene::ringing();
    scene.wait(20_300);
    scene.play(BorisComes);
    assert!(scene.house.released(scene.rung), "no two phones ring for one caller");
    scene.wait(100);
    scene.play(Answer);
    assert_eq!((scene.state(), scene.stale()), ("offered", 1));
    scene.over();
}

/// The ring time-out, the late answer, the next agent and the caller's end, in any order: one agent at most.
#[test]
fn around_the_ring_time_out_nobody_is_rung_twice_and_a_miss_is_one() {
    for third in [BorisComes, CallerGoes, Ready] {
        every_order(Scene::ringing, &[Answer, Timers, third], |scene, order| {
            let missed = scene.results().iter().filter(|r| **r == OfferResult::NoAnswer).count();
            assert_eq!(scene.agent(ANNA).misses as usize, missed, "{order:?}");
        });
    }
}

/// An agent who hangs up within two seconds of his answer has not talked: the caller waits on at his place and hears
/// music, the agent rests for half a minute without wrap-up, and that is counted.
#[test]
fn an_agent_who_hangs_up_at_once_gives_the_caller_his_place_back() {
    every_order(Scene::ringing, &[Answer, AgentHangsUp, CallerGoes], |scene, _| {
        let dropped = scene.house.count(|what| matches!(what, What::AgentDropped { .. }));
        let talks = scene.house.facts.iter().filter_map(|fact| {
            let What::TalkEnded { by: Side::Agent, talk_secs, .. } = fact.what else {
                return None;
            };
            Some(talk_secs)
        });
        assert_eq!(talks.filter(|secs| *secs < 2.0).count(), dropped, "short talks, and only they");
    });
    let mut scene = Scene::ringing();
    scene.play(Answer);
    scene.wait(1_999);
    scene.play(AgentHangsUp);
    assert_eq!(scene.state(), "waiting");
    assert_eq!(scene.house.ears.music(scene.first.1), Some("moh"));
    let anna = scene.agent(ANNA);
    assert_eq!(anna.activity, Activity::Idle, "no wrap-up");
    assert_eq!(anna.cooldown_until, Some(scene.house.now + Duration::from_secs(30)));
    let contact = &scene.house.contacts[&scene.first.0];
    let talk = contact.stages.iter().find(|stage| stage.kind == StageKind::Talk).expect("a talk");
    assert_eq!(talk.passed_on, Some(PassedOn::AgentDropped));
    scene.play(BorisComes);
    assert_eq!(scene.state(), "offered", "served before the later caller");
    scene.over();

    let mut scene = Scene::talking(2.0);
    scene.play(AgentHangsUp);
    assert_eq!(scene.state(), "ivr", "a talk of two seconds is one: the flow goes on");
    scene.over();
}

/// Three of them in a row need a person; a talk in between forgives them.
#[test]
fn an_agent_who_drops_three_calls_in_a_row_is_not_rung_any_more() {
    for forgiven in [false, true] {
        let mut house = under(|_| {});
        house.center.reachable(house.now, ANNA, true);
        house.status(BORIS, Status::Lunch);
        house.status(ANNA, Status::Ready);
        let (call, leg) = house.call("+77010000001");
        house.key(leg, '0');
        for n in 0..3 {
            let anna = house.answer();
            if forgiven && n == 1 {
                house.pass(10.0);
                house.event(anna, LegEvent::HungUp);
                house.pass(15.1);
                house.key(leg, '0');
                let anna = house.answer();
                house.event(anna, LegEvent::HungUp);
            } else {
                house.event(anna, LegEvent::HungUp);
            }
            house.pass(30.1);
        }
        let expected = if forgiven { Presence::READY } else { Presence::NotResponding };
        assert_eq!(house.center.agent(ANNA).unwrap().presence, expected);
        assert_eq!(house.state(call), if forgiven { "offered" } else { "waiting" });
    }
}

/// An agent who declines, or whose phone is busy, is out for ten seconds; the next one rings at once; it is no miss.
#[test]
fn a_declined_call_rings_at_the_next_agent_at_once() {
    for (no, result) in [(Decline, OfferResult::Declined), (Busy, OfferResult::Busy)] {
        every_order(Scene::ringing, &[no, CallerGoes, BorisComes], |scene, order| {
            assert_eq!(scene.agent(ANNA).misses, u32::from(missed(scene)), "{order:?}");
            if !scene.gone {
                assert_ne!(scene.state(), "waiting", "with Boris there nobody waits: {order:?}");
            }
        });
        let mut scene = Scene::ringing();
        scene.play(no);
        let anna = scene.agent(ANNA);
        assert_eq!((scene.result(), anna.misses), (Some(result), 0));
        assert_eq!(anna.cooldown_until, Some(scene.house.now + Duration::from_secs(10)));
        scene.play(BorisComes);
        assert_eq!(scene.agent(BORIS).call, Some(scene.first.0));
    }
}

fn missed(scene: &Scene) -> bool {
    scene.results().contains(&OfferResult::NoAnswer)
}

/// A phone that is lost while it rings loses the offer now, not at the time-out: no miss, and the status stands. After
/// five seconds the agent is unreachable; back within a minute he is ready by himself.
#[test]
fn a_phone_lost_while_it_rings_loses_the_offer_at_once() {
    for moves in [
        [PhoneGone, PhoneBack, Answer],
        [PhoneGone, LegBreaks, CallerGoes],
        [PhoneGone, Answer, Timers],
        [LegBreaks, PhoneGone, BorisComes],
    ] {
        every_order(Scene::ringing, &moves, |scene, order| {
            let losses = [OfferResult::Unreachable, OfferResult::Error];
            if scene.result().is_some_and(|result| losses.contains(&result)) {
                assert!(scene.phone == Phone::Gone || scene.house.released(scene.rung));
                assert!(!missed(scene) || scene.results().len() > 1, "{order:?}");
            }
        });
    }
    let mut scene = Scene::ringing();
    scene.play(PhoneGone);
    assert_eq!((scene.result(), scene.state()), (Some(OfferResult::Unreachable), "waiting"));
    assert_eq!((scene.agent(ANNA).presence, scene.agent(ANNA).misses), (Presence::READY, 0));
    scene.wait(5_001);
    assert_eq!(scene.agent(ANNA).presence, Presence::Unreachable);
    scene.wait(50_000);
    scene.play(PhoneBack);
    assert_eq!(scene.agent(ANNA).presence, Presence::READY);
    assert_eq!(scene.agent(ANNA).call, Some(scene.first.0), "the first caller kept his place");
}

/// A phone that breaks in a talk never costs the customer his call: he is back at his old place.
#[test]
fn a_phone_that_breaks_in_a_talk_puts_the_customer_back_at_his_place() {
    for moves in [
        [LegBreaks, CallerGoes, Lunch],
        [LegBreaks, PhoneGone, PhoneBack],
        [LegBreaks, Timers, BorisComes],
    ] {
        every_order(
            || Scene::talking(10.0),
            &moves,
            |scene, order| {
                let lost = scene.house.count(|what| matches!(what, What::AgentLost { .. }));
                let broken = order.contains(&CallerGoes) && before(order, CallerGoes, LegBreaks);
                assert_eq!(lost, usize::from(!broken), "{order:?}");
                assert!(!missed(scene) || scene.results().len() > 1);
            },
        );
    }
    let mut scene = Scene::talking(10.0);
    scene.play(LegBreaks);
    scene.play(PhoneGone);
    let (caller, music) = (scene.first.1, scene.house.ears.music(scene.first.1));
    assert_eq!((scene.state(), music), ("waiting", Some("moh")));
    let told = |(leg, command): &(LegId, LegCommand)| {
        *leg == caller
            && matches!(command, LegCommand::Announce { prompts, .. } if &*prompts[0].name == "trouble")
    };
    assert!(scene.house.commands.iter().any(told), "he is told what has happened");
    scene.play(BorisComes);
    assert_eq!(scene.agent(BORIS).call, Some(scene.later.0), "the first waits for Anna alone");
    scene.wait(15_000);
    assert_eq!(scene.state(), "waiting");
    scene.play(PhoneBack);
    assert_eq!(scene.agent(ANNA).misses, 0);
    scene.wait(6_000);
    assert_eq!(scene.state(), "offered", "to her, or after twenty seconds to whoever is free");
    scene.over();
}

/// The third offer in a row that rings out makes the agent `not_responding`, which only a person ends; an answer
/// forgives the ones before.
#[test]
fn the_third_miss_in_a_row_needs_a_person() {
    let miss = |scene: &mut Scene| {
        scene.house.pass(21.1);
        scene.house.pass(30.1);
        if scene.agent(ANNA).activity == Activity::Reserved {
            let rung = scene.house.rung();
            scene.house.event(rung, LegEvent::Ringing);
        }
    };
    let mut scene = Scene::ringing();
    (0..3).for_each(|_| miss(&mut scene));
    assert_eq!(scene.results(), [OfferResult::NoAnswer; 3]);
    assert_eq!(scene.agent(ANNA).presence, Presence::NotResponding);
    scene.play(PhoneGone);
    scene.play(PhoneBack);
    scene.house.pass(3_000.0);
    assert_eq!(scene.agent(ANNA).presence, Presence::NotResponding, "never by itself");
    assert_eq!(scene.state(), "waiting");
    scene.play(Ready);
    assert_eq!((scene.agent(ANNA).misses, scene.state()), (0, "offered"));

    let mut scene = Scene::ringing();
    (0..2).for_each(|_| miss(&mut scene));
    scene.house.answer();
    assert_eq!(scene.agent(ANNA).misses, 0, "an answer forgives");
}

/// A break asked for while the phone rings applies at once: the offer is withdrawn, it is no miss, the caller keeps his
/// place. After the answer the break waits for the end of the talk.
#[test]
fn a_break_wins_over_a_ringing_phone_and_waits_for_a_talk() {
    for third in [Timers, CallerGoes, BorisComes] {
        every_order(Scene::ringing, &[Lunch, Answer, third], |scene, order| {
            let anna = scene.agent(ANNA);
            if scene.result() == Some(OfferResult::CancelledStatus) {
                assert_eq!((anna.presence, anna.misses), (AWAY, 0), "{order:?}");
                assert_eq!(connected(scene), 0, "{order:?}");
            }
            if anna.activity == Activity::Talking {
                assert_eq!((anna.presence, anna.pending), (Presence::READY, Some(AWAY)));
            } else {
                assert!(anna.presence == AWAY || anna.pending == Some(AWAY), "{order:?}: {anna:?}");
            }
        });
    }
}

/// A break asked for in a talk comes after it and its wrap-up; the last wish counts.
#[test]
fn a_break_asked_for_in_a_talk_comes_after_it() {
    every_order(
        || Scene::talking(10.0),
        &[Lunch, CallerGoes, Ready],
        |scene, order| {
            let anna = scene.agent(ANNA);
            let wants = if before(order, Lunch, Ready) { Presence::READY } else { AWAY };
            if matches!(anna.activity, Activity::Talking | Activity::WrapUp) {
                assert_eq!(anna.presence, Presence::READY);
                assert_eq!(anna.pending, Some(wants).filter(|wants| *wants == AWAY), "{order:?}");
            } else {
                assert_eq!(anna.presence, wants, "{order:?}");
            }
        },
    );
}

/// Who goes home while the phone rings is gone at once, and the offer with him; in a talk he stays until it is over.
#[test]
fn going_home_withdraws_a_ringing_phone_and_waits_for_a_talk() {
    every_order(Scene::ringing, &[GoHome, Answer, CallerGoes], |scene, order| {
        let anna = scene.agent(ANNA);
        assert!(anna.misses == 0 || missed(scene), "{order:?}");
        let leaving = anna.pending == Some(Presence::LoggedOut);
        assert!(leaving || anna.presence == Presence::LoggedOut, "{order:?}: {anna:?}");
        assert!(!leaving || anna.activity != Activity::Idle, "he waits for something");
    });
    let talking = || Scene::talking(10.0);
    every_order(talking, &[GoHome, AgentHangsUp, CallerGoes], |scene, order| {
        let home = scene.agent(ANNA).presence == Presence::LoggedOut;
        let over = before(order, AgentHangsUp, GoHome) || before(order, CallerGoes, GoHome);
        assert!(home || !over, "after the talk he goes at once: {order:?}");
    });
}

/// Of two people who set a status at once the second sees that his picture is old, and may insist.
#[test]
fn of_two_who_set_a_status_at_once_the_second_is_told_that_his_picture_is_old() {
    let boss = || Asker::new(Actor::Supervisor).because("training");
    for boss_first in [false, true] {
        let mut house = under(|_| {});
        house.center.reachable(house.now, ANNA, true);
        house.status(ANNA, Status::Ready);
        let seen = Some(house.center.agent(ANNA).unwrap().epoch);
        let mut asks = [(Status::Training, boss()), (Status::Lunch, Asker::new(Actor::Agent))];
        if !boss_first {
            asks.reverse();
        }
        let [(first, by), (second, then)] = asks;
        assert_eq!(house.center.set_status(house.now, ANNA, first, by, seen), Ok(()));
        let late = house.center.set_status(house.now, ANNA, second, then, seen);
        assert_eq!(late, Err(StatusError::Stale));
        assert_eq!(house.center.agent(ANNA).unwrap().presence, Presence::Chosen(first));
        let forced = house.center.set_status(house.now, ANNA, Status::Training, boss(), None);
        assert_eq!(forced, Ok(()));
        house.drain();
    }
}

/// When the phone dials out at the moment of the offer, the offer loses and the caller keeps his place; a talk that
/// stands already does not.
#[test]
fn an_own_call_at_the_moment_of_the_offer_sends_the_caller_on() {
    every_order(Scene::ringing, &[DialsOut, Answer, OwnCallEnds], |scene, order| {
        if scene.result() == Some(OfferResult::Glare) {
            assert!(scene.agent(ANNA).misses == 0 || missed(scene), "{order:?}");
            assert!(scene.house.released(scene.rung));
        }
        if before(order, DialsOut, Answer) && !missed(scene) {
            assert_eq!(connected(scene), 0, "{order:?}");
        }
    });
    let mut scene = Scene::ringing();
    scene.play(DialsOut);
    assert_eq!((scene.result(), scene.state()), (Some(OfferResult::Glare), "waiting"));
    scene.play(BorisComes);
    assert_eq!(scene.agent(BORIS).call, Some(scene.first.0), "re-offered at his old place");
}

/// A colleague who calls an agent that is reserved, rung or in a talk hears busy, and nothing happens to the offer.
#[test]
fn a_direct_call_to_a_busy_agent_is_refused_and_disturbs_nothing() {
    let call_anna = |house: &mut House| {
        let result = house.center.call_from(house.now, BORIS, &Destination::Agent(ANNA));
        house.drain();
        result.map(drop)
    };
    let busy = |activity| Err(TalkError::NotFree(NotFree::Busy(activity)));
    let mut scene = Scene::talking(10.0);
    assert_eq!(call_anna(&mut scene.house), busy(Activity::Talking));
    assert_eq!(scene.state(), "talking");
    let mut scene = Scene::ringing();
    assert_eq!(call_anna(&mut scene.house), busy(Activity::Ringing));
    scene.gone = true;
    scene.house.event(scene.first.1, LegEvent::HungUp);
    assert_eq!(scene.agent(ANNA).activity, Activity::Reserved, "for the later caller");
    assert_eq!(call_anna(&mut scene.house), busy(Activity::Reserved));
    scene.laws();
    scene.over();
}
