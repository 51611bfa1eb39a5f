//! Non-INVITE server transaction: RFC 3261 §17.2.2, Figure 8.

use super::timers::{TIMEOUT, Timer};
use super::{Class, Output};

/// Figure 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// With the user, nothing sent.
    Trying,
    /// A provisional response was sent.
    Proceeding,
    /// The final response was sent.
    Completed,
    /// Over.
    Terminated,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The request came again.
    Request,
    /// The user responds with this class.
    Respond(Class),
    /// A timer fired.
    Timer(Timer),
    /// The transport could not send.
    TransportError,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    state: State,
    reliable: bool,
}

impl Server {
    /// A new transaction for a request that is passed up.
    pub fn new(reliable: bool) -> Server {
        Server { state: State::Trying, reliable }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// One step.
    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        use Class::{Failure, Provisional, Success};
        let (state, outputs) = match (self.state, input) {
            // A retransmission before any answer is dropped (§17.2.2).
            (State::Trying, Input::Request) => (State::Trying, vec![]),
            (State::Proceeding, Input::Request) => (State::Proceeding, vec![Output::SendResponse]),
            (State::Completed, Input::Request) => (State::Completed, vec![Output::SendResponse]),
            (State::Trying | State::Proceeding, Input::Respond(Provisional)) => {
                (State::Proceeding, vec![Output::SendResponse])
            }
            (State::Trying | State::Proceeding, Input::Respond(Success | Failure)) => {
                self.complete()
            }
            (State::Completed, Input::Respond(_)) => (State::Completed, vec![]),
            (State::Completed, Input::Timer(Timer::J)) => {
                (State::Terminated, vec![Output::Terminated])
            }
            // The state stays so that retransmissions are absorbed (RFC 6026 §8.4).
            (
                state @ (State::Trying | State::Proceeding | State::Completed),
                Input::TransportError,
            ) => (state, vec![Output::TransportFailed]),
            (state, Input::Timer(_)) => (state, vec![]),
            (State::Terminated, Input::Request | Input::Respond(_) | Input::TransportError) => {
                (State::Terminated, vec![])
            }
        };
        self.state = state;
        outputs
    }

    fn complete(&self) -> (State, Vec<Output>) {
        if self.reliable {
            (State::Terminated, vec![Output::SendResponse, Output::Terminated])
        } else {
            (State::Completed, vec![Output::SendResponse, Output::Start(Timer::J, TIMEOUT)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::tests::ALL_TIMERS;

    const STATES: [State; 4] =
        [State::Trying, State::Proceeding, State::Completed, State::Terminated];

    fn inputs() -> Vec<Input> {
        let classes = [Class::Provisional, Class::Success, Class::Failure].map(Input::Respond);
        let plain = [Input::Request, Input::TransportError];
        classes.into_iter().chain(plain).chain(ALL_TIMERS.map(Input::Timer)).collect()
    }

    fn figure(reliable: bool) -> Vec<(State, Input, State, Vec<Output>)> {
        use Class::{Failure, Provisional, Success};
        use Output::{SendResponse, Start, Terminated, TransportFailed};
        let (done_to, done) = if reliable {
            (State::Terminated, vec![SendResponse, Terminated])
        } else {
            (State::Completed, vec![SendResponse, Start(Timer::J, TIMEOUT)])
        };
        let mut rows = vec![
            (State::Proceeding, Input::Request, State::Proceeding, vec![SendResponse]),
            (State::Completed, Input::Request, State::Completed, vec![SendResponse]),
            (State::Completed, Input::Timer(Timer::J), State::Terminated, vec![Terminated]),
            (State::Completed, Input::TransportError, State::Completed, vec![TransportFailed]),
        ];
        for state in [State::Trying, State::Proceeding] {
            rows.extend([
                (state, Input::Respond(Provisional), State::Proceeding, vec![SendResponse]),
                (state, Input::Respond(Success), done_to, done.clone()),
                (state, Input::Respond(Failure), done_to, done.clone()),
                (state, Input::TransportError, state, vec![TransportFailed]),
            ]);
        }
        rows
    }

    #[test]
    fn every_state_answers_every_input_as_figure_8_says() {
        for reliable in [false, true] {
            let figure = figure(reliable);
            for state in STATES {
                for input in inputs() {
                    let mut machine = Server { state, reliable };
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
}
