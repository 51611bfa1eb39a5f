//! A queue closes while callers wait and a phone rings, in every order.

use super::{Move, Phone, Race, Scene, before, every_order, under};
use crate::house::House;
use dozvon_center::Center;
use dozvon_center::calendar::{Calendar, Calendars, moment};
use dozvon_center::contact::{Outcome, StageKind};
use dozvon_center::fact::What;
use dozvon_center::ids::CallId;
use dozvon_center::opening::QueueHours;
use dozvon_clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;

use Move::{Answer, BorisComes, CallerGoes, Decline, Timers};

/// How long those who wait are served after closing time.
const DRAIN: Duration = Duration::from_secs(6);

fn closes() -> Timestamp {
    moment("2027-01-15T08:00Z").expect("a moment")
}

/// Ten seconds before its queue closes Anna's phone begins to ring for the first caller; the later one waits behind
/// him. The scene begins two seconds before the drain is over.
fn closing() -> Scene {
    let house = under(|policy| {
        let text = "calendar: day\nzone: UTC\nweekly: {mon-fri: [06:00-08:00]}\n";
        let mut calendars = Calendars::new();
        calendars.insert(Calendar::from_yaml("day.yaml", text).expect("a calendar"));
        policy.calendars = Arc::new(calendars);
        let hours = QueueHours { calendar: "day".into(), drain_max: DRAIN };
        policy.opening.queues.insert("general".into(), hours);
    });
    let policy = house.center.policy().clone();
    let now = closes() - Duration::from_secs(10);
    let mut scene = Scene::ringing_in(House::of(Center::new(policy, now), now));
    scene.wait(12_999);
    assert_eq!(scene.house.now, closes() + DRAIN - Duration::from_millis(2_001));
    assert_eq!(scene.state(), "offered");
    scene
}

fn outcome(scene: &Scene, call: CallId) -> Option<Outcome> {
    let contact = &scene.house.contacts[&call];
    contact.stages.iter().find(|stage| stage.kind == StageKind::Queue)?.outcome
}

/// When a call left its queue with the outcome `closed`.
fn closed_at(scene: &Scene, call: CallId) -> Option<Timestamp> {
    let closed = |what: &What| matches!(what, What::SegmentEnded { outcome: Outcome::Closed, .. });
    scene
        .house
        .facts
        .iter()
        .find(|fact| fact.call == Some(call) && closed(&fact.what))
        .map(|fact| fact.at)
}

fn rang_since(scene: &Scene, call: CallId) -> bool {
    let started = |what: &What| matches!(what, What::OfferStarted { .. });
    scene.house.facts.iter().any(|fact| fact.call == Some(call) && started(&fact.what))
}

/// Who waited at closing time is served until the drain is over, and a phone that rings then is let finish; whoever is
/// left leaves with the outcome `closed`, once, and not a moment sooner.
#[test]
fn a_queue_that_closes_serves_those_who_wait_and_then_lets_them_go() {
    let over = closes() + DRAIN;
    let look = |scene: &Scene, order: &[Move]| {
        for (call, _) in [scene.first, scene.later] {
            if let Some(at) = closed_at(scene, call) {
                assert!(at >= over, "{order:?}: nobody is sent away before the drain is over");
                assert_eq!(outcome(scene, call), Some(Outcome::Closed));
                let hears = scene.house.state(call) == "ivr";
                assert!(
                    hears || scene.gone && call == scene.first.0,
                    "the flow says what he hears"
                );
            }
        }
        let now = scene.house.now;
        if !rang_since(scene, scene.later.0) && now > over {
            assert_eq!(closed_at(scene, scene.later.0), Some(over), "{order:?}");
        }
        let rings = scene.house.state(scene.first.0) == "offered";
        let rang = |what: &What| matches!(what, What::OfferEnded { .. });
        let of_first = scene.house.facts.iter().filter(|fact| fact.call == Some(scene.first.0));
        let rung_until = of_first.filter(|fact| rang(&fact.what)).map(|fact| fact.at).max();
        let late = now > rung_until.unwrap_or(over).max(over) + Duration::from_millis(1_001);
        if scene.state() == "waiting" {
            assert!(!late, "{order:?}: nobody waits on in a closed queue");
        }
        assert!(!(rings && closed_at(scene, scene.first.0).is_some()));
    };
    every_order(closing, &[Answer, CallerGoes, Timers], |scene, order| {
        look(scene, order);
        if before(order, Answer, CallerGoes) && scene.phone != Phone::Gone {
            assert_eq!(outcome(scene, scene.first.0), Some(Outcome::Answered), "{order:?}");
        }
    });
    every_order(closing, &[Decline, BorisComes, Timers], look);
    every_order(closing, &[Decline, CallerGoes, Timers], look);
    every_order(closing, &[Answer, BorisComes, Timers], look);
}

#[test]
fn a_phone_that_rings_when_the_drain_is_over_may_still_answer_and_declined_the_caller_leaves() {
    let mut scene = closing();
    scene.wait(3_000);
    assert_eq!(closed_at(&scene, scene.later.0), Some(closes() + DRAIN), "nobody rings for him");
    assert_eq!(scene.state(), "offered", "his phone is let finish");
    scene.play(Answer);
    assert_eq!(scene.state(), "talking");
    scene.over();
    let mut scene = closing();
    scene.wait(3_000);
    scene.play(Decline);
    scene.wait(1_001);
    assert_eq!(outcome(&scene, scene.first.0), Some(Outcome::Closed));
    scene.over();
}
