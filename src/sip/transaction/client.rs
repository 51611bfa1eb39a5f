//! Non-INVITE client transaction: RFC 3261 §17.1.2, Figure 6.

use super::timers::{T1, T2, T4, TIMEOUT, Timer, doubled};
use super::{Class, Output};
use std::time::Duration;

/// Figure 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Sent, nothing heard.
    Trying {
        /// The interval timer E runs now.
        interval: Duration,
    },
    /// A provisional response came.
    Proceeding,
    /// The final response came.
    Completed,
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
pub struct Client {
    state: State,
    reliable: bool,
}

impl Client {
    /// A new transaction: sends the request.
    pub fn new(reliable: bool) -> (Client, Vec<Output>) {
        let mut outputs = vec![Output::SendRequest, Output::Start(Timer::F, TIMEOUT)];
        if !reliable {
            outputs.push(Output::Start(Timer::E, T1));
        }
        (Client { state: State::Trying { interval: T1 }, reliable }, outputs)
    }

    /// The state.
    pub fn state(&self) -> State {
        self.state
    }

    /// One step.
    pub fn handle(&mut self, input: Input) -> Vec<Output> {
        use Class::{Failure, Provisional, Success};
        let (state, outputs) = match (self.state, input) {
            (State::Trying { interval }, Input::Timer(Timer::E)) => {
                let interval = doubled(interval);
                let again = vec![Output::SendRequest, Output::Start(Timer::E, interval)];
                (State::Trying { interval }, again)
            }
            // Once a provisional came, the interval is T2 at once (§17.1.2.2).
            (State::Proceeding, Input::Timer(Timer::E)) => {
                (State::Proceeding, vec![Output::SendRequest, Output::Start(Timer::E, T2)])
            }
            (State::Trying { .. } | State::Proceeding, Input::Timer(Timer::F)) => {
                (State::Terminated, vec![Output::TimedOut, Output::Terminated])
            }
            (State::Trying { .. } | State::Proceeding, Input::Response(Provisional)) => {
                (State::Proceeding, vec![Output::PassUp])
            }
            (State::Trying { .. } | State::Proceeding, Input::Response(Success | Failure)) => {
                self.completed()
            }
            (State::Trying { .. } | State::Proceeding, Input::TransportError) => {
                (State::Terminated, vec![Output::TransportFailed, Output::Terminated])
            }
            (State::Completed, Input::Timer(Timer::K)) => {
                (State::Terminated, vec![Output::Terminated])
            }
            (State::Completed, Input::Response(_) | Input::TransportError) => {
                (State::Completed, vec![])
            }
            (state, Input::Timer(_)) => (state, vec![]),
            (State::Terminated, Input::Response(_) | Input::TransportError) => {
                (State::Terminated, vec![])
            }
        };
        self.state = state;
        outputs
    }

    fn completed(&self) -> (State, Vec<Output>) {
        let mut outputs = vec![Output::Stop(Timer::E), Output::Stop(Timer::F), Output::PassUp];
        if self.reliable {
            outputs.push(Output::Terminated);
            (State::Terminated, outputs)
        } else {
            outputs.push(Output::Start(Timer::K, T4));
            (State::Completed, outputs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::tests::ALL_TIMERS;

    const STATES: [State; 4] =
        [State::Trying { interval: T1 }, State::Proceeding, State::Completed, State::Terminated];

    fn inputs() -> Vec<Input> {
        let classes = [Class::Provisional, Class::Success, Class::Failure].map(Input::Response);
        let timers = ALL_TIMERS.map(Input::Timer);
        classes.into_iter().chain(timers).chain([Input::TransportError]).collect()
    }

    fn figure(reliable: bool) -> Vec<(State, Input, State, Vec<Output>)> {
        use Output::{PassUp, SendRequest, Start, Stop, Terminated, TimedOut, TransportFailed};
        let trying = State::Trying { interval: T1 };
        let doubled = State::Trying { interval: T1 * 2 };
        let stop = [Stop(Timer::E), Stop(Timer::F), PassUp];
        let (done_to, done) = if reliable {
            (State::Terminated, [&stop[..], &[Terminated]].concat())
        } else {
            (State::Completed, [&stop[..], &[Start(Timer::K, T4)]].concat())
        };
        let mut rows = vec![
            (trying, Input::Timer(Timer::E), doubled, vec![SendRequest, Start(Timer::E, T1 * 2)]),
            (
                State::Proceeding,
                Input::Timer(Timer::E),
                State::Proceeding,
                vec![SendRequest, Start(Timer::E, T2)],
            ),
            (State::Completed, Input::Timer(Timer::K), State::Terminated, vec![Terminated]),
        ];
        for state in [trying, State::Proceeding] {
            let over = State::Terminated;
            rows.extend([
                (state, Input::Timer(Timer::F), over, vec![TimedOut, Terminated]),
                (state, Input::Response(Class::Provisional), State::Proceeding, vec![PassUp]),
                (state, Input::Response(Class::Success), done_to, done.clone()),
                (state, Input::Response(Class::Failure), done_to, done.clone()),
                (state, Input::TransportError, over, vec![TransportFailed, Terminated]),
            ]);
        }
        rows
    }

    #[test]
    fn every_state_answers_every_input_as_figure_6_says() {
        for reliable in [false, true] {
            let figure = figure(reliable);
            for state in STATES {
                for input in inputs() {
                    let mut machine = Client { state, reliable };
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
    fn timer_e_doubles_up_to_t2() {
        let (mut machine, _) = Client::new(false);
        let intervals: Vec<Output> =
            (0..5).map(|_| machine.handle(Input::Timer(Timer::E))[1]).collect();
        let expected = [1000, 2000, 4000, 4000, 4000]
            .map(|millis| Output::Start(Timer::E, Duration::from_millis(millis)));
        assert_eq!(intervals, expected);
    }
}
