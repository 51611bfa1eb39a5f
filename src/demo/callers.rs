//! Synthetic callers: real SIP and RTP phones that call the bank, press keys, wait, talk and hang up.

use crate::caller::phone::{Account, Phone, Source};
use std::net::SocketAddr;
use std::time::Duration;

/// A small random generator, so that the same seed gives the same callers.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice for a seed.
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*: good enough to choose callers.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// What one caller does: key, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Script {
    number: String,
    presses: Vec<(Duration, &'static str)>,
    patience: Duration,
}

impl Script {
    /// The next caller.
    pub(super) fn roll(dice: &mut Dice) -> Script {
        let first = Duration::from_millis(1_500 + dice.below(5_000));
        let keys: &[&str] = match dice.below(10) {
            0 | 1 => &["0"],
            2 | 3 => &["1"],
            4..=6 => &["3"],
            7 => &["2", "1234#"],
            8 => &["4"],
            _ => &["9", "3", "0"],
        };
        let times = (0..).map(|step| first + Duration::from_secs(4) * step);
        Script {
            number: format!("+7701{:07}", dice.below(10_000_000)),
            presses: times.zip(keys.iter().copied()).collect(),
            patience: Duration::from_secs(12 + dice.below(50)),
        }
    }
}

/// Calls this number by the script until the bank or the caller hangs up.
pub(super) async fn call(server: SocketAddr, number: &str, script: Script) {
    let account = Account::at(server).number(&script.number);
    let Ok(phone) = Phone::open(account, None).await else { return };
    let (to, within) = (format!("sip:{number}@{server}"), Duration::from_secs(30));
    // A refusal (the switch is going down, or full) is seen in its own figures.
    let Ok(mut call) = phone.call(&to, Source::Tone(350.0), false, within).await else { return };
    for (at, keys) in &script.presses {
        if !call.stay(at.saturating_sub(call.age())).await {
            return;
        }
        call.press(&keys.chars().collect::<Vec<_>>());
    }
    if call.stay(script.patience.saturating_sub(call.age())).await {
        call.hang_up().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_callers() {
        let roll = |seed| {
            let mut dice = Dice::new(seed);
            (0..50).map(|_| Script::roll(&mut dice)).collect::<Vec<_>>()
        };
        assert_eq!(roll(7), roll(7));
        assert_ne!(roll(7), roll(8));
        let numbers: std::collections::BTreeSet<_> =
            roll(1).into_iter().map(|s| s.number).collect();
        assert!(numbers.len() > 40, "callers are different people");
    }
}
