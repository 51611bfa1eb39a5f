//! A line: one party on the wire and in the ears — a SIP dialog (several while phones ring) and one media session.
//!
//! The table that ties a leg of the center, or a service of the switch itself, to dialogs and sessions.

use crate::config::FeatureCode;
use crate::sound::Sound;
use dozvon_center::ids::{AgentId, CallId, ForkId, LegId};
use dozvon_media::order::SessionId;
use dozvon_sip::endpoint::DialogId;
use std::collections::BTreeMap;

/// Whose line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// A leg of the center.
    Leg(LegId),
    /// A fork of a leg's sound.
    Fork(ForkId),
    /// A service of the switch: the echo, a feature code.
    Service(u64),
}

/// What the line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A customer; `agent` when an agent's phone made the call.
    Caller { agent: Option<AgentId> },
    /// An agent being rung or talking.
    Agent,
    /// A voice bot that is called by SIP.
    Bot,
    /// A voice bot at the end of a stream: the line has no dialog.
    Stream { leg: LegId },
    /// A recogniser that hears this leg: the line has no dialog, and nobody hears it.
    Fork { leg: LegId, fork: ForkId },
    /// A number outside.
    Outside,
    /// An agent's phone in a call of its own to a colleague or a number.
    Own,
    /// Hears itself.
    Echo,
    /// An agent's phone dialled a feature code; `due` is what is still to be done when the confirmation was heard,
    /// `refused` the prompt that says why it could not be done.
    Code { agent: AgentId, due: Option<FeatureCode>, refused: Option<&'static str> },
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    /// The call it belongs to, for notes.
    pub(crate) call: Option<CallId>,
    /// The dialogs of this line: the one in use, or all that ring.
    pub(crate) dialogs: Vec<DialogId>,
    /// The dialog that is confirmed.
    pub(crate) up: Option<DialogId>,
    pub(crate) sound: Sound,
    /// The number that called, unless it is hidden: phones that ring for it show it.
    pub(crate) number: Option<String>,
    /// The answer to their offer, made when the INVITE came, until the 200 takes it.
    pub(crate) first_answer: Option<Vec<u8>>,
    /// The party holds us.
    pub(crate) held: bool,
    /// The final status of a branch that refused, while others still ring: the one that says most.
    pub(crate) refused: Option<u16>,
    /// Whether `Ringing` was told.
    pub(crate) ringing: bool,
    /// The fork that hears it.
    pub(crate) fork: Option<ForkId>,
    /// On the way to another media worker: our re-INVITE with the new port is not answered yet.
    pub(crate) moving: bool,
}

impl Line {
    /// Whether an agent has answered on it a call of ours: a customer's, or a supervisor's watch.
    pub(crate) fn is_agents(&self) -> bool {
        self.kind == Kind::Agent && self.up.is_some()
    }

    /// A line on which nothing has happened yet.
    pub(crate) fn new(kind: Kind, dialogs: Vec<DialogId>, sound: Sound) -> Line {
        Line {
            kind,
            call: None,
            dialogs,
            up: None,
            sound,
            number: None,
            first_answer: None,
            held: false,
            refused: None,
            ringing: false,
            fork: None,
            moving: false,
        }
    }
}

/// All lines, found by owner, dialog or session.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: BTreeMap<Owner, Line>,
    by_dialog: BTreeMap<DialogId, Owner>,
    by_session: BTreeMap<SessionId, Owner>,
    /// How many lines came in.
    calls: usize,
}

impl Kind {
    /// Whether somebody called us: what the bound on calls counts. Lines that we open for such a call are its own.
    const fn came_in(self) -> bool {
        match self {
            Kind::Caller { .. } | Kind::Own | Kind::Echo | Kind::Code { .. } => true,
            Kind::Agent | Kind::Bot | Kind::Stream { .. } | Kind::Fork { .. } | Kind::Outside => {
                false
            }
        }
    }
}

impl Lines {
    pub(crate) fn insert(&mut self, owner: Owner, line: Line) {
        for dialog in &line.dialogs {
            self.by_dialog.insert(*dialog, owner);
        }
        self.by_session.insert(line.sound.session, owner);
        self.calls += usize::from(line.kind.came_in());
        let before = self.lines.insert(owner, line);
        assert!(before.is_none(), "{owner:?} has a line already");
    }

    /// Takes a line out of all tables.
    pub(crate) fn remove(&mut self, owner: Owner) -> Option<Line> {
        let line = self.lines.remove(&owner)?;
        for dialog in &line.dialogs {
            self.by_dialog.remove(dialog);
        }
        self.by_session.remove(&line.sound.session);
        self.calls -= usize::from(line.kind.came_in());
        Some(line)
    }

    pub(crate) fn get(&self, owner: Owner) -> Option<&Line> {
        self.lines.get(&owner)
    }

    pub(crate) fn get_mut(&mut self, owner: Owner) -> Option<&mut Line> {
        self.lines.get_mut(&owner)
    }

    pub(crate) fn of_dialog(&self, dialog: DialogId) -> Option<Owner> {
        self.by_dialog.get(&dialog).copied()
    }

    pub(crate) fn of_session(&self, session: SessionId) -> Option<Owner> {
        self.by_session.get(&session).copied()
    }

    /// Gives a line another media session; answers the one it had.
    pub(crate) fn rehome(&mut self, owner: Owner, sound: Sound) -> Option<Sound> {
        let line = self.lines.get_mut(&owner)?;
        let before = std::mem::replace(&mut line.sound, sound);
        self.by_session.remove(&before.session);
        self.by_session.insert(line.sound.session, owner);
        line.moving = true;
        Some(before)
    }

    /// Puts another dialog and what was agreed in it in the place of the one in use; the media session stays. Answers
    /// the dialog that the line had.
    pub(crate) fn replace(
        &mut self,
        owner: Owner,
        dialog: DialogId,
        sound: Sound,
    ) -> Option<DialogId> {
        let line = self.lines.get_mut(&owner)?;
        assert_eq!(line.sound.session, sound.session, "the session stays");
        let before = line.up.replace(dialog)?;
        (line.dialogs, line.sound, line.moving) = (vec![dialog], sound, false);
        self.by_dialog.remove(&before);
        self.by_dialog.insert(dialog, owner);
        Some(before)
    }

    /// Forgets one dialog of a line; the line stays.
    pub(crate) fn drop_dialog(&mut self, dialog: DialogId) -> Option<Owner> {
        let owner = self.by_dialog.remove(&dialog)?;
        if let Some(line) = self.lines.get_mut(&owner) {
            line.dialogs.retain(|d| *d != dialog);
        }
        Some(owner)
    }

    /// The media worker of a call's first line.
    pub(crate) fn worker_of(&self, call: CallId) -> Option<u16> {
        let line = self.lines.values().find(|line| line.call == Some(call))?;
        Some(line.sound.worker)
    }

    /// Calls that came in and last, those served by the switch itself included.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Owners of all services of the switch itself, oldest first.
    pub(crate) fn services(&self) -> Vec<Owner> {
        self.lines.keys().filter(|owner| matches!(owner, Owner::Service(_))).copied().collect()
    }

    /// Every dialog and session of a line leads back to it, and nothing else is in the tables.
    pub(crate) fn check_invariants(&self) {
        let dialogs: usize = self.lines.values().map(|line| line.dialogs.len()).sum();
        assert_eq!(dialogs, self.by_dialog.len(), "dialogs without a line, or the reverse");
        assert_eq!(self.lines.len(), self.by_session.len(), "a line has one session");
        let came_in = self.lines.values().filter(|line| line.kind.came_in()).count();
        assert_eq!(came_in, self.calls, "calls that came in are counted");
        for (owner, line) in &self.lines {
            assert_eq!(self.of_session(line.sound.session), Some(*owner));
            let is_ours = matches!(line.kind, Kind::Stream { .. } | Kind::Fork { .. });
            assert_ne!(is_ours, !line.dialogs.is_empty(), "dialogs of {owner:?}: {line:?}");
            let fork = line.fork.map(|fork| self.get(Owner::Fork(fork)).map(|line| line.kind));
            let theirs =
                |kind| matches!(kind, Some(Kind::Fork { leg, .. }) if Owner::Leg(leg) == *owner);
            assert!(fork.is_none_or(theirs), "the fork of {owner:?} is there and hears it");
        }
    }
}
