//! The side of a call at a number outside that the flow sent the caller to.

use crate::border::{LegCommand, LegEvent};
use crate::call::{Call, State};
use crate::center::{Center, Timer};
use crate::contact::{Ending, Fault, StageKind};
use crate::fact::What;
use crate::flow::{Happening, TransferEnd};
use crate::ids::LegId;
use crate::record::Place;
use dozvon_clock::Timestamp;

impl Center {
    pub(crate) fn outside_event(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        leg: LegId,
        event: LegEvent,
    ) -> Option<Ending> {
        match event {
            LegEvent::Answered => {
                self.deadlines.cancel(&(call.id, Timer::OutsideAnswer));
                call.playing = None;
                self.tell(call.leg, LegCommand::Bridge { with: leg });
                let State::Outside { answered, .. } = &mut call.state else { return None };
                *answered = true;
                call.since = now;
                self.write(call);
            }
            LegEvent::HungUp | LegEvent::Lost(_) | LegEvent::Refused(_) => {
                self.outside_over(now, call);
            }
            LegEvent::Ringing
            | LegEvent::Key(_)
            | LegEvent::Played(_)
            | LegEvent::Held(_)
            | LegEvent::Referred(_)
            | LegEvent::BotOver(..)
            | LegEvent::Recognised(..)
            | LegEvent::Broken(_)
            | LegEvent::Regained => {}
        }
        None
    }

    pub(crate) fn outside_over(&mut self, now: Timestamp, call: &mut Call) {
        if matches!(call.state, State::Outside { after_talk: true, .. }) {
            self.leave_outside(now, call);
            self.after_talk(now, call);
            return;
        }
        let answered = self.leave_outside(now, call);
        self.state(now, call, State::InFlow);
        call.record.enter(now, StageKind::Ivr, Place::default());
        let end = if answered { TransferEnd::Answered } else { TransferEnd::Failed };
        call.run.handle(now, Happening::Transfer(end));
        self.pump(now, call);
    }

    pub(crate) fn leave_outside(&mut self, now: Timestamp, call: &mut Call) -> bool {
        let State::Outside { leg, answered, .. } = call.state else { return false };
        self.deadlines.cancel(&(call.id, Timer::OutsideAnswer));
        self.fact(now, Some(call.id), What::TransferEnded { answered });
        if self.legs.contains_key(&leg) {
            self.release(leg, Ending::new(Fault::Nobody, "transfer_over"));
        }
        answered
    }
}
