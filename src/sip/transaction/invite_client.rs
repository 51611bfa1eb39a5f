//! INVITE client transaction: RFC 3261 §17.1.1, Figure 5, with the Accepted state of RFC 6026 §7.2.
//!
//! Retransmits our INVITE until something comes, acknowledges refusals itself, and keeps passing up 2xx for 64·T1,
//! since each fork may answer. The ACK of a 2xx is the dialog's work.

use super::timers::{T1, TIMEOUT, TIMER_D, Timer};
use super::{Class, Output};
use std::time::Duration;

/// Figure 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Sent, nothing heard.
    Calling {
        /// The interval timer A runs now.
        interval: Duration,
    },
    /// A provisional response came.
    Proceeding,
    /// A refusal came and is acknowledged.
    Completed,
    /// A 2xx came; more may.
    Accepted,
    /// Over.
    Terminated,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A response of this class matched.
    Response(Class),
    /// A timer fired.
    Timer(Timer),
    /// The transport could not send.
    TransportError,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteClient {
    state: State,
    reliable: bool,
}

impl InviteClient {
    /// A new transaction: sends the INVITE.
    pub fn new(reliable: bool) -> (InviteClient, Vec<Output>) {
        let mut outputs = vec![Output::SendRequest];
        if !reliable {
            outputs.push(Output::Start(Timer::A, T1));
        }
        outputs.push(Output::Start(Timer::B, TIMEOUT));
        (InviteClient { state: State::Calling { interval: T1 }, reliable }, outputs)
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// One step.
    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        use Class::{Failure, Provisional, Success};
        let (state, outputs) = match (self.state, input) {
            (State::Calling { interval }, Input::Timer(Timer::A)) => {
                let interval = interval * 2;
                let again = vec![Output::SendRequest, Output::Start(Timer::A, interval)];
                (State::Calling { interval }, again)
            }
            (State::Calling { .. }, Input::Timer(Timer::B)) => {
                (State::Terminated, vec![Output::TimedOut, Output::Terminated])
            }
            (State::Calling { .. }, Input::Response(Provisional)) => {
                let outputs = vec![Output::Stop(Timer::A), Output::Stop(Timer::B), Output::PassUp];
                (State::Proceeding, outputs)
            }
            (State::Proceeding, Input::Response(Provisional)) => {
                (State::Proceeding, vec![Output::PassUp])
            }
            (State::Calling { .. } | State::Proceeding, Input::Response(Success)) => {
                let outputs = vec![
                    Output::Stop(Timer::A),
                    Output::Stop(Timer::B),
                    Output::PassUp,
                    Output::Start(Timer::M, TIMEOUT),
                ];
                (State::Accepted, outputs)
            }
            (State::Calling { .. } | State::Proceeding, Input::Response(Failure)) => self.refused(),
            (State::Completed, Input::Response(Failure)) => {
                (State::Completed, vec![Output::SendAck])
            }
            (State::Accepted, Input::Response(Success)) => (State::Accepted, vec![Output::PassUp]),
            (State::Completed, Input::Timer(Timer::D))
            | (State::Accepted, Input::Timer(Timer::M)) => {
                (State::Terminated, vec![Output::Terminated])
            }
            (
                State::Calling { .. } | State::Proceeding | State::Completed,
                Input::TransportError,
            ) => (State::Terminated, vec![Output::TransportFailed, Output::Terminated]),
            // What is sent in Accepted are ACKs of the dialog: their failure is not this machine's (RFC 6026 §7.2).
            (State::Accepted, Input::TransportError) => (State::Accepted, vec![]),
            (State::Completed, Input::Response(Provisional | Success)) => {
                (State::Completed, vec![])
            }
            (State::Accepted, Input::Response(Provisional | Failure)) => (State::Accepted, vec![]),
            // A timer of another state, or of another machine, that fired late.
            (state, Input::Timer(_)) => (state, vec![]),
            (State::Terminated, Input::Response(_) | Input::TransportError) => {
                (State::Terminated, vec![])
            }
        };
        self.state = state;
        outputs
    }

    fn refused(&self) -> (State, Vec<Output>) {
        let mut outputs =
            vec![Output::Stop(Timer::A), Output::Stop(Timer::B), Output::SendAck, Output::PassUp];
        if self.reliable {
            outputs.push(Output::Terminated);
            (State::Terminated, outputs)
        } else {
            outputs.push(Output::Start(Timer::D, TIMER_D));
            (State::Completed, outputs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::tests::ALL_TIMERS;

    const STATES: [State; 5] = [
        State::Calling { interval: T1 },
        State::Proceeding,
        State::Completed,
        State::Accepted,
        State::Terminated,
    ];

    fn inputs() -> Vec<Input> {
        let classes = [Class::Provisional, Class::Success, Class::Failure].map(Input::Response);
        let timers = ALL_TIMERS.map(Input::Timer);
        classes.into_iter().chain(timers).chain([Input::TransportError]).collect()
    }

    /// Every row of Figure 5 that does something; whatever is not here must change nothing and say nothing.
    fn figure(reliable: bool) -> Vec<(State, Input, State, Vec<Output>)> {
        use Output::{
            PassUp, SendAck, SendRequest, Start, Stop, Terminated, TimedOut, TransportFailed,
        };
        let calling = State::Calling { interval: T1 };
        let stop = [Stop(Timer::A), Stop(Timer::B)];
        let with_stop = |rest: &[Output]| [&stop[..], rest].concat();
        let (refused_to, refused) = if reliable {
            (State::Terminated, with_stop(&[SendAck, PassUp, Terminated]))
        } else {
            (State::Completed, with_stop(&[SendAck, PassUp, Start(Timer::D, TIMER_D)]))
        };
        let accepted = with_stop(&[PassUp, Start(Timer::M, TIMEOUT)]);
        let failed = vec![TransportFailed, Terminated];
        let doubled = State::Calling { interval: T1 * 2 };
        vec![
            (calling, Input::Timer(Timer::A), doubled, vec![SendRequest, Start(Timer::A, T1 * 2)]),
            (calling, Input::Timer(Timer::B), State::Terminated, vec![TimedOut, Terminated]),
            (calling, Input::Response(Class::Provisional), State::Proceeding, with_stop(&[PassUp])),
            (calling, Input::Response(Class::Success), State::Accepted, accepted.clone()),
            (calling, Input::Response(Class::Failure), refused_to, refused.clone()),
            (calling, Input::TransportError, State::Terminated, failed.clone()),
            (
                State::Proceeding,
                Input::Response(Class::Provisional),
                State::Proceeding,
                vec![PassUp],
            ),
            (State::Proceeding, Input::Response(Class::Success), State::Accepted, accepted),
            (State::Proceeding, Input::Response(Class::Failure), refused_to, refused),
            (State::Proceeding, Input::TransportError, State::Terminated, failed.clone()),
            (State::Completed, Input::Response(Class::Failure), State::Completed, vec![SendAck]),
            (State::Completed, Input::Timer(Timer::D), State::Terminated, vec![Terminated]),
            (State::Completed, Input::TransportError, State::Terminated, failed),
            (State::Accepted, Input::Response(Class::Success), State::Accepted, vec![PassUp]),
            (State::Accepted, Input::Timer(Timer::M), State::Terminated, vec![Terminated]),
        ]
    }

    #[test]
    fn every_state_answers_every_input_as_figure_5_says() {
        for reliable in [false, true] {
            let figure = figure(reliable);
            for state in STATES {
                for input in inputs() {
                    let mut machine = InviteClient { state, reliable };
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
    fn timer_a_doubles_and_reliable_transports_have_none() {
        let (mut machine, outputs) = InviteClient::new(false);
        assert!(outputs.contains(&Output::Start(Timer::A, T1)));
        for factor in [2, 4, 8, 16] {
            let outputs = machine.handle(Input::Timer(Timer::A));
            assert_eq!(outputs[1], Output::Start(Timer::A, T1 * factor));
        }
        let (_, outputs) = InviteClient::new(true);
        assert_eq!(outputs, [Output::SendRequest, Output::Start(Timer::B, TIMEOUT)]);
    }
}
