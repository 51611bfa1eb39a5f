//! The life of a referral: a REFER of theirs and the subscription that it implies (RFC 3515 §2.4.4, RFC 6665 §4.2).
//!
//! It decides when the REFER is answered and when a NOTIFY may go out; it holds no bytes. One NOTIFY is under way at a
//! time, so that none overtakes another and what is not yet told is told as the newest only. A referral outlives the
//! call it came in: the subscription is a usage of the dialog of its own (RFC 5057 §4).

/// Where a referral stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The REFER is with the switch.
    Asked,
    /// A NOTIFY is under way.
    Telling {
        /// Something newer waits for the answer to it.
        news: bool,
    },
    /// They know what we know.
    Told,
    /// A NOTIFY is under way, and the last one waits for the answer to it.
    Closing(Last),
    /// Nothing is left to do.
    Over,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The switch takes the referral on, and they want to hear of it.
    Accept,
    /// The switch takes the referral on, and they asked not to hear of it (RFC 4488).
    AcceptSilently,
    /// The switch refuses; the answer is out.
    Refuse,
    /// The switch says how far it is.
    Progress,
    /// The switch says how it ended.
    Result,
    /// Our NOTIFY was answered, and may be followed by another.
    Delivered,
    /// Our NOTIFY was refused or not answered.
    Undelivered,
    /// They ask for the state by SUBSCRIBE.
    Fetch,
    /// They end the subscription by SUBSCRIBE.
    Unsubscribe,
    /// The switch has not decided in time, or the subscription has lasted its time.
    TooLong,
    /// The call that the REFER came in is over.
    CallOver,
}

/// What the last NOTIFY gives as its reason (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// The result is told and nothing can follow: `noresource`, as RFC 3515 §2.4.7 asks.
    NoResource,
    /// They unsubscribed, or it lasted too long: `timeout`.
    Timeout,
}

impl Last {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Last::NoResource => "noresource",
            Last::Timeout => "timeout",
        }
    }
}

/// What the endpoint must do, in the order given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer the REFER with 202.
    Accept,
    /// Answer the REFER with this refusal.
    Refuse(u16),
    /// Send a NOTIFY with what is known now, the subscription active.
    Notify,
    /// Send a NOTIFY with what is known now, the subscription terminated.
    NotifyLast(Last),
    /// Forget the referral. Always the last.
    Forget,
}

/// One step: the next state and what to do.
pub fn step(state: State, input: Input) -> (State, Vec<Effect>) {
    match state {
        State::Asked => asked(input),
        State::Telling { news } => telling(news, input),
        State::Told => told(input),
        State::Closing(last) => closing(last, input),
        State::Over => (State::Over, vec![]),
    }
}

fn asked(input: Input) -> (State, Vec<Effect>) {
    match input {
        Input::Accept => (State::Telling { news: false }, vec![Effect::Accept, Effect::Notify]),
        Input::AcceptSilently => (State::Over, vec![Effect::Accept, Effect::Forget]),
        Input::Refuse => (State::Over, vec![Effect::Forget]),
        Input::TooLong => (State::Over, vec![Effect::Refuse(500), Effect::Forget]),
        // A BYE answers what is open with 487 (RFC 3261 §15.1.2).
        Input::CallOver => (State::Over, vec![Effect::Refuse(487), Effect::Forget]),
        Input::Progress
        | Input::Result
        | Input::Delivered
        | Input::Undelivered
        | Input::Fetch
        | Input::Unsubscribe => (State::Asked, vec![]),
    }
}

fn telling(news: bool, input: Input) -> (State, Vec<Effect>) {
    match input {
        Input::Progress | Input::Fetch => (State::Telling { news: true }, vec![]),
        Input::Result => (State::Closing(Last::NoResource), vec![]),
        Input::Unsubscribe => (State::Closing(Last::Timeout), vec![]),
        Input::Delivered if news => (State::Telling { news: false }, vec![Effect::Notify]),
        Input::Delivered => (State::Told, vec![]),
        Input::Undelivered => (State::Over, vec![Effect::Forget]),
        Input::TooLong => over(Last::Timeout),
        Input::Accept | Input::AcceptSilently | Input::Refuse | Input::CallOver => {
            (State::Telling { news }, vec![])
        }
    }
}

fn told(input: Input) -> (State, Vec<Effect>) {
    match input {
        Input::Progress | Input::Fetch => (State::Telling { news: false }, vec![Effect::Notify]),
        Input::Result => over(Last::NoResource),
        Input::Unsubscribe | Input::TooLong => over(Last::Timeout),
        Input::Accept
        | Input::AcceptSilently
        | Input::Refuse
        | Input::Delivered
        | Input::Undelivered
        | Input::CallOver => (State::Told, vec![]),
    }
}

fn closing(last: Last, input: Input) -> (State, Vec<Effect>) {
    match input {
        Input::Delivered | Input::TooLong => over(last),
        Input::Undelivered => (State::Over, vec![Effect::Forget]),
        // Who has unsubscribed is told the result if it comes first.
        Input::Result => (State::Closing(Last::NoResource), vec![]),
        Input::Accept
        | Input::AcceptSilently
        | Input::Refuse
        | Input::Progress
        | Input::Fetch
        | Input::Unsubscribe
        | Input::CallOver => (State::Closing(last), vec![]),
    }
}

/// The last NOTIFY goes out; its transaction repeats it, and nobody waits for the answer.
fn over(last: Last) -> (State, Vec<Effect>) {
    (State::Over, vec![Effect::NotifyLast(last), Effect::Forget])
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 7] = [
        State::Asked,
        State::Telling { news: false },
        State::Telling { news: true },
        State::Told,
        State::Closing(Last::NoResource),
        State::Closing(Last::Timeout),
        State::Over,
    ];

    const INPUTS: [Input; 11] = [
        Input::Accept,
        Input::AcceptSilently,
        Input::Refuse,
        Input::Progress,
        Input::Result,
        Input::Delivered,
        Input::Undelivered,
        Input::Fetch,
        Input::Unsubscribe,
        Input::TooLong,
        Input::CallOver,
    ];

    /// One step as three letters: what is sent, and the state after it.
    fn code(state: State, input: Input) -> String {
        let (after, effects) = step(state, input);
        let sent: String = effects
            .iter()
            .map(|effect| match effect {
                Effect::Accept => 'a',
                Effect::Refuse(500) => 'f',
                Effect::Refuse(_) => 'r',
                Effect::Notify => 'n',
                Effect::NotifyLast(Last::NoResource) => 'l',
                Effect::NotifyLast(Last::Timeout) => 't',
                Effect::Forget => 'x',
            })
            .collect();
        if after == state {
            return format!("{sent}=");
        }
        let name = match after {
            State::Asked => 'A',
            State::Telling { news: false } => 'N',
            State::Telling { news: true } => 'M',
            State::Told => 'T',
            State::Closing(Last::NoResource) => 'L',
            State::Closing(Last::Timeout) => 'U',
            State::Over => 'O',
        };
        format!("{sent}{name}")
    }

    #[test]
    fn every_state_answers_every_input() {
        let table = STATES.map(|state| INPUTS.map(|input| code(state, input)).join(" "));
        assert_eq!(
            table,
            [
                // accept silently refuse progress result delivered undelivered fetch unsubscribe too-long call-over
                "anN axO xO = = = = = = fxO rxO",
                "= = = M L T xO M U txO =",
                "= = = = L nN xO = U txO =",
                "= = = nN lxO = = nN txO txO =",
                "= = = = = lxO xO = = lxO =",
                "= = = = L txO xO = = txO =",
                "= = = = = = = = = = =",
            ]
        );
    }

    #[test]
    fn at_most_one_last_notify_goes_out_and_nothing_follows_it() {
        fn walk(state: State, last: usize, depth: usize) {
            if depth == 0 {
                return;
            }
            for input in INPUTS {
                let (after, effects) = step(state, input);
                let is_last = |effect: &&Effect| matches!(effect, Effect::NotifyLast(_));
                let sent = effects.iter().filter(|e| !matches!(e, Effect::Forget)).count();
                assert!(last == 0 || sent == 0, "{state:?} {input:?}");
                assert_eq!(
                    after == State::Over && state != State::Over,
                    effects.contains(&Effect::Forget)
                );
                walk(after, last + effects.iter().filter(is_last).count(), depth - 1);
            }
        }
        walk(State::Asked, 0, 5);
    }
}
