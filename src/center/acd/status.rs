//! What an agent is doing and why: the status chosen, the presence that follows, the activity that nobody chooses.
//!
//! Three axes, never mixed. A [`Status`] is chosen by a person and stays until a person changes it. A [`Presence`] is
//! that status, or one of the three that only the system gives; so nobody can *ask* for `not_responding`. An
//! [`Activity`] is derived from offers and calls and can't be set at all. Whether the phone can be reached is the
//! third.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A status as people choose it, in the order of the agents' menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Takes calls. Готов.
    Ready,
    /// Lunch by schedule, 40 minutes. Обед.
    Lunch,
    /// Training by the quality service or a supervisor. Обучение.
    Training,
    /// Away for five minutes, or a ten-minute break by schedule. Короткий перерыв.
    ShortBreak,
    /// A short team meeting on work questions. Пятиминутка.
    Huddle,
    /// Busy with credit applications or other work that isn't a call. Не готов.
    NotReady,
    /// A meeting with the supervisor. Индивидуальная встреча.
    OneToOne,
    /// A meeting of the group. Групповая встреча.
    GroupMeeting,
    /// A fault of software, phone or network. Технические проблемы.
    TechnicalProblems,
}

impl Status {
    /// All nine, in the order of the agents' menu.
    pub const ALL: [Status; 9] = [
        Status::Ready,
        Status::Lunch,
        Status::Training,
        Status::ShortBreak,
        Status::Huddle,
        Status::NotReady,
        Status::OneToOne,
        Status::GroupMeeting,
        Status::TechnicalProblems,
    ];

    /// The identifier used in configuration, records, metrics and the desk protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Ready => "ready",
            Status::Lunch => "lunch",
            Status::Training => "training",
            Status::ShortBreak => "short_break",
            Status::Huddle => "huddle",
            Status::NotReady => "not_ready",
            Status::OneToOne => "one_to_one",
            Status::GroupMeeting => "group_meeting",
            Status::TechnicalProblems => "technical_problems",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names none of the nine statuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no status: ready, lunch, training, short_break, huddle, not_ready, one_to_one, \
     group_meeting, technical_problems"
)]
pub struct UnknownStatus(pub String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Status, UnknownStatus> {
        Status::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| UnknownStatus(word.to_owned()))
    }
}

/// How an agent stands with the center: a status of his choosing, or what the system made of him.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&'static str")]
pub enum Presence {
    /// Not at work.
    LoggedOut,
    /// At work, with the status that a person chose.
    Chosen(Status),
    /// Let too many offers in a row ring out. Lasts until a person chooses a status again, never by itself.
    NotResponding,
    /// Was ready, but the phone has been out of reach for longer than the grace. Ends by itself when the phone comes
    /// back soon enough, otherwise when a person chooses a status.
    Unreachable,
}

impl Presence {
    /// At work and ready to take calls.
    pub const READY: Presence = Presence::Chosen(Status::Ready);

    /// The identifier used in records, metrics and the desk protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Presence::LoggedOut => "logged_out",
            Presence::Chosen(status) => status.as_str(),
            Presence::NotResponding => "not_responding",
            Presence::Unreachable => "unreachable",
        }
    }

    /// All twelve: out, the nine chosen ones in the order of the menu, and the two that the system makes.
    pub const ALL: [Presence; 12] = [
        Presence::LoggedOut,
        Presence::Chosen(Status::Ready),
        Presence::Chosen(Status::Lunch),
        Presence::Chosen(Status::Training),
        Presence::Chosen(Status::ShortBreak),
        Presence::Chosen(Status::Huddle),
        Presence::Chosen(Status::NotReady),
        Presence::Chosen(Status::OneToOne),
        Presence::Chosen(Status::GroupMeeting),
        Presence::Chosen(Status::TechnicalProblems),
        Presence::NotResponding,
        Presence::Unreachable,
    ];

    /// Whether a person stands behind it: logged in, and neither lost nor silent. Only such agents count as staff when
    /// the ACD asks whether anybody could ever serve a call.
    pub const fn is_chosen(self) -> bool {
        matches!(self, Presence::Chosen(_))
    }
}

impl From<Presence> for &'static str {
    fn from(presence: Presence) -> &'static str {
        presence.as_str()
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an agent's phone is busy with. Derived, never set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Nothing.
    Idle,
    /// A call is offered; the phone has not said yet that it rings.
    Reserved,
    /// The phone rings.
    Ringing,
    /// Answered; the two voices are not joined yet.
    Connecting,
    /// Talking with a caller.
    Talking,
    /// The caller is on hold.
    Hold,
    /// Speaks with a third party about a call, as the agent who asked or as the one who is asked.
    Consult,
    /// Speaks with the caller and a third party together.
    Conference,
    /// The time after a talk that belongs to its paperwork.
    WrapUp,
    /// The phone is in a call of its own: dialled out, or called directly.
    Outbound,
    /// Listens to a colleague's calls, or speaks in them.
    Supervising,
}

impl Activity {
    /// All activities, in the order a call passes through them.
    pub const ALL: [Activity; 11] = [
        Activity::Idle,
        Activity::Reserved,
        Activity::Ringing,
        Activity::Connecting,
        Activity::Talking,
        Activity::Hold,
        Activity::Consult,
        Activity::Conference,
        Activity::WrapUp,
        Activity::Outbound,
        Activity::Supervising,
    ];

    /// The identifier used in records, metrics and the desk protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Activity::Idle => "idle",
            Activity::Reserved => "reserved",
            Activity::Ringing => "ringing",
            Activity::Connecting => "connecting",
            Activity::Talking => "talking",
            Activity::Hold => "hold",
            Activity::Consult => "consult",
            Activity::Conference => "conference",
            Activity::WrapUp => "wrap_up",
            Activity::Outbound => "outbound",
            Activity::Supervising => "supervising",
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who asks for a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The agent at the desk.
    Agent,
    /// A supervisor.
    Supervisor,
    /// A rule of the policy, such as a lunch that lasted too long. It can't wake an agent who is `not_responding` or
    /// `unreachable`: nobody would be there to answer.
    Limit,
    /// The plan of shifts, carried out by a program. Bound like a rule.
    Schedule,
    /// Another log-in took the agent's place. Bound like a rule.
    Conflict,
}

impl Actor {
    /// Whether nobody is behind it who could see an agent's phone.
    pub(crate) const fn is_a_rule(self) -> bool {
        match self {
            Actor::Agent | Actor::Supervisor => false,
            Actor::Limit | Actor::Schedule | Actor::Conflict => true,
        }
    }
}

/// Why an agent's state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The agent asked for it.
    Agent,
    /// A supervisor asked for it.
    Supervisor,
    /// A rule of the policy asked for it: a limit was reached.
    Limit,
    /// The plan of shifts asked for it.
    Schedule,
    /// Another log-in took the agent's place, or his session.
    Conflict,
    /// The agent logged in.
    LogIn,
    /// The agent logged out.
    LogOut,
    /// A call was offered, rang, was answered, joined, held or ended.
    Call,
    /// The phone began or ended a call of its own.
    Phone,
    /// The wrap-up time is over.
    WrapUpOver,
    /// One offer too many rang out.
    Rona,
    /// One offer too many failed technically: no ringing, or no sound after the answer.
    Faults,
    /// The phone has been out of reach for longer than the grace.
    Unreachable,
    /// The phone is back in time.
    Reachable,
}

impl Cause {
    /// All causes.
    pub const ALL: [Cause; 14] = [
        Cause::Agent,
        Cause::Supervisor,
        Cause::Limit,
        Cause::Schedule,
        Cause::Conflict,
        Cause::LogIn,
        Cause::LogOut,
        Cause::Call,
        Cause::Phone,
        Cause::WrapUpOver,
        Cause::Rona,
        Cause::Faults,
        Cause::Unreachable,
        Cause::Reachable,
    ];

    /// The identifier used in records, metrics and the desk protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Agent => "agent",
            Cause::Supervisor => "supervisor",
            Cause::Limit => "limit",
            Cause::Schedule => "schedule",
            Cause::Conflict => "conflict",
            Cause::LogIn => "log_in",
            Cause::LogOut => "log_out",
            Cause::Call => "call",
            Cause::Phone => "phone",
            Cause::WrapUpOver => "wrap_up_over",
            Cause::Rona => "rona",
            Cause::Faults => "faults",
            Cause::Unreachable => "unreachable",
            Cause::Reachable => "reachable",
        }
    }
}

impl From<Actor> for Cause {
    fn from(actor: Actor) -> Cause {
        match actor {
            Actor::Agent => Cause::Agent,
            Actor::Supervisor => Cause::Supervisor,
            Actor::Limit => Cause::Limit,
            Actor::Schedule => Cause::Schedule,
            Actor::Conflict => Cause::Conflict,
        }
    }
}

/// Why a status was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// No such agent in the policy.
    #[error("no such agent")]
    UnknownAgent,
    /// The agent is logged out: log in first.
    #[error("the agent is logged out")]
    LoggedOut,
    /// The agent's state has changed since the command was given; show the new one and let the person decide again.
    #[error("the agent's state has changed meanwhile")]
    Stale,
    /// A rule of the policy tried to wake an agent who isn't there.
    #[error("only a person can end this status")]
    NotAllowed,
    /// Ready was asked for, but the phone can't be reached.
    #[error("the phone can't be reached")]
    Unreachable,
    /// A supervisor, or a program that carries out the plan, changes another person's status and has to say why.
    #[error("say why: another person's status is changed with a reason")]
    ReasonMissing,
    /// The agent works at another desk: nothing is changed unless this one takes over.
    #[error("the agent is logged in at another place")]
    LoggedInElsewhere,
    /// Another agent works at this desk: nothing is changed unless this one takes over, which logs him out.
    #[error("another agent is logged in at this place")]
    PlaceTaken,
    /// What was asked of a wrap-up can't be.
    #[error(transparent)]
    WrapUp(#[from] super::wrap_up::WrapUpError),
    /// The talk can't be given this code.
    #[error(transparent)]
    Code(#[from] super::wrap_up::CodeError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nine_statuses_are_read_and_written_alike_everywhere() {
        let words = Status::ALL.map(|status| status.to_string());
        assert_eq!(
            words.join(" "),
            "ready lunch training short_break huddle not_ready one_to_one group_meeting \
             technical_problems"
        );
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
    }

    #[test]
    fn nobody_can_ask_for_a_status_of_the_system() {
        for word in ["logged_out", "not_responding", "unreachable", "Ready", ""] {
            assert_eq!(word.parse::<Status>(), Err(UnknownStatus(word.to_owned())));
        }
    }

    #[test]
    fn a_presence_is_written_as_one_word() {
        assert_eq!(serde_json::to_string(&Presence::NotResponding).unwrap(), "\"not_responding\"");
        assert_eq!(serde_json::to_string(&Presence::READY).unwrap(), "\"ready\"");
    }
}
