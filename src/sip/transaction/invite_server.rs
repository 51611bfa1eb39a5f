//! INVITE server transaction: RFC 3261 §17.2.1, Figure 7, with the Accepted state of RFC 6026 §7.1.
//!
//! Absorbs retransmitted INVITEs, retransmits our refusal until the ACK comes, then forgets the call. Knows nothing of
//! dialogs; the 2xx itself is retransmitted by the session (§13.3.1.4).

use super::timers::{T1, T4, TIMEOUT, Timer, doubled};
use super::{Class, Output};
use std::time::Duration;

/// Figure 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The INVITE is with the user.
    Proceeding,
    /// Refused; the ACK is awaited.
    Completed {
        /// The interval timer G runs now.
        interval: Duration,
    },
    /// The ACK of the refusal came; more may.
    Confirmed,
    /// Answered with 2xx; retransmitted INVITEs are absorbed, ACKs are passed up.
    Accepted,
    /// Over.
    Terminated,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The INVITE came again.
    Invite,
    /// An ACK matched.
    Ack,
    /// The user responds with this class.
    Respond(Class),
    /// A timer fired.
    Timer(Timer),
    /// The transport could not send.
    TransportError,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteServer {
    state: State,
    reliable: bool,
    hushed: bool,
}

impl InviteServer {
    /// A new transaction for an INVITE that is passed up.
    pub fn new(reliable: bool) -> InviteServer {
        InviteServer { state: State::Proceeding, reliable, hushed: false }
    }

    /// From now on never speak unasked: a refusal is sent once for each INVITE received and timer G does not run.
    ///
    /// For strangers, whose source address may be forged: they never get more packets than they sent. Right only while
    /// no provisional response was sent, for then the caller goes on retransmitting until it hears the refusal.
    pub fn hush(&mut self) {
        self.hushed = true;
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// One step.
    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        use Class::{Failure, Provisional, Success};
        let (state, outputs) = match (self.state, input) {
            (State::Proceeding, Input::Invite | Input::Respond(Provisional)) => {
                (State::Proceeding, vec![Output::SendResponse])
            }
            (State::Proceeding, Input::Respond(Success)) => {
                (State::Accepted, vec![Output::SendResponse, Output::Start(Timer::L, TIMEOUT)])
            }
            (State::Proceeding, Input::Respond(Failure)) => self.refuse(),
            (completed @ State::Completed { .. }, Input::Invite) => {
                (completed, vec![Output::SendResponse])
            }
            (State::Completed { interval }, Input::Timer(Timer::G)) => {
                let interval = doubled(interval);
                let again = vec![Output::SendResponse, Output::Start(Timer::G, interval)];
                (State::Completed { interval }, again)
            }
            (State::Completed { .. }, Input::Timer(Timer::H)) => {
                (State::Terminated, vec![Output::TimedOut, Output::Terminated])
            }
            (State::Completed { .. }, Input::Ack) => self.confirm(),
            // Further 2xx are the session's retransmissions; they pass through to the wire.
            (State::Accepted, Input::Respond(Success)) => {
                (State::Accepted, vec![Output::SendResponse])
            }
            (State::Accepted, Input::Ack) => (State::Accepted, vec![Output::PassUp]),
            (State::Confirmed, Input::Timer(Timer::I))
            | (State::Accepted, Input::Timer(Timer::L)) => {
                (State::Terminated, vec![Output::Terminated])
            }
            // The state stays; the timers end it (RFC 6026 §8.4).
            (
                state @ (State::Proceeding | State::Completed { .. } | State::Accepted),
                Input::TransportError,
            ) => (state, vec![Output::TransportFailed]),
            (State::Accepted, Input::Invite | Input::Respond(Provisional | Failure)) => {
                (State::Accepted, vec![])
            }
            // An ACK before any final response is nobody's.
            (State::Proceeding, Input::Ack) => (State::Proceeding, vec![]),
            (completed @ State::Completed { .. }, Input::Respond(_)) => (completed, vec![]),
            (
                State::Confirmed,
                Input::Invite | Input::Ack | Input::Respond(_) | Input::TransportError,
            ) => (State::Confirmed, vec![]),
            (state, Input::Timer(_)) => (state, vec![]),
            (
                State::Terminated,
                Input::Invite | Input::Ack | Input::Respond(_) | Input::TransportError,
            ) => (State::Terminated, vec![]),
        };
        self.state = state;
        outputs
    }

    fn refuse(&self) -> (State, Vec<Output>) {
        let mut outputs = vec![Output::SendResponse];
        if !self.reliable && !self.hushed {
            outputs.push(Output::Start(Timer::G, T1));
        }
        outputs.push(Output::Start(Timer::H, TIMEOUT));
        (State::Completed { interval: T1 }, outputs)
    }

    fn confirm(&self) -> (State, Vec<Output>) {
        let mut outputs = vec![Output::Stop(Timer::G), Output::Stop(Timer::H)];
        if self.reliable {
            outputs.push(Output::Terminated);
            (State::Terminated, outputs)
        } else {
            outputs.push(Output::Start(Timer::I, T4));
            (State::Confirmed, outputs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::tests::ALL_TIMERS;

    const COMPLETED: State = State::Completed { interval: T1 };
    const STATES: [State; 5] =
        [State::Proceeding, COMPLETED, State::Confirmed, State::Accepted, State::Terminated];

    fn inputs() -> Vec<Input> {
        let classes = [Class::Provisional, Class::Success, Class::Failure].map(Input::Respond);
        let plain = [Input::Invite, Input::Ack, Input::TransportError];
        classes.into_iter().chain(plain).chain(ALL_TIMERS.map(Input::Timer)).collect()
    }

    fn figure(reliable: bool) -> Vec<(State, Input, State, Vec<Output>)> {
        use Class::{Failure, Provisional, Success};
        use Output::{PassUp, SendResponse, Start, Stop, Terminated, TimedOut, TransportFailed};
        let refuse = if reliable {
            vec![SendResponse, Start(Timer::H, TIMEOUT)]
        } else {
            vec![SendResponse, Start(Timer::G, T1), Start(Timer::H, TIMEOUT)]
        };
        let stop = [Stop(Timer::G), Stop(Timer::H)];
        let (confirm_to, confirm) = if reliable {
            (State::Terminated, [&stop[..], &[Terminated]].concat())
        } else {
            (State::Confirmed, [&stop[..], &[Start(Timer::I, T4)]].concat())
        };
        let (proceeding, accepted, over) = (State::Proceeding, State::Accepted, State::Terminated);
        let doubled = State::Completed { interval: T1 * 2 };
        let answered = vec![SendResponse, Start(Timer::L, TIMEOUT)];
        let again = vec![SendResponse, Start(Timer::G, T1 * 2)];
        let mut rows = vec![
            (proceeding, Input::Invite, proceeding, vec![SendResponse]),
            (proceeding, Input::Respond(Provisional), proceeding, vec![SendResponse]),
            (proceeding, Input::Respond(Success), accepted, answered),
            (proceeding, Input::Respond(Failure), COMPLETED, refuse),
            (COMPLETED, Input::Invite, COMPLETED, vec![SendResponse]),
            (COMPLETED, Input::Ack, confirm_to, confirm),
            (COMPLETED, Input::Timer(Timer::G), doubled, again),
            (COMPLETED, Input::Timer(Timer::H), over, vec![TimedOut, Terminated]),
            (State::Confirmed, Input::Timer(Timer::I), over, vec![Terminated]),
            (accepted, Input::Ack, accepted, vec![PassUp]),
            (accepted, Input::Respond(Success), accepted, vec![SendResponse]),
            (accepted, Input::Timer(Timer::L), over, vec![Terminated]),
        ];
        for state in [proceeding, COMPLETED, accepted] {
            rows.push((state, Input::TransportError, state, vec![TransportFailed]));
        }
        rows
    }

    #[test]
    fn every_state_answers_every_input_as_figure_7_says() {
        for reliable in [false, true] {
            let figure = figure(reliable);
            for state in STATES {
                for input in inputs() {
                    let mut machine = InviteServer { state, reliable, hushed: false };
                    let outputs = machine.handle(input);
                    let row = figure.iter().find(|row| row.0 == state && row.1 == input);
                    let expected = row.map_or((state, vec![]), |row| (row.2, row.3.clone()));
                    assert_eq!(
                        (machine.state, outputs),
                        expected,
                        "{state:?} {input:?} {reliable}"
                    );
                }
            }
        }
    }
    #[test]
    fn a_hushed_refusal_is_repeated_only_when_asked_for() {
        let mut machine = InviteServer::new(false);
        machine.hush();
        let outputs = machine.handle(Input::Respond(Class::Failure));
        assert_eq!(outputs, [Output::SendResponse, Output::Start(Timer::H, TIMEOUT)]);
        assert_eq!(machine.handle(Input::Invite), [Output::SendResponse]);
    }
}
