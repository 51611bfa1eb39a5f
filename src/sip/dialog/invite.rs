//! The life of an INVITE session, both roles: RFC 3261 §9, §13 and §15 as one machine.
//!
//! It decides who is told what and when ACK, CANCEL and BYE may be sent; it holds no bytes. The endpoint feeds it and
//! carries out its [`Effect`]s. Of every session exactly one of `TellRefused` and `TellEnded` comes out, unless the
//! switch itself refused the call.

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// UAS: their INVITE is with the switch.
    Incoming,
    /// UAS: answered, the ACK is awaited.
    Unacked {
        /// The switch hung up meanwhile; the BYE must wait for the ACK (§15).
        leaving: bool,
    },
    /// UAC: INVITE sent, nothing heard.
    Calling {
        /// The switch gave up; the CANCEL must wait for a provisional response (§9.1).
        cancel: bool,
    },
    /// UAC: a provisional response came.
    Proceeding,
    /// UAC: CANCEL sent, the final response is awaited.
    Cancelling {
        /// It was not the switch that gave up: it rang too long.
        late: bool,
    },
    /// UAC: their 2xx brought the offer, our ACK must bring the answer.
    AnswerDue,
    /// The call stands.
    Confirmed,
    /// Told as ended; our BYE is on its way.
    Leaving,
    /// Nothing is left to do.
    Over,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The switch answers (2xx goes out).
    Answer,
    /// The switch refuses, or answers with a challenge (the final response goes out).
    Refuse,
    /// The switch hangs up.
    HangUp,
    /// The switch gives the answer that the ACK must carry.
    AnswerGiven,
    /// Their CANCEL came.
    Cancel,
    /// The ACK of the initial 2xx came.
    Ack,
    /// Their BYE came.
    PeerBye,
    /// A provisional response to our INVITE came.
    Provisional,
    /// A 2xx to our INVITE came, the first one.
    Success {
        /// Our INVITE had no offer, so theirs is here and the ACK needs an answer.
        offerless: bool,
    },
    /// A final refusal of our INVITE came.
    Failure,
    /// Our INVITE was refused for a reason that a changed INVITE cures, and that was sent.
    Retried,
    /// Nothing came for our INVITE in 64·T1.
    InviteTimedOut,
    /// The transport failed under our INVITE, or while theirs was unanswered.
    TransportFailed,
    /// A 2xx of ours was not acknowledged in 64·T1.
    NoAck,
    /// This state has lasted too long.
    TooLong,
    /// No refresh came in time (RFC 4028 §10).
    Expired,
    /// They say they don't know the dialog (481).
    Unknown,
    /// They did not answer a request in the dialog (408 or nothing).
    Unresponsive,
    /// A request in the dialog could not be sent.
    Unreachable,
    /// Our BYE was answered or given up.
    ByeDone,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Their BYE.
    Bye,
    /// Their CANCEL.
    Cancelled,
    /// No ACK.
    NoAck,
    /// No refresh.
    SessionExpired,
    /// The transport.
    TransportError,
    /// Somebody did not answer in time.
    Timeout,
    /// The switch hung up.
    Ours,
}

impl End {
    /// Whether the session broke: nobody has hung up, and the other side may not know that it is over.
    pub const fn is_failure(self) -> bool {
        match self {
            End::NoAck | End::SessionExpired | End::TransportError | End::Timeout => true,
            End::Bye | End::Cancelled | End::Ours => false,
        }
    }
}

/// What the endpoint must do, in the order given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send this final response to their INVITE.
    Refuse(u16),
    /// Send CANCEL for our INVITE.
    Cancel,
    /// Send the ACK for the 2xx.
    Ack,
    /// Send BYE.
    Bye,
    /// Tell [`crate::endpoint::Event::Acked`].
    TellAcked,
    /// Tell [`crate::endpoint::Event::Answered`].
    TellAnswered,
    /// Tell [`crate::endpoint::Event::Refused`], with this status or that of the response in hand.
    TellRefused(Option<u16>),
    /// Tell [`crate::endpoint::Event::Ended`].
    TellEnded(End),
    /// Forget the session. Always the last.
    Forget,
}

/// One step: the next state and what to do.
pub fn step(state: State, input: Input) -> (State, Vec<Effect>) {
    match state {
        State::Incoming => incoming(input),
        State::Unacked { leaving } => unacked(leaving, input),
        State::Calling { .. } | State::Proceeding | State::Cancelling { .. } => {
            calling(state, input)
        }
        State::AnswerDue => answer_due(input),
        State::Confirmed => confirmed(input),
        State::Leaving if input == Input::ByeDone => (State::Over, vec![Effect::Forget]),
        // Their BYE crossed ours: ours is answered soon. Everything else comes too late.
        State::Leaving => (State::Leaving, vec![]),
        State::Over => (State::Over, vec![]),
    }
}

fn incoming(input: Input) -> (State, Vec<Effect>) {
    let refused = |status, end| {
        let effects = vec![Effect::Refuse(status), Effect::TellEnded(end), Effect::Forget];
        (State::Over, effects)
    };
    match input {
        Input::Answer => (State::Unacked { leaving: false }, vec![]),
        Input::Refuse => (State::Over, vec![Effect::Forget]),
        Input::HangUp => refused(480, End::Ours),
        Input::Cancel => refused(487, End::Cancelled),
        // A caller may leave an early dialog by BYE (§15); the INVITE still gets its answer (§15.1.2).
        Input::PeerBye => refused(487, End::Bye),
        Input::TooLong => refused(480, End::Timeout),
        Input::TransportFailed => refused(500, End::TransportError),
        Input::AnswerGiven
        | Input::Ack
        | Input::Provisional
        | Input::Success { .. }
        | Input::Failure
        | Input::Retried
        | Input::InviteTimedOut
        | Input::NoAck
        | Input::Expired
        | Input::Unknown
        | Input::Unresponsive
        | Input::Unreachable
        | Input::ByeDone => (State::Incoming, vec![]),
    }
}

fn unacked(leaving: bool, input: Input) -> (State, Vec<Effect>) {
    let stay = (State::Unacked { leaving }, vec![]);
    let told = |end| if leaving { None } else { Some(Effect::TellEnded(end)) };
    let leave = |end| {
        let effects = [Effect::Bye].into_iter().chain(told(end)).collect();
        (State::Leaving, effects)
    };
    match input {
        Input::Ack if leaving => (State::Leaving, vec![Effect::Bye]),
        Input::Ack => (State::Confirmed, vec![Effect::TellAcked]),
        Input::HangUp if leaving => stay,
        Input::HangUp => (State::Unacked { leaving: true }, vec![Effect::TellEnded(End::Ours)]),
        Input::PeerBye => {
            (State::Over, told(End::Bye).into_iter().chain([Effect::Forget]).collect())
        }
        Input::NoAck => leave(End::NoAck),
        Input::Expired => leave(End::SessionExpired),
        Input::Unknown => {
            (State::Over, told(End::Timeout).into_iter().chain([Effect::Forget]).collect())
        }
        Input::Unresponsive => leave(End::Timeout),
        Input::Unreachable => leave(End::TransportError),
        // A CANCEL after the final response has no effect (§9.2); the timer for the ACK covers a broken way.
        Input::Cancel
        | Input::TransportFailed
        | Input::Answer
        | Input::Refuse
        | Input::AnswerGiven
        | Input::Provisional
        | Input::Success { .. }
        | Input::Failure
        | Input::Retried
        | Input::InviteTimedOut
        | Input::TooLong
        | Input::ByeDone => stay,
    }
}

fn calling(state: State, input: Input) -> (State, Vec<Effect>) {
    let refused = |status| (State::Over, vec![Effect::TellRefused(status), Effect::Forget]);
    // What the switch hears of an end that a CANCEL brought about.
    let given_up = match state {
        State::Cancelling { late: true } => Some(End::Timeout),
        State::Cancelling { late: false } | State::Calling { cancel: true } => Some(End::Ours),
        State::Calling { cancel: false }
        | State::Proceeding
        | State::Incoming
        | State::Unacked { .. }
        | State::AnswerDue
        | State::Confirmed
        | State::Leaving
        | State::Over => None,
    };
    match (state, input) {
        (State::Calling { cancel: true }, Input::Provisional) => {
            (State::Cancelling { late: false }, vec![Effect::Cancel])
        }
        (State::Calling { cancel: false } | State::Proceeding, Input::Provisional) => {
            (State::Proceeding, vec![])
        }
        (State::Calling { .. }, Input::HangUp) => (State::Calling { cancel: true }, vec![]),
        (State::Proceeding, Input::HangUp) => {
            (State::Cancelling { late: false }, vec![Effect::Cancel])
        }
        (State::Proceeding, Input::TooLong) => {
            (State::Cancelling { late: true }, vec![Effect::Cancel])
        }
        // A peer that ignores our CANCEL for 64·T1 is done with (§9.1).
        (State::Cancelling { late }, Input::TooLong) => refused(Some(if late { 408 } else { 487 })),
        (State::Cancelling { late: true }, Input::Failure) => refused(Some(408)),
        (_any, Input::Failure) => refused(None),
        (_any, Input::InviteTimedOut) => refused(Some(408)),
        (_any, Input::TransportFailed) => refused(Some(503)),
        (_any, Input::Success { offerless }) => match given_up {
            // The 2xx crossed our CANCEL: the call exists and must be ended properly.
            Some(end) => (State::Leaving, vec![Effect::Ack, Effect::Bye, Effect::TellEnded(end)]),
            None if offerless => (State::AnswerDue, vec![Effect::TellAnswered]),
            None => (State::Confirmed, vec![Effect::Ack, Effect::TellAnswered]),
        },
        (State::Proceeding, Input::Retried) => (State::Calling { cancel: false }, vec![]),
        (same, _other) => (same, vec![]),
    }
}

fn answer_due(input: Input) -> (State, Vec<Effect>) {
    let leave = |end| (State::Leaving, vec![Effect::Ack, Effect::Bye, Effect::TellEnded(end)]);
    match input {
        Input::AnswerGiven => (State::Confirmed, vec![Effect::Ack]),
        Input::HangUp | Input::TooLong => leave(End::Ours),
        Input::PeerBye => (State::Over, vec![Effect::TellEnded(End::Bye), Effect::Forget]),
        Input::Expired => leave(End::SessionExpired),
        Input::Unknown | Input::Unresponsive => leave(End::Timeout),
        Input::Unreachable => leave(End::TransportError),
        Input::Answer
        | Input::Refuse
        | Input::Cancel
        | Input::Ack
        | Input::Provisional
        | Input::Success { .. }
        | Input::Failure
        | Input::Retried
        | Input::InviteTimedOut
        | Input::TransportFailed
        | Input::NoAck
        | Input::ByeDone => (State::AnswerDue, vec![]),
    }
}

fn confirmed(input: Input) -> (State, Vec<Effect>) {
    let leave = |end| (State::Leaving, vec![Effect::Bye, Effect::TellEnded(end)]);
    let gone = |end| (State::Over, vec![Effect::TellEnded(end), Effect::Forget]);
    match input {
        Input::HangUp => leave(End::Ours),
        Input::PeerBye => gone(End::Bye),
        Input::NoAck => leave(End::NoAck),
        Input::Expired => leave(End::SessionExpired),
        Input::Unknown => gone(End::Timeout),
        Input::Unresponsive => leave(End::Timeout),
        Input::Unreachable => leave(End::TransportError),
        Input::Answer
        | Input::Refuse
        | Input::AnswerGiven
        | Input::Cancel
        | Input::Ack
        | Input::Provisional
        | Input::Success { .. }
        | Input::Failure
        | Input::Retried
        | Input::InviteTimedOut
        | Input::TransportFailed
        | Input::TooLong
        | Input::ByeDone => (State::Confirmed, vec![]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 11] = [
        State::Incoming,
        State::Unacked { leaving: false },
        State::Unacked { leaving: true },
        State::Calling { cancel: false },
        State::Calling { cancel: true },
        State::Proceeding,
        State::Cancelling { late: false },
        State::AnswerDue,
        State::Confirmed,
        State::Leaving,
        State::Over,
    ];

    const INPUTS: [Input; 20] = [
        Input::Answer,
        Input::Refuse,
        Input::HangUp,
        Input::AnswerGiven,
        Input::Cancel,
        Input::Ack,
        Input::PeerBye,
        Input::Provisional,
        Input::Success { offerless: false },
        Input::Failure,
        Input::Retried,
        Input::InviteTimedOut,
        Input::TransportFailed,
        Input::NoAck,
        Input::TooLong,
        Input::Expired,
        Input::Unknown,
        Input::Unresponsive,
        Input::Unreachable,
        Input::ByeDone,
    ];

    /// One character per (state, input) in the order above. `.` nothing; lower case: state changes without effect.
    ///
    /// A answered, C cancel, B bye and told, E ended, R refused, X ack+bye+ended, K acked, F forgotten silently,
    /// b bye without being told again, e ended but staying for the ACK, a ack only.
    const TABLE: [&str; 11] = [
        // AnsRefHanGivCanAckByePrvSucFaiRetTimTrpNoATooExpUnkUnrUnaDone
        "sFE.E.E.....E.E.....",
        "..e..KE......B.BEBB.",
        ".....bF......b.bFbb.",
        "..s....sAR.RR.......",
        ".......CXR.RR.......",
        "..C.....ARsRR.C.....",
        "........XR.RR.R.....",
        "..Xa..E.......XXXXX.",
        "..B...E......B.BEBB.",
        "...................F",
        "....................",
    ];

    fn code(before: State, after: State, effects: &[Effect]) -> char {
        use Effect::{
            Ack, Bye, Cancel, Forget, Refuse, TellAcked, TellAnswered, TellEnded, TellRefused,
        };
        match effects {
            [] if before == after => '.',
            [] => 's',
            [Cancel] => 'C',
            [Bye, TellEnded(_)] => 'B',
            [Bye] => 'b',
            [Ack] => 'a',
            [TellEnded(_)] => 'e',
            [Refuse(_), TellEnded(_), Forget] | [TellEnded(_), Forget] => 'E',
            [TellRefused(_), Forget] => 'R',
            [Ack, Bye, TellEnded(_)] => 'X',
            [Ack, TellAnswered] | [TellAnswered] => 'A',
            [TellAcked] => 'K',
            [Forget] => 'F',
            _other => '?',
        }
    }

    #[test]
    fn every_state_answers_every_input() {
        for (row, state) in STATES.iter().enumerate() {
            let codes: String = INPUTS
                .iter()
                .map(|input| {
                    let (after, effects) = step(*state, *input);
                    code(*state, after, &effects)
                })
                .collect();
            assert_eq!(codes, TABLE[row], "{state:?}");
        }
    }

    /// Whatever happens in whatever order, one end is told, and never after the session is forgotten.
    #[test]
    fn an_end_is_told_at_most_once_on_every_path() {
        fn told(effects: &[Effect]) -> usize {
            effects
                .iter()
                .filter(|e| matches!(e, Effect::TellEnded(_) | Effect::TellRefused(_)))
                .count()
        }
        fn walk(state: State, ends: usize, depth: usize) {
            assert!(ends <= 1, "told twice by {state:?}");
            if matches!(state, State::Leaving | State::Unacked { leaving: true }) {
                assert_eq!(ends, 1, "{state:?} must have been told");
            }
            if depth == 0 {
                return;
            }
            for input in INPUTS {
                let (next, effects) = step(state, input);
                if next != state || !effects.is_empty() {
                    walk(next, ends + told(&effects), depth - 1);
                }
            }
        }
        walk(State::Incoming, 0, 5);
        walk(State::Calling { cancel: false }, 0, 6);
    }
}
