//! Callers heard by a recogniser: when one listens, and what follows from what it hears.
//!
//! It listens while the flow has the caller and has words for the operator in the language spoken; never to a talk, a
//! bot or a queue. What it hears is compared with those words at once ([`crate::flow::ExitKey::said`]) and forgotten:
//! callers say secrets. A recogniser that fails costs the caller nothing: his keys work as ever.

use crate::border::LegCommand;
use crate::call::{Call, State};
use crate::center::Center;
use crate::fact::OperatorRequest;
use crate::ids::ForkId;
use dozvon_clock::Timestamp;
use std::fmt;
use std::sync::Arc;

/// What a caller said, as a recogniser understood it. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Spoken(pub Arc<str>);

impl fmt::Debug for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("something said")
    }
}

/// What comes of a fork of a caller's sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// The caller said this, or has begun to.
    Words(Spoken),
    /// Nobody listens any more: the recogniser can't be reached, broke, or has no room. The fork is gone.
    Over,
}

/// Whether somebody listens to a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Listening {
    /// Nobody, and nobody has to.
    #[default]
    Off,
    /// The recogniser of this name.
    On { fork: ForkId, recogniser: Arc<str> },
    /// The recogniser of this name should, and has failed. It is not asked again before the caller has been elsewhere.
    Lost { recogniser: Arc<str> },
}

impl Center {
    /// Begins or ends listening as the call's state wants it.
    pub(crate) fn mind_recogniser(&mut self, call: &mut Call) {
        let wanted = self.wanted_recogniser(call);
        let had = match &call.listening {
            Listening::Off => None,
            Listening::On { recogniser, .. } | Listening::Lost { recogniser } => Some(recogniser),
        };
        if had == wanted.as_ref() {
            return;
        }
        if let Listening::On { fork, .. } = std::mem::take(&mut call.listening) {
            self.tell(call.leg, LegCommand::StopRecognising(fork));
        }
        if let Some(recogniser) = wanted {
            let fork = self.new_fork();
            let language = call.run.language().into();
            let flow = call.run.flow();
            let secrets = flow.vars.iter().any(|var| var.secret);
            call.listening = Listening::On { fork, recogniser: recogniser.clone() };
            let command = LegCommand::Recognise { fork, recogniser, language, secrets };
            self.tell(call.leg, command);
        }
    }

    fn wanted_recogniser(&self, call: &Call) -> Option<Arc<str>> {
        if call.state != State::InFlow || !call.run.listens() {
            return None;
        }
        self.policy.recognisers.get(call.run.language()).cloned()
    }

    /// What a recogniser tells. News of a fork that is not the call's any more crossed our order to end it.
    pub(crate) fn recognised(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        from: ForkId,
        news: &Recognised,
    ) {
        let Listening::On { fork, recogniser } = &call.listening else { return };
        if *fork != from {
            return;
        }
        match news {
            Recognised::Over => {
                call.listening = Listening::Lost { recogniser: recogniser.clone() };
            }
            Recognised::Words(Spoken(text)) => {
                if call.state == State::InFlow && call.exit.said(now, text, &mut call.run) {
                    self.exited(now, call, OperatorRequest::Speech);
                    self.pump(now, call);
                }
            }
        }
    }
}
