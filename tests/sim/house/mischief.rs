//! What goes wrong in the house, with its odds.

use crate::rng::Rng;
use std::collections::BTreeMap;

/// Something that goes wrong, or comes at a bad moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mischief {
    /// A phone is dead although it is registered.
    DeadPhone,
    /// Nobody answers.
    Unanswered,
    /// The agent declines.
    Declined,
    /// The agent's leg fails.
    LegFails,
    /// The answer comes about when the phone has rung for long enough.
    LateAnswer,
    /// The answer of a phone crosses its release.
    AnswerCrosses,
    /// A leg's event comes twice.
    Twice,
    /// An agent asks for lunch the moment the phone rings.
    BreakWhileRinging,
    /// An agent hangs up as soon as he has answered.
    AgentDrops,
    /// A caller does.
    CallerFlees,
    /// An agent's phone breaks in a talk.
    PhoneBreaks,
    /// A caller's line does.
    LineBreaks,
    /// A phone loses its registration for a while.
    PhoneLost,
    /// A phone is in a call of its own.
    OwnCall,
    /// The bot can't be reached.
    BotRefuses,
    /// The bot never answers.
    BotSilent,
    /// The bot breaks in the talk.
    BotBreaks,
    /// The bot talks for too long.
    BotTooLong,
    /// The caller wants a person while the bot talks.
    LeavesBot,
    /// The number outside does not answer.
    OutsideSilent,
    /// A caller presses the operator's key while he waits elsewhere.
    KeyExit,
    /// A customer who is to be called back calls himself.
    CallsFirst,
    /// He does while his phone rings for us.
    Crosses,
    /// The agent gives up while the customer's phone rings.
    GivesUp,
    /// A supervisor takes a call out of the house.
    Withdrawn,
    /// A request is taken back.
    Cancelled,
    /// The trunk is cut: every caller's line breaks.
    TrunkOutage,
}

impl Mischief {
    /// All of them.
    pub const ALL: [Mischief; 27] = [
        Mischief::DeadPhone,
        Mischief::Unanswered,
        Mischief::Declined,
        Mischief::LegFails,
        Mischief::LateAnswer,
        Mischief::AnswerCrosses,
        Mischief::Twice,
        Mischief::BreakWhileRinging,
        Mischief::AgentDrops,
        Mischief::CallerFlees,
        Mischief::PhoneBreaks,
        Mischief::LineBreaks,
        Mischief::PhoneLost,
        Mischief::OwnCall,
        Mischief::BotRefuses,
        Mischief::BotSilent,
        Mischief::BotBreaks,
        Mischief::BotTooLong,
        Mischief::LeavesBot,
        Mischief::OutsideSilent,
        Mischief::KeyExit,
        Mischief::CallsFirst,
        Mischief::Crosses,
        Mischief::GivesUp,
        Mischief::Withdrawn,
        Mischief::Cancelled,
        Mischief::TrunkOutage,
    ];

    fn odds(self) -> f64 {
        match self {
            Mischief::DeadPhone | Mischief::LegFails => 0.01,
            Mischief::Unanswered => 0.04,
            Mischief::Declined | Mischief::LateAnswer => 0.02,
            Mischief::AnswerCrosses => 0.3,
            Mischief::Twice | Mischief::BreakWhileRinging => 0.01,
            Mischief::AgentDrops | Mischief::CallerFlees | Mischief::LineBreaks => 0.02,
            Mischief::PhoneBreaks => 0.05,
            Mischief::PhoneLost | Mischief::OwnCall => 0.8,
            Mischief::BotRefuses | Mischief::BotSilent | Mischief::BotBreaks => 0.08,
            Mischief::BotTooLong => 0.1,
            Mischief::LeavesBot | Mischief::GivesUp => 0.1,
            Mischief::OutsideSilent => 0.3,
            Mischief::KeyExit => 0.1,
            Mischief::CallsFirst => 0.3,
            Mischief::Crosses => 0.1,
            Mischief::Withdrawn | Mischief::Cancelled => 0.3,
            Mischief::TrunkOutage => 1.0,
        }
    }
}

/// Which of them struck, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mischiefs {
    /// Counts.
    pub struck: BTreeMap<Mischief, u64>,
    /// Nothing goes wrong at all.
    pub none: bool,
}

impl Mischiefs {
    /// Whether it strikes now.
    pub fn strikes(&mut self, what: Mischief, rng: &mut Rng) -> bool {
        let strikes = !self.none && rng.chance(what.odds());
        if strikes {
            *self.struck.entry(what).or_default() += 1;
        }
        strikes
    }
}
