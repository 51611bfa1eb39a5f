//! The voice bot's side of a call: set up, talk, and the ways back to people.

use crate::border::{LegCommand, LegEvent, ReferralNews};
use crate::bot::{BotFailure, BotNote, BotOver};
use crate::call::{Call, State};
use crate::center::{Center, Timer};
use crate::contact::{Ending, Fault, StageKind};
use crate::fact::What;
use crate::flow::{BotEnd, Happening};
use crate::ids::LegId;
use crate::record::Place;
use dozvon_clock::Timestamp;
use std::sync::Arc;

/// What is known of a bot's end besides that it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Why it failed, if it did.
    failure: Option<BotFailure>,
    /// What it said.
    note: Option<Arc<BotNote>>,
}

impl Center {
    pub(crate) fn bot_event(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        leg: LegId,
        event: LegEvent,
    ) -> Option<Ending> {
        match (event, call.state.clone()) {
            (LegEvent::Answered, State::CallingBot { bot, max_duration, .. }) => {
                self.deadlines.cancel(&(call.id, Timer::BotAnswer));
                self.deadlines.set((call.id, Timer::BotTooLong), now + max_duration);
                self.tell(call.leg, LegCommand::Bridge { with: leg });
                self.measure_bot(call, leg, &bot);
                self.fact(now, Some(call.id), What::BotConnected { bot: bot.clone() });
                self.delivered(now, call, true);
                self.state(now, call, State::WithBot { leg, bot, since: now });
            }
            // Where it wants the caller to go is told to people; where he goes is for the flow.
            (LegEvent::Referred(_), _) => self.bot_over(now, call, BotOver::Transfer, None),
            (LegEvent::BotOver(over, note), _) => self.bot_over(now, call, over, note),
            (LegEvent::HungUp, _) => self.bot_over(now, call, BotOver::Done, None),
            (LegEvent::Refused(refusal), _) => {
                self.bot_over(now, call, BotOver::Failed(refusal.into()), None);
            }
            (LegEvent::Lost(loss), _) => {
                self.bot_over(now, call, BotOver::Failed(loss.into()), None);
            }
            // A bot has no keys for us, and one that holds or rings changes nothing.
            (
                LegEvent::Answered
                | LegEvent::Ringing
                | LegEvent::Key(_)
                | LegEvent::Played(_)
                | LegEvent::Held(_)
                | LegEvent::Broken(_)
                | LegEvent::Regained
                | LegEvent::Recognised(..),
                _,
            ) => {}
        }
        None
    }

    /// The bot's part is over, for this reason and with these words; the flow says what comes next.
    pub(crate) fn bot_over(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        over: BotOver,
        note: Option<Box<BotNote>>,
    ) {
        let (end, failure) = match over {
            BotOver::Done => (BotEnd::Done, None),
            BotOver::Transfer => (BotEnd::Transfer, None),
            BotOver::Failed(failure) => (BotEnd::Failed, Some(failure)),
        };
        if let (BotEnd::Transfer, Some(leg)) = (end, bots_leg(call)) {
            self.tell(leg, LegCommand::Referral(ReferralNews::Accepted));
            self.tell(leg, LegCommand::Referral(ReferralNews::Done));
        }
        let note = note.filter(|note| !note.is_empty()).map(Arc::from);
        self.leave_bot(now, call, bot_word(end), Said { failure, note });
        self.back_to_flow(now, call, end);
    }

    /// The bot has had its time; the flow says what comes next.
    pub(crate) fn bot_too_long(&mut self, now: Timestamp, call: &mut Call) {
        self.leave_bot(now, call, bot_word(BotEnd::TooLong), Said::default());
        self.back_to_flow(now, call, BotEnd::TooLong);
    }

    fn back_to_flow(&mut self, now: Timestamp, call: &mut Call, end: BotEnd) {
        self.state(now, call, State::InFlow);
        call.record.enter(now, StageKind::Ivr, Place::default());
        call.run.handle(now, Happening::Bot(end));
        self.pump(now, call);
    }

    /// Takes the call out of the bot's hands, in the books and on the line.
    pub(crate) fn leave_bot(&mut self, now: Timestamp, call: &mut Call, word: &str, said: Said) {
        let (leg, bot, talk) = match &call.state {
            State::CallingBot { leg, bot, .. } => (*leg, bot.clone(), None),
            State::WithBot { leg, bot, since } => (*leg, bot.clone(), Some(now.since(*since))),
            State::Arriving
            | State::InFlow
            | State::Waiting { .. }
            | State::Talking(_)
            | State::Handing(_)
            | State::Parked(_)
            | State::CallingBack(_)
            | State::Outside { .. } => return,
        };
        self.deadlines.cancel(&(call.id, Timer::BotAnswer));
        self.deadlines.cancel(&(call.id, Timer::BotTooLong));
        if talk.is_none() {
            self.delivered(now, call, false);
        }
        if let Some(option) = call.drawn.take() {
            call.record.bot_end(&option, word);
        }
        self.steered.left_bot(&bot, call.id);
        let talk_secs = talk.unwrap_or_default().as_secs_f64();
        let Said { failure, note } = said;
        if let Some(note) = note.clone() {
            call.record.bot_note(note);
        }
        let end = word.into();
        self.fact(now, Some(call.id), What::BotEnded { bot, end, talk_secs, failure, note });
        if self.legs.contains_key(&leg) {
            self.release(leg, Ending::new(Fault::Nobody, word));
        }
    }

    /// The operator exit took the caller away from the bot.
    pub(crate) fn take_out_of_bot(&mut self, now: Timestamp, call: &mut Call) {
        self.leave_bot(now, call, bot_word(BotEnd::Transfer), Said::default());
    }

    pub(crate) fn delivered(&mut self, now: Timestamp, call: &mut Call, delivered: bool) {
        let Some(option) = call.drawn.clone() else { return };
        // Of a caller who comes to the same bot twice in one call the first time counts.
        if call.record.arm_of(&option).is_some_and(|arm| arm.bot_end.is_some()) {
            return;
        }
        call.record.delivered(&option, delivered);
        let arm = crate::rollout::Arm::Bot;
        self.fact(now, Some(call.id), What::ArmDelivered { option, arm, delivered });
    }
}

/// The leg of the bot that has the call or is being called.
const fn bots_leg(call: &Call) -> Option<LegId> {
    match &call.state {
        State::CallingBot { leg, .. } | State::WithBot { leg, .. } => Some(*leg),
        State::Arriving
        | State::InFlow
        | State::Waiting { .. }
        | State::Talking(_)
        | State::Handing(_)
        | State::Parked(_)
        | State::CallingBack(_)
        | State::Outside { .. } => None,
    }
}

const fn bot_word(end: BotEnd) -> &'static str {
    match end {
        BotEnd::Done => "done",
        BotEnd::Transfer => "transfer",
        BotEnd::Failed => "failed",
        BotEnd::TooLong => "too_long",
    }
}
