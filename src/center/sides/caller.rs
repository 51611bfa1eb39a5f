//! The caller's side of a call: his answer, his keys, his end. The exit rule hears every key first.

use crate::border::{LegCommand, LegEvent};
use crate::call::{Call, Listens, State};
use crate::center::{Center, lost};
use crate::contact::{Ending, Fault};
use crate::fact::{OperatorRequest, What};
use crate::flow::{Happening, Pressed};
use crate::ids::Key;
use crate::limits::EXIT_KEY_GRACE;
use dozvon_clock::Timestamp;

impl Center {
    pub(crate) fn caller_event(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        event: LegEvent,
    ) -> Option<Ending> {
        match event {
            LegEvent::Answered => {
                if call.state == State::Arriving {
                    call.record.answered(now);
                    self.fact(now, Some(call.id), What::CallAnswered);
                    self.state(now, call, State::InFlow);
                    self.write(call);
                    self.pump(now, call);
                }
                None
            }
            LegEvent::Key(key) => {
                self.key(now, call, key);
                None
            }
            LegEvent::Recognised(fork, news) => {
                self.recognised(now, call, fork, &news);
                None
            }
            LegEvent::Played(play) => {
                call.announcing.take_if(|announcing| *announcing == play);
                if let Some((_, ticket)) = call.playing.take_if(|(playing, _)| *playing == play) {
                    call.run.handle(now, Happening::Played(ticket));
                    self.pump(now, call);
                }
                None
            }
            LegEvent::HungUp => Some(Ending::new(Fault::Caller, "hung_up")),
            LegEvent::Refused(_) => Some(Ending::new(Fault::Caller, "cancelled")),
            LegEvent::Lost(loss) => Some(lost(Fault::Carrier, loss)),
            // A caller who holds us hears nothing of ours anyway; nobody rings at the caller's side.
            LegEvent::Held(_)
            | LegEvent::Ringing
            | LegEvent::Referred(_)
            | LegEvent::BotOver(..)
            | LegEvent::Broken(_)
            | LegEvent::Regained => None,
        }
    }

    /// The exit rule hears every key first.
    pub(crate) fn key(&mut self, now: Timestamp, call: &mut Call, key: Key) {
        // A bot is told of every key, also of the one that takes the caller away from it.
        if let State::WithBot { leg, .. } = &call.state {
            self.tell(*leg, LegCommand::BotKey(key));
        }
        match call.state.listens() {
            Listens::Nobody => {}
            Listens::Flow => {
                if call.exit.press(now, key, &mut call.run) == Pressed::Exit {
                    self.exited(now, call, OperatorRequest::Dtmf);
                }
                self.pump(now, call);
            }
            Listens::Exit if exit_counts(now, call, key) => {
                let bot = matches!(call.state, State::CallingBot { .. } | State::WithBot { .. });
                if call.run.leave_for_operator(now) {
                    let how = if bot { OperatorRequest::Bot } else { OperatorRequest::Dtmf };
                    self.exited(now, call, how);
                    self.pump(now, call);
                }
            }
            Listens::Exit => self.key_while_waiting(now, call, key),
        }
    }

    pub(crate) fn exited(&mut self, now: Timestamp, call: &mut Call, how: OperatorRequest) {
        call.record.operator_requested();
        call.leaving_by_exit = true;
        if how == OperatorRequest::Bot {
            self.wants_no_bot(now, call);
        }
        let flow = call.run.flow().name.clone();
        self.fact(now, Some(call.id), What::OperatorRequested { flow, how });
    }
}

/// Whether the exit key counts in a state in which only it does. In a queue the caller is on the way to a person: while
/// an agent's phone rings for him nothing shall take him away, and a key pressed as his wait began was meant for what
/// was before.
fn exit_counts(now: Timestamp, call: &Call, key: Key) -> bool {
    let operator = &call.run.flow().operator;
    let State::Waiting { rings, .. } = &call.state else { return operator.has(key) };
    let settled = now.since(call.since) >= EXIT_KEY_GRACE;
    rings.is_empty() && settled && !call.absent() && !call.run.is_asked() && operator.has(key)
}
