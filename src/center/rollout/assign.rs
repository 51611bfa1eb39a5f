//! Which callers a bot, or the new version of a flow, gets: a stable draw by the caller's number.
//!
//! `u = HMAC-SHA256(salt, option 0x1f subject)`, its first eight bytes as a number below 2^64; the bot gets those below
//! its share. So the same caller keeps his arm, a larger share only adds callers, and two options (or two salts) draw
//! independently. Knows no clock, no call and no bot.

use super::eligible::{Exclusions, Exclusive};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use std::sync::Arc;

/// One menu option on its way to the bot, or one flow on its way to its new version.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rollout {
    /// The option's name; part of the draw.
    pub name: Arc<str>,
    /// What is being tried.
    pub tried: Tried,
    /// Keeps the draw from being guessed; a new salt draws all callers anew.
    pub salt: Arc<str>,
    /// The bot's share now. That of a rollout with a plan is set while it runs, and not by this.
    pub share: Share,
    /// Callers kept with people whatever the share, so that there is something to compare with.
    pub holdout: Holdout,
    /// Whether a plan moves the share: then nobody is drawn before somebody has said at which.
    pub planned: bool,
    /// Who is not drawn.
    pub exclusions: Exclusions,
    /// The rollouts that it shares no customer with.
    pub circle: Option<Arc<Exclusive>>,
    /// The calendar whose hours and time zone tell callers apart who are not compared with each other.
    pub hours: Option<Arc<str>>,
}

impl fmt::Debug for Rollout {
    /// Without the salt, which would tell the arm of every number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rollout")
            .field("name", &self.name)
            .field("tried", &self.tried)
            .field("share", &self.share)
            .field("holdout", &self.holdout)
            .finish_non_exhaustive()
    }
}

/// What is being tried, and on whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// A bot, on callers of a menu option, where people would serve them. Drawn where a flow says so.
    Bot(Arc<str>),
    /// Another flow, on callers who come to a flow. Drawn before anything of either is heard.
    Flow {
        /// The flow that numbers lead to: what is compared with.
        present: Arc<str>,
        /// The one that is tried.
        candidate: Arc<str>,
    },
}

impl Default for Tried {
    fn default() -> Tried {
        Tried::Bot("".into())
    }
}

impl Tried {
    /// The kind.
    pub const fn kind(&self) -> TriedKind {
        match self {
            Tried::Bot(_) => TriedKind::Bot,
            Tried::Flow { .. } => TriedKind::Flow,
        }
    }

    /// The name of what is tried: a bot's, or a flow's.
    pub const fn name(&self) -> &Arc<str> {
        match self {
            Tried::Bot(name) | Tried::Flow { candidate: name, .. } => name,
        }
    }

    /// The bot that is tried, if one is.
    pub const fn bot(&self) -> Option<&Arc<str>> {
        match self {
            Tried::Bot(bot) => Some(bot),
            Tried::Flow { .. } => None,
        }
    }
}

/// Whether a bot is tried or a flow, and what people call both arms then.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TriedKind {
    /// A bot.
    #[default]
    Bot,
    /// A flow.
    Flow,
}

impl TriedKind {
    /// The word of records: `bot` or `flow`.
    pub const fn as_str(self) -> &'static str {
        match self {
            TriedKind::Bot => "bot",
            TriedKind::Flow => "flow",
        }
    }

    /// Whether it is a bot; what records leave out.
    pub fn is_bot(&self) -> bool {
        *self == TriedKind::Bot
    }

    /// What an arm is called in front of people. Records say `bot` and `people` of either kind.
    pub const fn arm(self, arm: Arm) -> &'static str {
        match (self, arm) {
            (TriedKind::Bot, Arm::Bot) => "bot",
            (TriedKind::Bot, Arm::People) => "people",
            (TriedKind::Flow, Arm::Bot) => "new flow",
            (TriedKind::Flow, Arm::People) => "present flow",
        }
    }
}

impl fmt::Display for TriedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many of the callers the bot gets.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Share {
    /// Nobody: not begun, or taken back.
    #[default]
    #[serde(rename = "0")]
    None,
    /// Every 10th.
    #[serde(rename = "1/10")]
    Tenth,
    /// Every 5th.
    #[serde(rename = "1/5")]
    Fifth,
    /// Every 2nd.
    #[serde(rename = "1/2")]
    Half,
    /// All but the holdout.
    #[serde(rename = "all")]
    All,
}

impl Share {
    /// All shares in order.
    pub const LADDER: [Share; 5] =
        [Share::None, Share::Tenth, Share::Fifth, Share::Half, Share::All];

    /// The share as a number from 0 to 1.
    pub const fn fraction(self) -> f64 {
        match self {
            Share::None => 0.0,
            Share::Tenth => 0.1,
            Share::Fifth => 0.2,
            Share::Half => 0.5,
            Share::All => 1.0,
        }
    }

    /// The share as configuration and records write it: `0`, `1/10`, `1/5`, `1/2`, `all`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Share::None => "0",
            Share::Tenth => "1/10",
            Share::Fifth => "1/5",
            Share::Half => "1/2",
            Share::All => "all",
        }
    }

    /// The share written like [`Share::as_str`].
    pub fn parse(text: &str) -> Option<Share> {
        Share::LADDER.into_iter().find(|share| share.as_str() == text)
    }

    /// The share whose [`Share::fraction`] a record has kept.
    pub fn of_fraction(fraction: f64) -> Option<Share> {
        Share::LADDER.into_iter().find(|share| share.fraction() == fraction)
    }

    /// How many of 2^64 equally likely numbers are the bot's.
    const fn numbers(self) -> u128 {
        const ALL: u128 = 1 << 64;
        match self {
            Share::None => 0,
            Share::Tenth => ALL / 10,
            Share::Fifth => ALL / 5,
            Share::Half => ALL / 2,
            Share::All => ALL,
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Callers of a hundred who stay with people even when the bot has all others; at most 50.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub struct Holdout(u8);

impl From<Holdout> for u8 {
    fn from(holdout: Holdout) -> u8 {
        holdout.0
    }
}

impl TryFrom<u8> for Holdout {
    type Error = &'static str;

    fn try_from(percent: u8) -> Result<Holdout, &'static str> {
        Holdout::percent(percent).ok_or("a holdout is at most 50 percent")
    }
}

impl Holdout {
    /// From percent, 0 to 50.
    pub const fn percent(percent: u8) -> Option<Holdout> {
        if percent <= 50 { Some(Holdout(percent)) } else { None }
    }

    /// In percent.
    pub const fn as_percent(self) -> u8 {
        self.0
    }

    /// The first number that belongs to the holdout: it lies at the far end, where growing shares come last.
    const fn from(self) -> u128 {
        (1u128 << 64) - ((1u128 << 64) / 100) * self.0 as u128
    }
}

/// Where a caller goes. Of a flow's trial `Bot` is the new flow, and `People` the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// To the bot.
    Bot,
    /// To people.
    People,
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arm::Bot => "bot",
            Arm::People => "people",
        })
    }
}

/// Why a caller goes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Drawn within the bot's share.
    InShare,
    /// Drawn outside of it.
    OutOfShare,
    /// Belongs to those who are kept with people for comparison.
    Holdout,
    /// Shows no number, so he can't keep his arm: not drawn, and not to be counted in the comparison.
    NoNumber,
}

/// The outcome for one caller, for the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Where he goes.
    pub arm: Arm,
    /// The number drawn, from 0 to 1; `None` when not drawn.
    pub u: Option<f64>,
    /// The bot's share at that moment.
    pub share: Share,
    /// Why.
    pub reason: Reason,
}

impl Rollout {
    /// Draws for a caller's number; without one he goes to people.
    pub fn draw(&self, subject: Option<&str>) -> Draw {
        let Some(subject) = subject.filter(|subject| !subject.is_empty()) else {
            return Draw { arm: Arm::People, u: None, share: self.share, reason: Reason::NoNumber };
        };
        let number = self.number(subject);
        let (arm, reason) = match u128::from(number) {
            number if number >= self.holdout.from() => (Arm::People, Reason::Holdout),
            number if number < self.share.numbers() => (Arm::Bot, Reason::InShare),
            _ => (Arm::People, Reason::OutOfShare),
        };
        let u = number as f64 / (u64::MAX as f64 + 1.0);
        Draw { arm, u: Some(u), share: self.share, reason }
    }

    /// The caller's draw below 2^64: what stands for him in evidence, where his number does not belong.
    pub fn number(&self, subject: &str) -> u64 {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.salt.as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(self.name.as_bytes());
        mac.update(&[0x1f]);
        mac.update(subject.as_bytes());
        let digest = mac.finalize().into_bytes();
        let first: [u8; 8] = digest[..8].try_into().expect("a SHA-256 has 32 bytes");
        u64::from_be_bytes(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(name: &str, salt: &str, share: Share) -> Rollout {
        let holdout = Holdout::default();
        Rollout {
            name: name.into(),
            tried: Tried::Bot("assistant".into()),
            salt: salt.into(),
            share,
            holdout,
            ..Rollout::default()
        }
    }

    fn callers() -> impl Iterator<Item = String> {
        (0..1_000).map(|n| format!("+7701{:07}", n * 7_919))
    }

    fn share_of_bot(rollout: &Rollout) -> usize {
        callers().filter(|caller| rollout.draw(Some(caller)).arm == Arm::Bot).count()
    }

    #[test]
    fn a_thousand_callers_are_split_within_four_sigma_at_every_share() {
        for salt in ["a", "b", "another salt"] {
            for share in Share::LADDER {
                let p = share.fraction();
                let bound = 4.0 * (1_000.0 * p * (1.0 - p)).sqrt();
                let got = share_of_bot(&rollout("cards", salt, share)) as f64;
                assert!((got - 1_000.0 * p).abs() <= bound, "{share}: {got}");
            }
        }
    }

    #[test]
    fn a_caller_keeps_his_arm_and_a_larger_share_only_adds_callers() {
        for caller in callers() {
            let arms = Share::LADDER.map(|share| {
                let rollout = rollout("cards", "s", share);
                let arm = rollout.draw(Some(&caller)).arm;
                assert_eq!(rollout.clone().draw(Some(&caller)).arm, arm);
                arm
            });
            let first = arms.iter().position(|arm| *arm == Arm::Bot).expect("all means all");
            assert!(arms[first..].iter().all(|arm| *arm == Arm::Bot), "{caller} went back");
        }
    }

    #[test]
    fn two_options_and_two_salts_draw_independently() {
        let base = rollout("cards", "s", Share::Half);
        for other in [rollout("loans", "s", Share::Half), rollout("cards", "t", Share::Half)] {
            let both = callers()
                .filter(|c| base.draw(Some(c)).arm == Arm::Bot)
                .filter(|c| other.draw(Some(c)).arm == Arm::Bot)
                .count();
            // A quarter expected; sigma is 13.7.
            assert!((195..=305).contains(&both), "{both}");
        }
    }

    #[test]
    fn the_name_and_the_number_do_not_run_into_each_other() {
        let a = rollout("cards", "s", Share::Half).draw(Some("1x"));
        let b = rollout("cards1", "s", Share::Half).draw(Some("x"));
        assert_ne!(a.u, b.u);
    }

    #[test]
    fn a_caller_without_a_number_goes_to_people_and_is_not_drawn() {
        let rollout = rollout("cards", "s", Share::All);
        for subject in [None, Some("")] {
            let draw = rollout.draw(subject);
            assert_eq!((draw.arm, draw.u, draw.reason), (Arm::People, None, Reason::NoNumber));
        }
    }

    #[test]
    fn the_holdout_stays_with_people_at_every_share() {
        let mut all = rollout("cards", "s", Share::All);
        all.holdout = Holdout::percent(10).unwrap();
        let kept: Vec<String> =
            callers().filter(|c| all.draw(Some(c)).reason == Reason::Holdout).collect();
        assert!((62..=138).contains(&kept.len()), "{}", kept.len());
        assert_eq!(share_of_bot(&all), 1_000 - kept.len());
        all.share = Share::Half;
        assert!(kept.iter().all(|c| all.draw(Some(c)).arm == Arm::People));
        assert_eq!(Holdout::percent(51), None);
    }

    #[test]
    fn the_draw_is_the_documented_one_for_ever() {
        // printf 'cards\x1f+77010000001' | openssl dgst -sha256 -hmac pepper
        let draw = rollout("cards", "pepper", Share::Tenth).draw(Some("+77010000001"));
        assert_eq!(format!("{:.6}", draw.u.unwrap()), "0.219328");
    }

    #[test]
    fn shares_are_read_as_they_are_written() {
        for share in Share::LADDER {
            assert_eq!(Share::parse(share.as_str()), Some(share));
            assert_eq!(Share::of_fraction(share.fraction()), Some(share));
            let json = serde_json::to_string(&share).unwrap();
            assert_eq!(json, format!("\"{share}\""), "one spelling everywhere");
        }
        assert_eq!(Share::parse("1/3"), None);
    }
}
