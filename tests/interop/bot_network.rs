//! A bot in a network namespace of its own, whose link goes down while it talks: nothing comes any more, and no end of
//! the connection either.

use crate::helper::{SAMPLE, sample, waits_for_people};
use crate::house::House;
use crate::namespace::Namespace;
use crate::phone::Source;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

const SECOND: Duration = Duration::from_secs(1);
/// A ping every 5 s, and nothing heard until the next one: so long at the most, and a second for a busy machine.
const FOUND_OUT: Duration = Duration::from_secs(11);

/// The sample of a bot within the namespace, and a house that knows it.
async fn open(namespace: &Namespace) -> (Child, House) {
    let mut within = Command::new("ip");
    within
        .args(["netns", "exec", &namespace.name, "python3", SAMPLE])
        .env("HOST", namespace.there.to_string());
    sample(&mut within).await
}

#[tokio::test]
async fn a_bot_whose_network_goes_in_mid_talk_is_found_out_by_its_pings() {
    let namespace = Namespace::open();
    let (mut bot, house) = open(&namespace).await;
    let mut call = house.call("+77015550150", Source::Tone(700.0)).await.unwrap();
    assert!(call.stay(2 * SECOND).await);
    assert!(call.heard().tone_secs(800) > 0.3, "its greeting: {:?}", call.heard());
    namespace.cut();
    let cut = Instant::now();
    waits_for_people(&house, &mut call).await;
    let took = cut.elapsed();
    println!(
        "a bot whose network was cut: in the queue for people after {:.1} s",
        took.as_secs_f64()
    );
    assert!(took < FOUND_OUT, "{took:?}");
    call.hang_up().await;
    let metrics = house.get("/metrics").await.1;
    let line = "dozvon_bot_failed_total{bot=\"helper\",reason=\"stalled\"} 1";
    assert!(metrics.contains(line), "{line} in\n{metrics}");
    bot.kill().await.unwrap();
}
