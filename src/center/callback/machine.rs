//! What a request may become, by what happens to it: one table. Knows no queue, no leg and no clock; whoever feeds it
//! says when things are due.

use super::{Callback, CallbackEnd, Missed};
use crate::ids::CallId;
use dozvon_clock::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stage")]
pub enum Stage {
    /// Waits for a moment: the permitted hours, or the next attempt.
    Due {
        /// When.
        at: Timestamp,
    },
    /// Stands in its queue as this call, with nobody on the line.
    Queued {
        /// The call.
        call: CallId,
    },
    /// An agent has been found. From here on the attempt counts if the server should stop.
    Offered {
        /// The call.
        call: CallId,
    },
    /// The customer's phone is called.
    Dialing {
        /// The call.
        call: CallId,
    },
    /// The customer has answered and waits for the agent.
    Here {
        /// The call.
        call: CallId,
    },
    /// The customer is in a call of his own, so nothing is dialled.
    Calling {
        /// His call.
        call: CallId,
    },
    /// Over.
    Ended {
        /// When.
        at: Timestamp,
        /// How.
        end: CallbackEnd,
    },
}

impl Stage {
    /// The word used in records and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Due { .. } => "due",
            Stage::Queued { .. } => "queued",
            Stage::Offered { .. } => "offered",
            Stage::Dialing { .. } => "dialing",
            Stage::Here { .. } => "here",
            Stage::Calling { .. } => "calling",
            Stage::Ended { end, .. } => end.as_str(),
        }
    }

    /// The call that the attempt is, while there is one.
    pub const fn call(self) -> Option<CallId> {
        match self {
            Stage::Queued { call }
            | Stage::Offered { call }
            | Stage::Dialing { call }
            | Stage::Here { call } => Some(call),
            Stage::Due { .. } | Stage::Calling { .. } | Stage::Ended { .. } => None,
        }
    }

    /// Whether it can become anything else.
    pub const fn is_open(self) -> bool {
        !matches!(self, Stage::Ended { .. })
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// It goes to its queue as this call.
    Enter(CallId),
    /// An agent is found for it.
    Offered,
    /// The agent was not to be had after all.
    Unoffered,
    /// The customer is called.
    Dial,
    /// He has answered.
    Answered,
    /// He and an agent hear each other.
    Talk,
    /// The attempt came to nothing; the next one is at the given moment, if there is to be one.
    Missed(Missed, Option<Timestamp>),
    /// It leaves the queue without an attempt, until this moment.
    Rest(Timestamp),
    /// The customer calls himself.
    Calls(CallId),
    /// His call ended before anybody could speak with him: it is due again then.
    Gone(Timestamp),
    /// It is over for another reason than a talk or its attempts.
    End(CallbackEnd),
}

impl Callback {
    /// Takes one thing that happened; tells whether it meant anything. What comes too late means nothing.
    pub(crate) fn handle(&mut self, now: Timestamp, input: Input) -> bool {
        let Some(next) = self.next(now, input) else { return false };
        match input {
            Input::Dial => {
                self.attempts += 1;
                self.dialed_at = Some(now);
            }
            Input::Missed(why, _) => self.missed = Some(why),
            Input::Enter(_)
            | Input::Offered
            | Input::Unoffered
            | Input::Answered
            | Input::Talk
            | Input::Rest(_)
            | Input::Calls(_)
            | Input::Gone(_)
            | Input::End(_) => {}
        }
        self.stage = next;
        true
    }

    fn next(&self, now: Timestamp, input: Input) -> Option<Stage> {
        use Stage::{Calling, Dialing, Due, Ended, Here, Offered, Queued};
        Some(match (self.stage, input) {
            (Ended { .. }, _) => return None,
            (_, Input::End(end)) => Ended { at: now, end },
            (Due { .. }, Input::Enter(call)) => Queued { call },
            (Queued { call }, Input::Offered) => Offered { call },
            (Offered { call }, Input::Unoffered) => Queued { call },
            (Offered { call }, Input::Dial) => Dialing { call },
            (Dialing { call }, Input::Answered) => Here { call },
            (Here { .. }, Input::Talk) => Ended { at: now, end: CallbackEnd::Reached },
            (Dialing { .. } | Here { .. }, Input::Missed(_, Some(at))) => Due { at },
            (Dialing { .. } | Here { .. }, Input::Missed(_, None)) => {
                Ended { at: now, end: CallbackEnd::Expired }
            }
            (Due { .. } | Queued { .. } | Offered { .. }, Input::Rest(at)) => Due { at },
            // His phone has answered us already: that call goes on.
            (Here { .. }, Input::Calls(_)) => return None,
            (
                Due { .. } | Queued { .. } | Offered { .. } | Dialing { .. } | Calling { .. },
                Input::Calls(call),
            ) => Calling { call },
            (Calling { .. }, Input::Gone(at)) => Due { at },
            (
                Due { .. },
                Input::Offered
                | Input::Unoffered
                | Input::Dial
                | Input::Answered
                | Input::Talk
                | Input::Missed(..)
                | Input::Gone(_),
            )
            | (
                Queued { .. },
                Input::Enter(_)
                | Input::Unoffered
                | Input::Dial
                | Input::Answered
                | Input::Talk
                | Input::Missed(..)
                | Input::Gone(_),
            )
            | (
                Offered { .. },
                Input::Enter(_)
                | Input::Offered
                | Input::Answered
                | Input::Talk
                | Input::Missed(..)
                | Input::Gone(_),
            )
            | (
                Dialing { .. },
                Input::Enter(_)
                | Input::Offered
                | Input::Unoffered
                | Input::Dial
                | Input::Talk
                | Input::Rest(_)
                | Input::Gone(_),
            )
            | (
                Here { .. },
                Input::Enter(_)
                | Input::Offered
                | Input::Unoffered
                | Input::Dial
                | Input::Answered
                | Input::Rest(_)
                | Input::Gone(_),
            )
            | (
                Calling { .. },
                Input::Enter(_)
                | Input::Offered
                | Input::Unoffered
                | Input::Dial
                | Input::Answered
                | Input::Talk
                | Input::Missed(..)
                | Input::Rest(_),
            ) => return None,
        })
    }

    /// What is left of it after the server has stopped and started: an attempt that was begun counts, whatever became
    /// of it, so nobody is called more often than he may be. `spaced` is when the next one may be, `attempts` their
    /// limit.
    pub(crate) fn restored(&mut self, now: Timestamp, spaced: Timestamp, attempts: u32) {
        let begun = match self.stage {
            Stage::Due { .. } | Stage::Ended { .. } => return,
            Stage::Queued { .. } | Stage::Calling { .. } => {
                self.stage = Stage::Due { at: now };
                return;
            }
            Stage::Offered { .. } => self.attempts + 1,
            Stage::Dialing { .. } | Stage::Here { .. } => self.attempts,
        };
        (self.attempts, self.missed) = (begun, Some(Missed::Unknown));
        self.stage = match begun < attempts {
            true => Stage::Due { at: spaced },
            false => Stage::Ended { at: now, end: CallbackEnd::Expired },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::{AskedBy, Proof};
    use crate::ids::CallbackId;

    const NOW: Timestamp = Timestamp::from_secs(100);
    const LATER: Timestamp = Timestamp::from_secs(1_000);
    const CALL: CallId = CallId(7);
    const OWN: CallId = CallId(8);

    fn at(stage: Stage) -> Callback {
        let proof = Proof {
            by: AskedBy::Key,
            at: NOW,
            from: None,
            key: None,
            flow: None,
            node: None,
            user: None,
            recording: None,
        };
        Callback {
            id: CallbackId(1),
            contact: None,
            number: "+77010000001".into(),
            queue: "cards".into(),
            requires: None,
            priority: 0,
            enqueued_at: NOW,
            asked_at: NOW,
            language: "ru".into(),
            topic: None,
            proof,
            attempts: 1,
            dialed_at: None,
            missed: None,
            stage,
        }
    }

    const STAGES: [Stage; 7] = [
        Stage::Due { at: NOW },
        Stage::Queued { call: CALL },
        Stage::Offered { call: CALL },
        Stage::Dialing { call: CALL },
        Stage::Here { call: CALL },
        Stage::Calling { call: OWN },
        Stage::Ended { at: NOW, end: CallbackEnd::Merged },
    ];

    const INPUTS: [Input; 12] = [
        Input::Enter(CALL),
        Input::Offered,
        Input::Unoffered,
        Input::Dial,
        Input::Answered,
        Input::Talk,
        Input::Missed(Missed::Busy, Some(LATER)),
        Input::Missed(Missed::Busy, None),
        Input::Rest(LATER),
        Input::Calls(OWN),
        Input::Gone(LATER),
        Input::End(CallbackEnd::Cancelled),
    ];

    /// What every input makes of every stage; `-` is nothing.
    #[test]
    fn the_table_of_stages_and_inputs() {
        let table = [
            "queued - - - - - - - due calling - cancelled",
            "- offered - - - - - - due calling - cancelled",
            "- - queued dialing - - - - due calling - cancelled",
            "- - - - here - due expired - calling - cancelled",
            "- - - - - reached due expired - - - cancelled",
            "- - - - - - - - - calling due cancelled",
            "- - - - - - - - - - - -",
        ];
        for (stage, row) in STAGES.into_iter().zip(table) {
            let words = INPUTS.map(|input| {
                let mut callback = at(stage);
                let moved = callback.handle(NOW, input);
                assert_eq!(callback.attempts, 1 + u32::from(moved && input == Input::Dial));
                if moved { callback.stage.as_str() } else { "-" }
            });
            assert_eq!(words.join(" "), row, "{stage:?}");
        }
    }

    #[test]
    fn after_a_restart_an_attempt_that_was_begun_counts_and_nothing_else_does() {
        for (stage, attempts, word) in [
            (Stage::Due { at: LATER }, 1, "due"),
            (Stage::Queued { call: CALL }, 1, "due"),
            (Stage::Calling { call: OWN }, 1, "due"),
            (Stage::Offered { call: CALL }, 2, "due"),
            (Stage::Dialing { call: CALL }, 1, "due"),
            (Stage::Here { call: CALL }, 1, "due"),
            (Stage::Ended { at: NOW, end: CallbackEnd::Merged }, 1, "merged"),
        ] {
            let mut callback = at(stage);
            callback.restored(NOW, LATER, 3);
            assert_eq!((callback.attempts, callback.stage.as_str()), (attempts, word), "{stage:?}");
        }
        let mut last = at(Stage::Offered { call: CALL });
        last.restored(NOW, LATER, 2);
        assert_eq!(last.stage, Stage::Ended { at: NOW, end: CallbackEnd::Expired });
        assert_eq!(last.missed, Some(Missed::Unknown));
    }

    #[test]
    fn a_request_reads_back_as_it_was_written() {
        for stage in STAGES {
            let text = serde_json::to_string(&at(stage)).expect("plain data");
            assert_eq!(serde_json::from_str::<Callback>(&text).expect("our own"), at(stage));
        }
    }
}
