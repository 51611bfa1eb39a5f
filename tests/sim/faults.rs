//! What goes wrong: each fault has a name, odds, and a count of how often it struck.

use crate::rng::Rng;
use std::collections::BTreeMap;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A phone is dead although it is registered: it never even rings.
    DeadPhone,
    /// Nobody answers.
    Unanswered,
    /// The agent declines.
    Declined,
    /// The phone is busy without our knowing.
    Busy,
    /// The agent's leg fails with an error.
    LegError,
    /// The agent's leg fails because the phone is gone.
    LegUnreachable,
    /// The agent answers about when the phone has rung for long enough.
    LateAnswer,
    /// A message comes twice.
    Duplicate,
    /// An answer to some old offer comes.
    StaleAnswer,
    /// The agent answers, but no sound ever flows.
    NeverJoined,
    /// The agent answers and hangs up at once.
    DroppedBeforeJoin,
    /// The caller hangs up while the two are joined.
    HangUpWhileJoining,
    /// A phone loses its registration.
    PhoneLost,
    /// A phone dies in a talk, and the caller is put back into the queue.
    PhoneLostInTalk,
    /// All calls are cut at once.
    TrunkOutage,
    /// An agent logs out in the middle of whatever it is.
    LogOutAnytime,
    /// The phone is in a call of its own.
    OwnCall,
    /// A supervisor commands on an old picture.
    StaleCommand,
    /// An agent asks for lunch the moment the phone rings.
    BreakWhileRinging,
    /// The call is moved away by a key or a supervisor.
    Elsewhere,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 20] = [
        Fault::DeadPhone,
        Fault::Unanswered,
        Fault::Declined,
        Fault::Busy,
        Fault::LegError,
        Fault::LegUnreachable,
        Fault::LateAnswer,
        Fault::Duplicate,
        Fault::StaleAnswer,
        Fault::NeverJoined,
        Fault::DroppedBeforeJoin,
        Fault::HangUpWhileJoining,
        Fault::PhoneLost,
        Fault::PhoneLostInTalk,
        Fault::TrunkOutage,
        Fault::LogOutAnytime,
        Fault::OwnCall,
        Fault::StaleCommand,
        Fault::BreakWhileRinging,
        Fault::Elsewhere,
    ];

    /// How likely it is, each time that it could happen.
    fn odds(self) -> f64 {
        match self {
            Fault::DeadPhone => 0.004,
            Fault::Unanswered => 0.03,
            Fault::Declined => 0.015,
            Fault::Busy | Fault::LegUnreachable => 0.003,
            Fault::LegError => 0.002,
            Fault::LateAnswer | Fault::Duplicate => 0.01,
            Fault::StaleAnswer => 0.005,
            Fault::NeverJoined => 0.003,
            Fault::DroppedBeforeJoin | Fault::HangUpWhileJoining => 0.004,
            Fault::PhoneLost => 0.9,
            Fault::PhoneLostInTalk => 0.5,
            Fault::TrunkOutage => 1.0,
            Fault::LogOutAnytime => 0.4,
            Fault::OwnCall => 0.8,
            Fault::StaleCommand => 0.5,
            Fault::BreakWhileRinging => 0.004,
            Fault::Elsewhere => 0.01,
        }
    }
}

/// Which faults struck, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Counts by fault.
    pub struck: BTreeMap<Fault, u64>,
}

impl Faults {
    /// Whether it strikes now.
    pub fn strikes(&mut self, fault: Fault, rng: &mut Rng) -> bool {
        let strikes = rng.chance(fault.odds());
        if strikes {
            *self.struck.entry(fault).or_default() += 1;
        }
        strikes
    }
}
