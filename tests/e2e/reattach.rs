//! An agent's phone dies in a talk, and a new one takes the talk up: real sockets, real sound.

use super::house::{House, TALK, eventually};
use super::phone::{Account, Call, Phone, PhoneError, Source};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A phone of the agent's, registered.
async fn phone(account: Account) -> Phone {
    let phone = Phone::open(account, None).await.unwrap();
    phone.register(60).await.unwrap();
    phone
}

/// A customer in a talk with Anna, whose phone speaks at 1000 Hz.
async fn in_talk(house: &House) -> (Call, Phone, Call) {
    let mut anna = phone(house.account("anna")).await;
    assert_eq!(house.set_status("anna", "ready").await.0, 200);
    let mut customer = house.call("+77015550140", Source::Tone(700.0)).await.unwrap();
    customer.press(&['0']);
    let rings = async {
        let mut ringing = anna.ring().await;
        assert!(ringing.ring(SECOND / 5).await, "the caller is still there");
        ringing.answer(Source::Tone(1000.0), false).await.unwrap()
    };
    let (mut talk, _) = tokio::join!(tokio::time::timeout(TALK, rings), customer.stay(2 * SECOND));
    let talk_ref = talk.as_mut().expect("anna's phone rings");
    let (a, b) = tokio::join!(talk_ref.stay(2 * SECOND), customer.stay(2 * SECOND));
    assert!(a && b, "they talk");
    (customer, anna, talk.expect("just answered"))
}

async fn eventually_heard(call: &mut Call, hz: u32, secs: f64) {
    let began = std::time::Instant::now();
    while call.heard().tone_secs(hz) < secs {
        assert!(began.elapsed() < TALK && call.stay(SECOND / 5).await, "{:?}", call.heard());
    }
}

/// The phone's process dies; a new one, at another address, registers and takes the talk up. The customer hears the
/// agent again in the same talk, and nobody else could have taken it.
#[tokio::test]
async fn a_new_phone_takes_up_the_talk_of_one_that_died() {
    let house = House::open().await;
    let (mut customer, dead, talk) = in_talk(&house).await;
    assert!(customer.heard().tone_secs(1000) > 0.5, "{:?}", customer.heard());
    let names = talk.names();
    // Nothing is said any more, not even goodbye: the process is gone with its sockets.
    drop((talk, dead));
    assert!(customer.stay(SECOND).await);

    let bolat = phone(house.account("bolat")).await;
    let refused = bolat.take_up(&names, Source::Silence, TALK).await;
    assert!(matches!(refused, Err(PhoneError::Refused(603, _))), "it is not his");

    let anew = phone(house.account("anna")).await;
    let mut talk = anew.take_up(&names, Source::Tone(1300.0), TALK).await.unwrap();
    let (_, still) =
        tokio::join!(eventually_heard(&mut customer, 1300, 1.0), talk.stay(2 * SECOND));
    assert!(still && talk.heard().tone_secs(700) > 1.0, "the agent hears him: {:?}", talk.heard());
    assert_eq!(house.agent_row("anna").await["activity"], "talking");

    customer.hang_up().await;
    assert!(!talk.stay(TALK).await, "the end of the call ends the new phone's leg");
    let contact = eventually("the contact ended", async || {
        house.contacts().into_iter().find(|contact| contact.ended)
    })
    .await;
    let kinds: Vec<&str> = contact.segments.iter().map(|stage| &*stage.kind).collect();
    assert_eq!(kinds, ["ivr", "queue", "talk"], "one wait and one talk: {contact:?}");
    let lines = [
        "dozvon_phones_back_total{queue=\"general\"} 1",
        "dozvon_agents_lost_total{queue=\"general\"} 0",
        "dozvon_calls_active 0",
    ];
    eventually("one phone came back, and nothing is left", async || {
        let metrics = house.get("/metrics").await.1;
        lines.iter().all(|line| metrics.contains(line)).then_some(())
    })
    .await;
    house.stop().await;
}
