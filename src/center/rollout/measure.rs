//! What can be measured of a drawn caller: the meaning, the scale and the better side of each.
//!
//! How a value is read off the records is [`super::outcome`]'s.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What is measured of each drawn caller, whoever ended up serving him.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Was served, and did not call about the same topic again within the window.
    Resolved,
    /// The same of callers who were served; the others give no value.
    ResolvedServed,
    /// The first answer of the survey.
    Survey,
    /// Seconds from the first ring to the end: flow, bot, waits and talks; compared as a ratio.
    TimeToDone,
    /// Hung up within 30 s of the first bot's or agent's word, or called again within an hour.
    EarlyHangup,
    /// Complained within the window.
    Complaint,
    /// Seconds of agents' talk, hold and wrap-up; 0 when no agent had the call.
    HumanSeconds,
    /// Ended with the bot, and no repeat within the window: of the bot's arm.
    VerifiedContainment,
    /// Went on from the bot to people: of callers whom the bot has had. Of the people's arm: from agent to agent.
    TransferToOperator,
    /// Did not reach the bot, or lost it by its own fault: of the bot's arm.
    BotError,
    /// Seconds with the bot: of callers whom it has had.
    BotSeconds,
}

/// The scale on which arms are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no: the difference of shares.
    YesNo,
    /// The difference of means.
    Mean,
    /// The difference of mean logarithms, which is the logarithm of a ratio.
    LogMean,
}

impl Measure {
    /// All of them, in the order of plans.
    pub const ALL: [Measure; 11] = [
        Measure::Resolved,
        Measure::ResolvedServed,
        Measure::Survey,
        Measure::TimeToDone,
        Measure::EarlyHangup,
        Measure::Complaint,
        Measure::HumanSeconds,
        Measure::VerifiedContainment,
        Measure::TransferToOperator,
        Measure::BotError,
        Measure::BotSeconds,
    ];

    /// The word used in plans and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Measure::Resolved => "resolved",
            Measure::ResolvedServed => "resolved_served",
            Measure::Survey => "survey",
            Measure::TimeToDone => "time_to_done",
            Measure::EarlyHangup => "early_hangup",
            Measure::Complaint => "complaint",
            Measure::HumanSeconds => "human_seconds",
            Measure::VerifiedContainment => "verified_containment",
            Measure::TransferToOperator => "transfer_to_operator",
            Measure::BotError => "bot_error",
            Measure::BotSeconds => "bot_seconds",
        }
    }

    /// The measure written like [`Measure::as_str`].
    pub fn parse(text: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|measure| measure.as_str() == text)
    }

    /// The scale on which arms are compared.
    pub const fn kind(self) -> Kind {
        match self {
            Measure::Resolved
            | Measure::ResolvedServed
            | Measure::EarlyHangup
            | Measure::Complaint
            | Measure::VerifiedContainment
            | Measure::TransferToOperator
            | Measure::BotError => Kind::YesNo,
            Measure::Survey | Measure::HumanSeconds | Measure::BotSeconds => Kind::Mean,
            Measure::TimeToDone => Kind::LogMean,
        }
    }

    /// Whether less of it is better.
    pub const fn lower_is_better(self) -> bool {
        match self {
            Measure::Resolved
            | Measure::ResolvedServed
            | Measure::Survey
            | Measure::VerifiedContainment => false,
            Measure::TimeToDone
            | Measure::EarlyHangup
            | Measure::Complaint
            | Measure::HumanSeconds
            | Measure::TransferToOperator
            | Measure::BotError
            | Measure::BotSeconds => true,
        }
    }

    /// Seconds after a call's end before it can be known: repeats, complaints and wrap-ups take their time.
    pub const fn least_window_secs(self) -> u64 {
        match self {
            Measure::Resolved
            | Measure::ResolvedServed
            | Measure::EarlyHangup
            | Measure::Complaint
            | Measure::HumanSeconds
            | Measure::VerifiedContainment => 3_600,
            Measure::Survey
            | Measure::TimeToDone
            | Measure::TransferToOperator
            | Measure::BotError
            | Measure::BotSeconds => 0,
        }
    }

    /// Whether it means the same in both arms, so that they can be compared. People never "contain" a call, and what
    /// a bot passes on is not what an agent passes on.
    pub const fn is_for_both_arms(self) -> bool {
        match self {
            Measure::Resolved
            | Measure::ResolvedServed
            | Measure::Survey
            | Measure::TimeToDone
            | Measure::EarlyHangup
            | Measure::Complaint
            | Measure::HumanSeconds => true,
            Measure::VerifiedContainment
            | Measure::TransferToOperator
            | Measure::BotError
            | Measure::BotSeconds => false,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_read_as_they_are_written() {
        for measure in Measure::ALL {
            assert_eq!(Measure::parse(measure.as_str()), Some(measure));
            let json = serde_json::to_string(&measure).unwrap();
            assert_eq!(json, format!("\"{measure}\""), "one spelling everywhere");
        }
        assert_eq!(Measure::parse("containment"), None);
    }

    #[test]
    fn what_people_cannot_have_is_not_compared() {
        for measure in [Measure::VerifiedContainment, Measure::TransferToOperator] {
            assert!(!measure.is_for_both_arms());
        }
        assert!(Measure::Resolved.is_for_both_arms());
    }
}
