//! What people and programs ask for agents: statuses and log-outs, with who asks, why, and from which desk.
//!
//! Decides who may: another person's status needs a reason, an agent works at one desk, and a desk has one agent. What
//! a status then means is the ACD's affair.

use crate::acd::{Actor, Cause, StatusError};
use crate::center::Center;
use crate::fact::What;
use crate::ids::AgentId;
use crate::limits::{DESK_NAME_CHARS_MAX, REASON_CHARS_MAX};
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who asks for something about an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// In which part.
    pub actor: Actor,
    /// By what name, for the record: that of a token, say.
    pub name: Option<Arc<str>>,
    /// Why. Cut at [`REASON_CHARS_MAX`]. Needed from a supervisor and from the plan of shifts.
    pub reason: Option<Arc<str>>,
    /// The desk that an agent asks from; cut at [`DESK_NAME_CHARS_MAX`]. `None`: his telephone, which is his anywhere.
    pub place: Option<Arc<str>>,
    /// Whether an agent wants the desk, or his session, from whoever has it now.
    pub take_over: bool,
}

impl Asker {
    /// Somebody of this part, without name, reason and desk.
    pub fn new(actor: Actor) -> Asker {
        Asker { actor, name: None, reason: None, place: None, take_over: false }
    }

    /// The same with a reason.
    pub fn because(self, reason: &str) -> Asker {
        Asker { reason: Some(cut(reason, REASON_CHARS_MAX)), ..self }
    }

    /// The same at a desk.
    pub fn at(self, place: &str) -> Asker {
        Asker { place: Some(cut(place, DESK_NAME_CHARS_MAX)), ..self }
    }

    /// Whether whoever asks has said what he must say.
    fn check(&self) -> Result<(), StatusError> {
        let said = self.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
        match self.actor {
            Actor::Supervisor | Actor::Schedule if !said => Err(StatusError::ReasonMissing),
            Actor::Supervisor | Actor::Schedule | Actor::Agent | Actor::Limit | Actor::Conflict => {
                Ok(())
            }
        }
    }

    /// The desk that it claims. Only an agent sits at one.
    fn claims(&self) -> Option<&Arc<str>> {
        self.place.as_ref().filter(|_| self.actor == Actor::Agent)
    }
}

fn cut(text: &str, chars: usize) -> Arc<str> {
    let end = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    text[..end].into()
}

/// What was asked last for an agent and has not become his status yet.
#[derive(Debug)]
struct Asked {
    cause: Cause,
    name: Option<Arc<str>>,
    reason: Option<Arc<str>>,
}

/// Name and reason, as a fact tells them.
pub(crate) type Told = (Option<Arc<str>>, Option<Arc<str>>);

/// Who sits where, and what was asked. At most one entry for each agent.
#[derive(Debug, Default)]
pub(crate) struct Desks {
    asked: BTreeMap<AgentId, Asked>,
    place_of: BTreeMap<AgentId, Arc<str>>,
    agent_at: BTreeMap<Arc<str>, AgentId>,
}

/// Whom a claim has displaced.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seated {
    /// The agent's own desk before this one.
    from: Option<Arc<str>>,
    /// The agent who sat here.
    ousted: Option<AgentId>,
}

impl Desks {
    /// Whether an agent may sit down there.
    fn check(&self, agent: AgentId, asker: &Asker) -> Result<(), StatusError> {
        let Some(place) = asker.claims().filter(|_| !asker.take_over) else { return Ok(()) };
        if self.agent_at.get(place).is_some_and(|other| *other != agent) {
            return Err(StatusError::PlaceTaken);
        }
        match self.place_of.get(&agent) {
            Some(other) if other != place => Err(StatusError::LoggedInElsewhere),
            Some(_) | None => Ok(()),
        }
    }

    fn sit(&mut self, agent: AgentId, place: &Arc<str>) -> Seated {
        let from = self.place_of.insert(agent, place.clone()).filter(|from| from != place);
        if let Some(from) = &from {
            self.agent_at.remove(from);
        }
        let ousted = self.agent_at.insert(place.clone(), agent).filter(|other| *other != agent);
        if let Some(other) = ousted {
            self.place_of.remove(&other);
        }
        Seated { from, ousted }
    }

    /// An agent is logged out: his desk is free.
    pub(crate) fn leave(&mut self, agent: AgentId) {
        if let Some(place) = self.place_of.remove(&agent) {
            self.agent_at.remove(&place);
        }
    }

    /// Name and reason of the change that is told now; `done`: it has become the status.
    pub(crate) fn told(&mut self, agent: AgentId, cause: Cause, done: bool) -> Told {
        let Some(asked) = self.asked.get(&agent) else { return (None, None) };
        let his = asked.cause == cause;
        if !his && cause != Cause::LogIn {
            return (None, None);
        }
        let told = (asked.name.clone(), asked.reason.clone());
        if done && his {
            self.asked.remove(&agent);
        }
        told
    }
}

impl Center {
    /// Sets an agent's status; an agent who is logged out is logged in first. With an epoch it is refused when the
    /// agent has changed since.
    ///
    /// An agent who asks from a desk sits there from now on: one who works at another desk, or a desk that is another
    /// agent's, is refused unless he takes over. Then the old desk's session is replaced, or the other agent is logged
    /// out; a talk goes on where it is.
    pub fn set_status(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        status: crate::acd::Status,
        asker: Asker,
        epoch: Option<u64>,
    ) -> Result<(), StatusError> {
        let view = self.acd.agent(agent).ok_or(StatusError::UnknownAgent)?;
        if epoch.is_some_and(|epoch| epoch != view.epoch) {
            return Err(StatusError::Stale);
        }
        asker.check()?;
        self.desks.check(agent, &asker)?;
        if view.presence == crate::acd::Presence::LoggedOut {
            if asker.actor.is_a_rule() {
                return Err(StatusError::NotAllowed);
            }
            self.acd.log_in(now, agent);
        }
        let result = self.acd.set_status(now, agent, status, asker.actor, None);
        if result.is_ok() {
            self.note_asked(agent, Cause::from(asker.actor), &asker);
            self.sit_down(now, agent, &asker);
        }
        self.settle(now);
        result
    }

    /// Logs an agent out; in a talk it waits until the talk and its wrap-up are over.
    pub fn log_out(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        asker: Asker,
    ) -> Result<(), StatusError> {
        self.acd.agent(agent).ok_or(StatusError::UnknownAgent)?;
        asker.check()?;
        self.desks.check(agent, &asker)?;
        let cause = match asker.actor {
            Actor::Agent => Cause::LogOut,
            Actor::Supervisor | Actor::Limit | Actor::Schedule | Actor::Conflict => {
                Cause::from(asker.actor)
            }
        };
        self.acd.log_out(now, agent, asker.actor);
        self.note_asked(agent, cause, &asker);
        self.settle(now);
        Ok(())
    }

    /// The desk that an agent works at; `None`: he isn't here, or has only his telephone.
    pub fn place(&self, agent: AgentId) -> Option<&Arc<str>> {
        self.desks.place_of.get(&agent)
    }

    fn note_asked(&mut self, agent: AgentId, cause: Cause, asker: &Asker) {
        let Asker { name, reason, .. } = asker.clone();
        self.desks.asked.insert(agent, Asked { cause, name, reason });
    }

    fn sit_down(&mut self, now: Timestamp, agent: AgentId, asker: &Asker) {
        let Some(place) = asker.claims().cloned() else { return };
        let Seated { from, ousted } = self.desks.sit(agent, &place);
        if let Some(from) = from {
            self.acd.replace_session(now, agent);
            self.fact(now, None, What::SessionReplaced { agent, from, to: place.clone() });
        }
        if let Some(other) = ousted {
            self.acd.log_out(now, other, Actor::Conflict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_letters() {
        let asker = Asker::new(Actor::Agent).because(&"ы".repeat(REASON_CHARS_MAX + 1));
        assert_eq!(asker.reason.unwrap().chars().count(), REASON_CHARS_MAX);
    }

    #[test]
    fn one_desk_one_agent() {
        let mut desks = Desks::default();
        let at = |place: &str| Asker::new(Actor::Agent).at(place);
        let (anna, boris) = (AgentId(0), AgentId(1));
        assert_eq!(desks.sit(anna, &"a".into()), Seated::default());
        assert_eq!(desks.sit(anna, &"a".into()), Seated::default(), "he sits there already");
        assert_eq!(desks.check(anna, &at("a")), Ok(()));
        assert_eq!(desks.check(anna, &at("b")), Err(StatusError::LoggedInElsewhere));
        assert_eq!(desks.check(boris, &at("a")), Err(StatusError::PlaceTaken));
        assert_eq!(desks.check(boris, &Asker { take_over: true, ..at("a") }), Ok(()));
        let supervisor = Asker { actor: Actor::Supervisor, ..at("b") };
        assert_eq!(desks.check(anna, &supervisor), Ok(()), "only agents sit");
        assert_eq!(desks.sit(boris, &"a".into()), Seated { from: None, ousted: Some(anna) });
        let moved = desks.sit(boris, &"b".into());
        assert_eq!(moved, Seated { from: Some("a".into()), ousted: None });
        desks.leave(boris);
        assert!(desks.place_of.is_empty() && desks.agent_at.is_empty());
    }
}
